package source

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestTruncatedAndRegrown(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := follow(t)
		r.write(50)
		r.scan()
		if down {
			r.kill()
		}
		if err := os.Truncate(r.path("access.log"), 0); err != nil {
			t.Fatal(err)
		}
		r.write(200) // past the old offset before anybody looks
		r.settle()
		r.check()
	}
}

func TestTruncatedToPrefix(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := follow(t)
		r.write(50)
		r.scan()
		if down {
			r.kill()
		}
		b := r.read("access.log")
		if err := os.Truncate(r.path("access.log"), int64(len(b)*2/3)); err != nil {
			t.Fatal(err)
		}
		r.settle()
		r.check()
		r.wantEvent("log lost its end")
		// The cut line is gone as a line, what follows it is one.
		fragment := r.read("access.log")
		fragment = fragment[strings.LastIndexByte(string(fragment), '\n')+1:]
		r.append("\n")
		r.want = append(r.want, string(fragment))
		r.write(5)
		r.settle()
		r.check()
	}
}

func TestEmptiedByHand(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	if err := os.Truncate(r.path("access.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.write(1)
	r.settle()
	r.check()
}

func TestHalfLine(t *testing.T) {
	r := follow(t)
	r.write(2)
	r.append("half a ")
	r.scan()
	r.check()
	r.wantReadTo(true)
	r.append("line")
	r.scan()
	r.kill()
	r.scan()
	r.append("\nand more")
	r.scan()
	r.want = append(r.want, "half a line")
	r.check()
}

// A line whose writer died isn't counted, unless it is completed after all.
func TestLineNeverFinished(t *testing.T) {
	r := follow(t)
	r.write(2)
	r.append("torn by a kil")
	r.scan()
	r.remove("access.log")
	r.scan()
	r.pass(2 * deletedFor)
	r.scan()
	r.check()
	r.wantEvent("line was never finished")
	if n := r.events(tornKind); n != 1 {
		t.Errorf("%d torn lines; want 1", n)
	}
}

// What a full disk leaves is glued to the next line: the parser will refuse
// it, so it comes as one line.
func TestFullDiskOfTheProxy(t *testing.T) {
	r := follow(t)
	r.append(`10.0.0.1 - - [24/Nov/2026:20:0`)
	r.append("10.0.0.2 - - whole\n")
	r.want = append(r.want, `10.0.0.1 - - [24/Nov/2026:20:010.0.0.2 - - whole`)
	r.scan()
	r.check()
}

func TestCarriageReturns(t *testing.T) {
	r := follow(t)
	r.append("one\r\ntwo\r")
	r.scan()
	r.append("\nthree\n\n")
	r.scan()
	r.want = []string{"one\r", "two\r", "three", ""}
	r.check()
	for _, p := range r.positions {
		if !isMarker(&p) && p.Offset != int64(len("one\r\ntwo\r\nthree\n\n")) {
			t.Errorf("offset %d isn't in bytes of the file", p.Offset)
		}
	}
}

func TestHoles(t *testing.T) {
	t.Run("sparse", func(t *testing.T) {
		r := follow(t)
		r.write(30)
		r.scan()
		// copytruncate under a writer that doesn't append.
		if err := os.Truncate(r.path("access.log"), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(r.path("access.log"), 64<<20); err != nil {
			t.Fatal(err)
		}
		r.scan()
		r.write(5)
		r.settle()
		r.check()
		r.wantEvent("hole of zero bytes")
		r.wantReadTo(true)
		r.kill()
		r.write(5)
		r.settle()
		r.check()
	})
	t.Run("a terabyte", func(t *testing.T) {
		r := follow(t)
		r.write(3)
		if err := os.Truncate(r.path("access.log"), 1<<40); err != nil {
			t.Skip(err)
		}
		r.settle()
		r.check()
		r.write(3)
		r.settle()
		r.check()
	})
	t.Run("zeros at the end", func(t *testing.T) {
		r := follow(t)
		r.write(5)
		r.append("torn by a power cut" + strings.Repeat("\x00", 3000))
		r.settle()
		r.check()
		r.write(5)
		r.settle()
		r.check()
		r.wantEvent("line was never finished")
	})
	t.Run("zeros in a line", func(t *testing.T) {
		r := follow(t)
		r.append("a \x00\x00\x00 b\n")
		r.want = append(r.want, "a \x00\x00\x00 b")
		r.scan()
		r.check()
	})
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	r := follow(t)
	r.write(1)
	r.append(long + "\n")
	r.want = append(r.want, long)
	r.write(1)
	r.append(long + "x\n")
	r.write(1)
	r.append(strings.Repeat("y", 5<<20) + "\n")
	r.write(1)
	r.settle()
	r.check()
	if r.tooLong != 2 {
		t.Errorf("%d lines too long; want 2", r.tooLong)
	}
}

// A long line that comes in pieces is counted once, also when the follower is
// killed while it skips it.
func TestLongLineInPieces(t *testing.T) {
	r := follow(t)
	r.write(1)
	for range 5 {
		r.append(strings.Repeat("z", 700<<10))
		r.scan()
	}
	r.kill()
	r.scan()
	if r.tooLong != 0 {
		t.Errorf("%d lines too long before the end of the line", r.tooLong)
	}
	r.append("\n")
	r.write(3)
	r.settle()
	r.kill()
	r.settle()
	r.check()
	if r.tooLong != 1 {
		t.Errorf("%d lines too long; want 1", r.tooLong)
	}
}

func TestPowerLoss(t *testing.T) {
	t.Run("shorter", func(t *testing.T) {
		r := follow(t)
		r.write(1000)
		r.scan()
		r.kill()
		b := r.read("access.log")
		if err := os.Truncate(r.path("access.log"), int64(len(b)-6000)); err != nil {
			t.Fatal(err)
		}
		r.settle() // before nginx writes again
		fragment := r.read("access.log")
		fragment = fragment[strings.LastIndexByte(string(fragment), '\n')+1:]
		r.append("\n")
		r.want = append(r.want, string(fragment))
		r.write(100)
		r.settle()
		r.check()
		r.wantEvent("log lost its end")
	})
	t.Run("grown again", func(t *testing.T) {
		r := follow(t)
		for range 20 {
			r.write(50)
			r.scan()
		}
		r.kill()
		lines := slices.Clone(r.want)
		var kept int64
		for _, l := range lines[:len(lines)-120] {
			kept += int64(len(l)) + 1
		}
		if err := os.Truncate(r.path("access.log"), kept); err != nil {
			t.Fatal(err)
		}
		r.write(300)
		r.settle()
		times := map[string]int{}
		for _, l := range r.got {
			times[l]++
		}
		twice := 0
		for _, l := range r.want {
			switch times[l] {
			case 0:
				t.Fatalf("lost %q", l)
			case 2:
				twice++
			}
		}
		// One commit's worth at most, not the whole file.
		if twice > 50 {
			t.Errorf("%d lines counted twice; want 50 at most", twice)
		}
		r.wantEvent("log lost its end and has grown again")
	})
}

// Envoy flushes every 16 KiB, in the middle of a line.
func TestSlices(t *testing.T) {
	r := follow(t)
	var text strings.Builder
	for range 2000 {
		l := r.line()
		r.want = append(r.want, l)
		text.WriteString(l + "\n")
	}
	for rest := text.String(); rest != ""; {
		n := min(16<<10, len(rest))
		r.append(rest[:n])
		rest = rest[n:]
		r.scan()
	}
	r.check()
}

// FuzzFollower compares what is returned of any bytes, written in two pieces
// with a kill in between, with the plain rule.
func FuzzFollower(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\n"), 5)
	f.Add([]byte("\x1f\x8b\n"), 1)
	f.Add([]byte("a\n\x00\x00b\n"), 3)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		r := follow(t)
		cut = max(0, min(cut, len(b)))
		r.append(string(b[:cut]))
		r.scan()
		r.kill()
		r.append(string(b[cut:]))
		r.settle()
		if gzipped(b) || strings.IndexByte(string(b), 0) >= 0 {
			return
		}
		r.want = strings.Split(string(b), "\n")
		r.want = r.want[:len(r.want)-1]
		if got, want := strings.Join(r.got, "\n"), strings.Join(r.want, "\n"); got != want || len(r.got) != len(r.want) {
			t.Fatalf("got %q; want %q", r.got, r.want)
		}
	})
}
