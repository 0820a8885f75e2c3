package parsers

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

// skips are the expressions of lines that are no access records: messages of
// the proxy itself in the same stream. They are tried on refused lines alone,
// so they can't hide a record that is billed, whatever a caller writes in it,
// and cost the others nothing.
type skips []*regexp.Regexp

func compileSkips(exprs []string) (skips, error) {
	var s skips
	var errs []error
	for _, expr := range exprs {
		re, err := regexp.Compile(expr)
		switch {
		case err != nil:
			errs = append(errs, specError("skip", fmt.Errorf("expression %q can't be read: %s", expr, strings.TrimPrefix(err.Error(), "error parsing regexp: "))))
		case re.MatchString("") && re.MatchString("\x00 ~"):
			errs = append(errs, specError("skip", fmt.Errorf("expression %q matches every line, so that a line that is cut off or forged would be left out without a word", expr)))
		}
		s = append(s, re)
	}
	return s, errors.Join(errs...)
}

// judge returns the error of a line, which is ErrSkip when the line is refused
// and one of the expressions matches it.
func (s skips) judge(line []byte, err error) error {
	if len(s) == 0 || err == nil || err == agent.ErrSkip {
		return err
	}
	for _, re := range s {
		if re.Match(line) {
			return agent.ErrSkip
		}
	}
	return err
}

// skipParser sets aside what skip matches of the lines that next refuses.
type skipParser struct {
	next agent.Parser
	skip skips
}

func (s *skipParser) Parse(line []byte, rec *agent.Record) error {
	return s.skip.judge(line, s.next.Parse(line, rec))
}

// prefixParser takes the same text off every line.
type prefixParser struct {
	next   agent.Parser
	prefix []byte
}

func (p *prefixParser) Parse(line []byte, rec *agent.Record) error {
	rest, ok := bytes.CutPrefix(line, p.prefix)
	if !ok {
		return refusedPrefix
	}
	return p.next.Parse(rest, rec)
}

// compileAround compiles what stands around a line and among the lines.
func (f *Format) compileAround(s *Spec) error {
	var errs []error
	var err error
	if f.skip, err = compileSkips(s.Skip); err != nil {
		errs = append(errs, unjoin(err)...)
	}
	if strings.Contains(s.Prefix, "\n") {
		errs = append(errs, specError("prefix", errors.New("holds a line end; want what stands before each line, on the same line")))
	}
	if f.wrap, f.prefix = s.Wrap, s.Prefix; !isWrap(s.Wrap) {
		errs = append(errs, specError("wrap", fmt.Errorf("unknown wrap %q; want cri, docker or syslog, or leave it out", s.Wrap)))
	}
	return errors.Join(errs...)
}
