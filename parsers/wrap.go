package parsers

import (
	"bytes"
	"slices"

	"github.com/logmeter/logmeter/agent"
)

// wrapNames are the values of Spec.Wrap.
var wrapNames = []string{"", "cri", "docker", "syslog"}

func isWrap(name string) bool { return slices.Contains(wrapNames, name) }

// unwrapped returns a parser that takes what is wrapped around each line off
// before p reads it, and sets aside the lines to skip.
func (f *Format) unwrapped(p agent.Parser) agent.Parser {
	joined := pieces{next: p, skip: f.skip}
	switch f.wrap {
	case "cri":
		return &criParser{pieces: joined}
	case "docker":
		return &dockerParser{pieces: joined, scan: newJSONScan(newJSONScanner([]string{"log", "stream"}))}
	}
	if len(f.skip) > 0 {
		p = &skipParser{p, f.skip}
	}
	if f.wrap == "syslog" {
		return &syslogParser{next: p}
	}
	return p
}

// maxPieces bounds the record that pieces are joined to, in bytes.
const maxPieces = 1 << 20

// pieces joins the pieces into which a container runtime cuts long lines, for
// each stream. Pieces before the last are set aside; when the agent starts
// between them, the last one alone is refused.
type pieces struct {
	next           agent.Parser
	skip           skips
	stdout, stderr stream
}

// stream is what was read of a line that isn't whole yet.
type stream struct {
	joined  []byte
	tooLong bool
}

// of returns the named stream, nil when there is no such stream.
func (p *pieces) of(name []byte) *stream {
	switch string(name) {
	case "stdout":
		return &p.stdout
	case "stderr":
		return &p.stderr
	}
	return nil
}

// parse adds a piece and reads the record when it is the last one.
func (p *pieces) parse(s *stream, piece []byte, last bool, rec *agent.Record) error {
	if len(s.joined) == 0 && last {
		return p.skip.judge(piece, p.next.Parse(piece, rec))
	}
	if len(s.joined)+len(piece) > maxPieces {
		s.tooLong = true
	} else {
		s.joined = append(s.joined, piece...)
	}
	if !last {
		return agent.ErrSkip
	}
	whole, tooLong := s.joined, s.tooLong
	s.joined, s.tooLong = whole[:0], false
	if tooLong {
		return agent.RefusedTooLong
	}
	err := p.next.Parse(whole, rec)
	if _, refused := err.(*agent.Refused); refused {
		// The pieces before may be of another container's file that the same
		// source reads; then this one is a record of its own, if any.
		if p.next.Parse(piece, rec) == nil {
			return nil
		}
	}
	return p.skip.judge(whole, err)
}

// criParser reads the log files of containerd and CRI-O:
// "2026-11-24T18:42:53.917Z stdout F LINE", with P for a piece.
type criParser struct{ pieces pieces }

func (c *criParser) Parse(line []byte, rec *agent.Record) error {
	when, rest, _ := bytes.Cut(line, []byte{' '})
	name, rest, _ := bytes.Cut(rest, []byte{' '})
	tag, text, found := bytes.Cut(rest, []byte{' '})
	from := c.pieces.of(name)
	tag, _, _ = bytes.Cut(tag, []byte{':'}) // more tags may follow
	if _, ok := parseRFC3339(when); !ok || from == nil || !found || len(tag) != 1 || tag[0] != 'F' && tag[0] != 'P' {
		return refusedWrap
	}
	return c.pieces.parse(from, text, tag[0] == 'F', rec)
}

// dockerParser reads the log files of Docker's json-file driver:
// {"log":"LINE\n","stream":"stdout","time":"…"}, without \n for a piece.
type dockerParser struct {
	scan   *jsonScan
	pieces pieces
	text   []byte
	stream []byte
}

func (d *dockerParser) Parse(line []byte, rec *agent.Record) error {
	if err := d.scan.scan(line); err != nil {
		return refusedWrap
	}
	text, err := d.scan.text(0, &d.text)
	if err != nil {
		return err
	}
	name, err := d.scan.text(1, &d.stream)
	if err != nil {
		return err
	}
	from := d.pieces.of(name)
	if text == nil || from == nil {
		return refusedWrap
	}
	text, last := bytes.CutSuffix(text, []byte{'\n'})
	return d.pieces.parse(from, text, last, rec)
}

// syslogParser reads what nginx sends to syslog, and what syslog daemons write
// of it: "<190>Nov 24 18:42:53 HOST TAG: LINE", with or without priority and
// host, the time also as RFC 3339.
type syslogParser struct{ next agent.Parser }

func (s *syslogParser) Parse(line []byte, rec *agent.Record) error {
	rest := line
	if len(rest) > 0 && rest[0] == '<' {
		priority, after, found := bytes.Cut(rest[1:], []byte{'>'})
		if _, ok := parseDigits(priority, 3); !ok || !found {
			return refusedWrap
		}
		rest = after
	}
	when, after, _ := bytes.Cut(rest, []byte{' '})
	if _, ok := parseRFC3339(when); ok {
		rest = after
	} else if len(rest) > 16 && syslogTime(rest[:16]) {
		rest = rest[16:]
	} else {
		return refusedWrap
	}
	for range 2 { // the tag, or the host and the tag
		word, after, found := bytes.Cut(rest, []byte{' '})
		if !found {
			break
		}
		if rest = after; len(word) > 1 && word[len(word)-1] == ':' {
			return s.next.Parse(rest, rec)
		}
	}
	return refusedWrap
}

// syslogTime reports whether b is "Nov 24 18:42:53 ", the day padded with a
// blank.
func syslogTime(b []byte) bool {
	_, ok := monthNumber(string(b[:3]))
	return ok && b[3] == ' ' && (isDigit(b[4]) || b[4] == ' ') && isDigit(b[5]) && b[6] == ' ' && isDigit(b[7]) && isDigit(b[8]) && b[9] == ':' &&
		isDigit(b[10]) && isDigit(b[11]) && b[12] == ':' && isDigit(b[13]) && isDigit(b[14]) && b[15] == ' '
}
