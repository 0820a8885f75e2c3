package source

import "bytes"

const (
	// blockLen is how much of a file is read at once.
	blockLen = 256 << 10
	// maxLine is the longest line that is read, without its line end. Longer
	// ones are skipped whole and counted.
	maxLine = 1 << 20
	// holeLen is the length from which NULs in the middle of a line are a hole
	// that a power cut or a truncation left, not something that was logged.
	holeLen = 64
)

// piece says what some bytes of a log begin with. At most one of lines and
// skip isn't 0; when both are, more bytes are needed.
type piece struct {
	lines int  // length of whole lines
	skip  int  // length of what belongs to no line
	torn  bool // the skipped bytes hold the beginning of a line that was never finished
}

// cut looks at data, which starts where a line starts. more says that the file
// has bytes behind data: a hole at the end of data is then final. A hole that
// reaches to the end of the file isn't, because a file that is being mended
// after a power cut may have one.
func cut(data []byte, more bool) piece {
	hole := findHole(data)
	switch {
	case hole < 0:
		return piece{lines: bytes.LastIndexByte(data, '\n') + 1}
	case hole > 0:
		if n := bytes.LastIndexByte(data[:hole], '\n') + 1; n > 0 {
			return piece{lines: n}
		}
	}
	end := hole + zeros(data[hole:])
	if end == len(data) && !more {
		return piece{}
	}
	return piece{skip: end, torn: hole > 0}
}

// findHole returns where the first hole in data is, or -1: NULs at the start of
// a line, or at least holeLen of them anywhere.
func findHole(data []byte) int {
	from := 0
	for {
		i := bytes.IndexByte(data[from:], 0)
		if i < 0 {
			return -1
		}
		i += from
		n := zeros(data[i:])
		if n >= holeLen || i == 0 || data[i-1] == '\n' {
			return i
		}
		from = i + n
	}
}

// zeros returns how many NULs b begins with.
func zeros(b []byte) int {
	for i, c := range b {
		if c != 0 {
			return i
		}
	}
	return len(b)
}
