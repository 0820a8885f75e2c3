package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
)

const (
	// checkLines is how many of a log's last lines check looks at, and
	// checkBytes how much of its end it reads for them.
	checkLines = 5
	checkBytes = 256 << 10
)

// checkSource looks at one source's format and at the end of its logs.
func (o *options) checkSource(ch *checker, c *config.Config, s config.Source, meters *agent.Meters) {
	format := c.Format[s.Format].Compiled
	for _, a := range format.Assumptions() {
		ch.ok("format %s assumes: %s", s.Format, a)
	}
	paths, err := filepath.Glob(s.Path)
	if err != nil || len(paths) == 0 {
		ch.warn("source %s: %s isn't there yet; it is read from its beginning when it comes\nhint: compare with access_log in nginx.conf, and whether this user may see the folder", s.Name, s.Path)
		return
	}
	for _, path := range paths {
		lines, err := lastLines(path)
		if err != nil {
			ch.problem("source %s: %v\nhint: logmeter must be able to read the log; on Debian add its user to the group adm", s.Name, err)
			continue
		}
		ch.checkLog(s, path, lines, c.Format[s.Format], meters)
	}
}

// checkLog shows how lines of one log parse.
func (c *checker) checkLog(s config.Source, path string, lines [][]byte, format config.Format, meters *agent.Meters) {
	if len(lines) == 0 {
		c.ok("source %s: %s can be read; it has no line yet", s.Name, path)
		return
	}
	parser, tally := format.Compiled.NewParser(), meters.NewTally()
	var rec agent.Record
	refused, skipped := 0, 0
	for _, line := range lines {
		err := parser.Parse(line, &rec)
		if errors.Is(err, agent.ErrSkip) {
			skipped++
			c.line("set aside: %s", shorten(line))
			continue
		}
		if err != nil {
			refused++
			c.warn("source %s: a line doesn't have the format %s: %v\nline: %s", s.Name, s.Format, err, shorten(line))
			continue
		}
		var feeds []string
		for _, m := range meters.Matching(&rec, tally) {
			feeds = append(feeds, meters.Names()[m])
		}
		to := "no meter"
		if len(feeds) > 0 {
			to = strings.Join(feeds, ", ")
			if len(rec.Customer) == 0 {
				to += ", but it names no customer and isn't billed"
			}
		}
		c.line("%s %s %s, status %d, customer %s%s: %s%s", time.UnixMilli(rec.Time).UTC().Format(time.RFC3339),
			printable(string(rec.Method)), printable(string(rec.Path)), rec.Status, orNone(rec.Customer),
			fieldsText(format.Spec.Fields, &rec), to, explainText(meters.Explain(&rec), !c.explain))
	}
	if refused > 0 && refused+skipped == len(lines) {
		c.problem("source %s: none of the last %d lines of %s has the format %s\nhint: paste the format that the proxy's own configuration names for this file", s.Name, len(lines), path, s.Format)
		return
	}
	aside := ""
	if skipped > 0 {
		aside = fmt.Sprintf(", %d are set aside by the format's rules", skipped)
	}
	c.ok("source %s: %s can be read; %d of its last %d lines have the format%s", s.Name, path, len(lines)-refused-skipped, len(lines), aside)
}

func orNone(customer []byte) string {
	if len(customer) == 0 {
		return "none"
	}
	return printable(string(customer))
}

// shorten makes a line fit for a message.
func shorten(line []byte) string {
	const most = 300
	if len(line) > most {
		return printable(string(line[:most])) + "…"
	}
	return printable(string(line))
}

// lastLines returns the last whole lines of a plain log, in their order, as a
// wrapped line may come in pieces.
func lastLines(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	from := max(0, size-checkBytes)
	buf := make([]byte, size-from)
	if _, err := f.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(buf, []byte{0x1f, 0x8b}) {
		return nil, fmt.Errorf("%s is compressed; want the log that nginx writes, without gzip in access_log", path)
	}
	buf = buf[:bytes.LastIndexByte(buf, '\n')+1]
	var lines [][]byte
	for len(buf) > 0 && len(lines) < checkLines {
		buf = buf[:len(buf)-1]
		i := bytes.LastIndexByte(buf, '\n') + 1
		if i == 0 && from > 0 {
			break // cut off at its beginning
		}
		lines = append(lines, bytes.TrimSuffix(buf[i:], []byte{'\r'}))
		buf = buf[:i]
	}
	slices.Reverse(lines)
	return lines, nil
}
