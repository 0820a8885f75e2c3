package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// column is one column of rows that are printed as a table or as CSV.
type column[T any] struct {
	name string // as a table has it; CSV's is made of it
	kind kind
	text func(*T) string
	at   func(*T) time.Time // of an hour or moment, in place of text
}

// kind is how a cell is shown in a table. CSV has every cell as it is, and
// times as RFC 3339.
type kind uint8

const (
	word   kind = iota // a name: quoted when it could play tricks on a terminal
	prose              // a sentence of ours
	number             // stands at the right
	hour               // a time without seconds
	moment             // a time
)

func (c *column[T]) cell(row *T) string {
	if c.at == nil {
		return c.text(row)
	}
	if t := c.at(row); !t.IsZero() {
		return t.UTC().Format(time.RFC3339)
	}
	return ""
}

// shown is a cell for people.
func (c *column[T]) shown(row *T) string {
	var s string
	switch c.kind {
	case hour:
		s = hourText(c.at(row))
	case moment:
		s = timeText(c.at(row))
	case prose:
		s = plain(c.text(row))
	default:
		s = printable(c.text(row))
	}
	return cmp.Or(s, "-")
}

// csvName returns a column's name for programs: ENTRY STATE is entry_state.
func (c *column[T]) csvName() string {
	name, _, _ := strings.Cut(c.name, " (")
	return strings.ReplaceAll(strings.ToLower(name), " ", "_")
}

// printRows prints rows as they come: as an object of JSON with them under key,
// as CSV, or as a table. It returns how many there were.
func printRows[T any](out io.Writer, output, key string, columns []column[T], rows iter.Seq2[T, error]) (n int, err error) {
	buf := bufio.NewWriter(out)
	var p rowPrinter[T]
	switch output {
	case "json":
		p = &jsonRows[T]{out: buf, key: key}
	case "csv":
		p = &csvRows[T]{out: csv.NewWriter(buf), columns: columns}
	default:
		p = &tableRows[T]{out: buf, columns: columns}
	}
	for row, err := range rows {
		if err != nil {
			// What was read is printed; the error says that it isn't all.
			return n, firstOf(err, p.end(), buf.Flush())
		}
		if err := p.row(&row); err != nil {
			return n, err
		}
		n++
	}
	return n, firstOf(p.end(), buf.Flush())
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// rowPrinter prints rows in one form.
type rowPrinter[T any] interface {
	row(*T) error
	end() error
}

// jsonRows prints {"KEY":[…]}, a row a line.
type jsonRows[T any] struct {
	out *bufio.Writer
	key string
	any bool
}

func (p *jsonRows[T]) row(row *T) error {
	p.separate()
	var b strings.Builder
	if err := newJSON(&b).Encode(row); err != nil {
		return err
	}
	_, err := p.out.WriteString(strings.TrimSuffix(b.String(), "\n"))
	return err
}

func (p *jsonRows[T]) separate() {
	if p.any {
		p.out.WriteString(",\n")
		return
	}
	fmt.Fprintf(p.out, "{%q:[\n", p.key)
	p.any = true
}

func (p *jsonRows[T]) end() error {
	if !p.any {
		_, err := fmt.Fprintf(p.out, "{%q:[]}\n", p.key)
		return err
	}
	_, err := p.out.WriteString("\n]}\n")
	return err
}

type csvRows[T any] struct {
	out     *csv.Writer
	columns []column[T]
	began   bool
}

func (p *csvRows[T]) begin() {
	if p.began {
		return
	}
	p.began = true
	names := make([]string, len(p.columns))
	for i := range p.columns {
		names[i] = p.columns[i].csvName()
	}
	p.out.Write(names)
}

func (p *csvRows[T]) row(row *T) error {
	p.begin()
	cells := make([]string, len(p.columns))
	for i, c := range p.columns {
		cells[i] = c.cell(row)
	}
	return p.out.Write(cells)
}

func (p *csvRows[T]) end() error {
	p.begin()
	p.out.Flush()
	return p.out.Error()
}

// tableRows prints a table whose columns are as wide as its first rows want.
type tableRows[T any] struct {
	out     *bufio.Writer
	columns []column[T]
	first   [][]string // until the widths are known
	widths  []int
}

// measured is how many rows say how wide columns are. A wider cell further down
// pushes what follows it on its line.
const measured = 500

func (p *tableRows[T]) row(row *T) error {
	cells := make([]string, len(p.columns))
	for i, c := range p.columns {
		cells[i] = c.shown(row)
	}
	if p.widths != nil {
		return p.line(cells)
	}
	if p.first = append(p.first, cells); len(p.first) < measured {
		return nil
	}
	return p.begin()
}

// begin prints the head and the rows that were kept.
func (p *tableRows[T]) begin() error {
	head := make([]string, len(p.columns))
	p.widths = make([]int, len(p.columns))
	for i := range p.columns {
		head[i] = p.columns[i].name
		p.widths[i] = utf8.RuneCountInString(head[i])
		for _, cells := range p.first {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(cells[i]))
		}
	}
	if err := p.line(head); err != nil {
		return err
	}
	for _, cells := range p.first {
		if err := p.line(cells); err != nil {
			return err
		}
	}
	p.first = nil
	return nil
}

func (p *tableRows[T]) line(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		pad := strings.Repeat(" ", max(0, p.widths[i]-utf8.RuneCountInString(cell)))
		if p.columns[i].kind == number {
			cell = pad + cell
		} else {
			cell += pad
		}
		b.WriteString(cell)
		b.WriteString("  ")
	}
	_, err := p.out.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	return err
}

func (p *tableRows[T]) end() error {
	if p.widths != nil || len(p.first) == 0 {
		return nil
	}
	return p.begin()
}

// printJSON prints one object for people and programs.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// plain returns a sentence without what could play tricks on a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
