package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/source"
	"github.com/logmeter/logmeter/parsers"
)

func newParse(o *options) *cobra.Command {
	var name string
	var explain bool
	c := &cobra.Command{
		Use:   "parse [FILE...]",
		Short: "Print each line of a log as logmeter reads it, as JSON",
		Long: `Prints one JSON object per line: source, offset, time, method, path, target,
host, status, customer, the other fields that meters read and the meters that
the line feeds; or why it is refused, or that the format's skip sets it aside.
Files may be plain or compressed with gzip; without one, or for -, it reads
standard input. Bytes that aren't UTF-8 stand, in base64, under the field's
name with _b64 behind it.`,
		RunE: func(cmd *cobra.Command, files []string) error {
			return o.parse(cmd.Context(), name, explain, files)
		},
	}
	c.Flags().StringVar(&name, "source", "", "the `name` of the source whose format the lines have; needed when there are several")
	c.Flags().BoolVar(&explain, "explain", false, "add what each meter makes of the line, and which condition it fails")
	return c
}

func (o *options) parse(ctx context.Context, name string, explain bool, files []string) error {
	c, s, meters, err := o.loadSource(name)
	if err != nil {
		return err
	}
	cs, err := openCustomers(c, nil, false)
	if err != nil {
		return err
	}
	src, err := o.openFiles(s.Name, files)
	if err != nil {
		return err
	}
	defer src.Close()
	w := bufio.NewWriterSize(o.out, 64<<10)
	format := withHost(c.Format[s.Format])
	p := &linePrinter{
		out: newJSON(w), source: s.Name, parser: cs.naming(s).Parser(format.Compiled.NewParser()), names: format.Spec.Fields,
		meters: meters, tally: meters.NewTally(), explain: explain,
	}
	for {
		b, err := src.Next(ctx, 0)
		if errors.Is(err, io.EOF) {
			return failed(w.Flush())
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return failed(errors.Join(w.Flush(), err))
		}
		if err := p.block(b); err != nil {
			return failed(err)
		}
	}
}

// withHost returns the format with its host read as well, where that is proven
// to be possible. Meters read it only when they ask for it.
func withHost(f config.Format) config.Format {
	s := f.Spec
	s.Host = true
	if compiled, err := parsers.Compile(s); err == nil {
		f.Spec, f.Compiled = s, compiled
	}
	return f
}

// openFiles opens finished logs; none means standard input.
func (o *options) openFiles(name string, files []string) (*source.Files, error) {
	if len(files) == 0 {
		files = []string{"-"}
		if isTerminal(o.in) {
			fmt.Fprintln(o.err, "logmeter: reading lines from the terminal; name a FILE to read that")
		}
	}
	src, err := source.OpenFiles(name, files, o.in)
	return src, failed(err)
}

func newJSON(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// linePrinter prints lines as a parser reads them.
type linePrinter struct {
	out    *json.Encoder
	source string
	parser agent.Parser
	names  []string // of the record's fields
	meters *agent.Meters
	tally  *agent.Tally
	rec    agent.Record
	// explain adds what each meter makes of a line.
	explain bool
}

func (p *linePrinter) block(b agent.Block) error {
	for range b.TooLong {
		too := agent.RefusedTooLong
		if err := p.out.Encode(unreadLine{Source: p.source, Offset: b.Offset, Refused: too.Detail, Reason: too.Reason}); err != nil {
			return err
		}
	}
	for rest := b.Lines; len(rest) > 0; {
		line, tail, _ := bytes.Cut(rest, []byte{'\n'})
		offset := b.Offset + int64(len(b.Lines)-len(rest))
		if err := p.out.Encode(p.line(bytes.TrimSuffix(line, []byte{'\r'}), offset)); err != nil {
			return err
		}
		rest = tail
	}
	return nil
}

// parsedLine and unreadLine are what parse prints. Their form is a promise to
// whoever pipes it.
type parsedLine struct {
	Source      string         `json:"source"`
	Offset      int64          `json:"offset"`
	Time        *string        `json:"time"`
	Method      *string        `json:"method"`
	MethodB64   []byte         `json:"method_b64,omitempty"`
	Path        *string        `json:"path"`
	PathB64     []byte         `json:"path_b64,omitempty"`
	Target      *string        `json:"target"`
	TargetB64   []byte         `json:"target_b64,omitempty"`
	Host        *string        `json:"host"`
	HostB64     []byte         `json:"host_b64,omitempty"`
	Status      int            `json:"status"`
	Customer    *string        `json:"customer"`
	CustomerB64 []byte         `json:"customer_b64,omitempty"`
	Fields      map[string]any `json:"fields"`
	Meters      []string       `json:"meters"`
	// Explained is there with --explain.
	Explained []explainedMeter `json:"explained,omitempty"`
}

// unreadLine is a line that is refused, or one that a rule sets aside. Line is
// null when it is too long to be kept.
type unreadLine struct {
	Source  string  `json:"source"`
	Offset  int64   `json:"offset"`
	Refused string  `json:"refused,omitempty"`
	Reason  string  `json:"reason,omitempty"` // the metric's label
	Skipped string  `json:"skipped,omitempty"`
	Line    *string `json:"line"`
	LineB64 []byte  `json:"line_b64,omitempty"`
}

// line returns what to print for one line.
func (p *linePrinter) line(line []byte, offset int64) any {
	if err := p.parser.Parse(line, &p.rec); err != nil {
		r := unreadLine{Source: p.source, Offset: offset}
		var refused *agent.Refused
		switch {
		case errors.Is(err, agent.ErrSkip):
			r.Skipped = err.Error()
		case errors.As(err, &refused):
			r.Refused, r.Reason = refused.Detail, refused.Reason
		default:
			r.Refused = err.Error()
		}
		r.Line, r.LineB64 = text(line)
		return r
	}
	r := parsedLine{Source: p.source, Offset: offset, Status: p.rec.Status, Fields: p.fields(), Meters: []string{}}
	if p.rec.Time != 0 {
		t := time.UnixMilli(p.rec.Time).UTC().Format(time.RFC3339Nano)
		r.Time = &t
	}
	r.Method, r.MethodB64 = text(p.rec.Method)
	r.Path, r.PathB64 = text(p.rec.Path)
	r.Target, r.TargetB64 = text(p.rec.Target)
	r.Host, r.HostB64 = text(p.rec.Host)
	if len(p.rec.Customer) > 0 {
		r.Customer, r.CustomerB64 = text(p.rec.Customer)
	}
	for _, m := range p.meters.Matching(&p.rec, p.tally) {
		r.Meters = append(r.Meters, p.meters.Names()[m])
	}
	if p.explain {
		r.Explained = explained(p.meters.Explain(&p.rec))
	}
	return r
}

// fields returns the other fields of the record by their names, which are those
// of the format.
func (p *linePrinter) fields() map[string]any {
	fields := map[string]any{}
	for i, name := range p.names {
		if name == "" {
			continue // a field of other formats
		}
		if s, b := text(p.rec.Fields[i]); b != nil {
			fields[name+"_b64"] = b
		} else {
			fields[name] = s
		}
	}
	return fields
}

// text returns b as a string, or as bytes when JSON couldn't hold it; nil stays
// nil.
func text(b []byte) (*string, []byte) {
	if b == nil {
		return nil, nil
	}
	if !utf8.Valid(b) {
		return nil, b
	}
	s := string(b)
	return &s, nil
}
