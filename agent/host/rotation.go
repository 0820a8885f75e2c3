package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// outage is how long an agent may be down before what was rotated meanwhile
// is no longer there: a weekend, until somebody looks.
const outage = 3 * day

// whole is the entry that does it right.
const whole = "daily, rotate 14, compress, delaycompress, create, and a postrotate that sends nginx USR1"

// Rotation says what the rotation of some logs does to the lines that are
// billed. nginx says that nginx writes them; other programs are told to reopen
// a log in ways that can't be known here.
func (lr *Logrotate) Rotation(logs []string, nginx bool) []agent.Finding {
	f := &findings{topic: "rotation"}
	for _, ft := range lr.faults {
		if strings.Contains(ft.Text, "whole file") {
			f.warn("logrotate -d "+lr.File+" says what it thinks of its files", "%s: %s", ft.Place, ft.Text)
		}
	}
	var seen []*Policy
	for _, log := range logs {
		p := lr.For(log)
		if b := lr.broken(log); b != nil && p == nil {
			f.problem("correct it; logrotate -d "+lr.File+" says the same", "%s is never rotated: logrotate passes over the entry at %s: %s", log, b.Place, b.Broken)
			continue
		}
		if p == nil {
			f.warn("add an entry for it: "+whole, "nothing in %s rotates %s: it grows until the disk is full, and nginx then writes no line that could be billed", lr.File, log)
			continue
		}
		if !slices.Contains(seen, p) {
			seen = append(seen, p)
			before := len(f.all)
			p.judge(f, log, nginx)
			if len(f.all) == before {
				f.ok("%s", p.summary(log))
			}
		}
		p.judgeFolder(f, log)
	}
	return f.all
}

// name is an entry for people.
func (p *Policy) name() string {
	return fmt.Sprintf("%s (%s)", p.Place, list(p.Patterns))
}

// kept is how long a rotated line stays on the disk, 0 when that depends on
// the traffic, and for ever when nothing removes it.
func (p *Policy) kept() time.Duration {
	const forEver = 1 << 62
	kept := time.Duration(forEver)
	if p.Count >= 0 {
		if p.Every == 0 {
			return 0
		}
		kept = time.Duration(min(p.Count, 10_000)) * p.Every
	}
	if p.MaxAge > 0 {
		kept = min(kept, time.Duration(min(p.MaxAge, 10_000))*day)
	}
	return kept
}

// judge finds what is wrong with an entry.
func (p *Policy) judge(f *findings, log string, nginx bool) {
	switch {
	case p.CopyTruncate:
		f.problem("take copytruncate out, and have it renamed: create, and a postrotate that sends nginx USR1",
			"%s: copytruncate loses what nginx writes between the copy and the truncation, and nobody can bill it", p.name())
	case p.Copy:
		f.warn("take copy out, and have it renamed: create, and a postrotate that sends nginx USR1", "%s: copy leaves %s as it is, so it grows until the disk is full", p.name(), log)
	case nginx:
		p.judgeSignal(f, log)
	}
	if p.Compress && !p.Delay && !p.CopyTruncate {
		f.warn("add delaycompress", "%s: compress without delaycompress packs a log that nginx still writes to for a moment; those lines are in no file, and lost if logmeter is down then", p.name())
	}
	if with := p.compressor(); p.Compress && with != "" {
		f.problem("leave it to gzip: take compresscmd and compressext out", "%s: rotated logs are packed by %s, and logmeter reads only gzip: what is rotated while it is down for longer isn't billed", p.name(), with)
	}
	p.judgeKept(f)
	if p.OldDir != "" {
		dir := p.OldDir
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(log), dir)
		}
		if !SameFile(dir, filepath.Dir(log)) {
			f.problem("take olddir out: rotated logs must stay beside the log", "%s: olddir moves rotated logs to %s, where they aren't looked for: what is rotated while logmeter is down isn't billed", p.name(), dir)
		}
	}
	if p.Shred {
		f.warn("take shred out, or keep the logs longer than any outage", "%s: shred overwrites a log before it is removed, also one that is still being read", p.name())
	}
}

// compressor is what packs rotated logs, "" for gzip.
func (p *Policy) compressor() string {
	name := filepath.Base(p.CompressWith)
	switch {
	case p.CompressWith != "" && name != "gzip" && name != "pigz":
		return name
	case p.CompressExt != "" && p.CompressExt != ".gz":
		return "a program whose files end in " + p.CompressExt
	}
	return ""
}

// reopens are what tells nginx in a script to reopen its logs.
var reopens = []string{"USR1", "nginx rotate", "reopen", "nginx reload", "reload nginx", "HUP", "restart nginx", "nginx restart", "-s reload", "-10 ", "kill -1 "}

// judgeSignal looks for what has nginx reopen the log.
func (p *Policy) judgeSignal(f *findings, log string) {
	script := p.Scripts["postrotate"] + p.Scripts["lastaction"]
	const hint = "add a postrotate: [ ! -f /run/nginx.pid ] || kill -USR1 $(cat /run/nginx.pid)"
	if strings.TrimSpace(script) == "" {
		f.problem(hint, "%s: nothing tells nginx that %s was renamed, so it goes on writing to the renamed file, and into nothing once that is removed", p.name(), log)
		return
	}
	if !slices.ContainsFunc(reopens, func(word string) bool { return strings.Contains(script, word) }) {
		f.warn("make sure that it sends nginx USR1; if it doesn't, nginx goes on writing to the renamed file", "%s: its postrotate doesn't look as if it told nginx to reopen the log: %s", p.name(), firstLine(script))
	}
}

func firstLine(s string) string {
	line, more, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if more != "" {
		line += " …"
	}
	return line
}

// judgeKept compares how long rotated logs are kept with an outage.
func (p *Policy) judgeKept(f *findings) {
	if p.Count == 0 {
		f.problem("add rotate 14", "%s: no rotated log is kept (rotate 0): what nginx wrote last to it can be lost, and all of it while logmeter is down", p.name())
		return
	}
	kept := p.kept()
	switch {
	case kept == 0 && p.Count < 5:
		f.warn("keep more of them, for at least three days of your traffic", "%s: %d rotated logs of %s are kept; how long that is depends on the traffic", p.name(), p.Count, sizeText(p.size()))
	case kept > 0 && kept < outage:
		f.warn("keep at least three days: an agent that is down over a weekend reads them then", "%s: rotated logs are kept for %s; after a longer outage of logmeter the rest isn't billed", p.name(), spanText(kept))
	}
}

// size is the size at which a log is rotated that no period is set for.
func (p *Policy) size() int64 {
	if p.Size == 0 {
		return 1 << 20
	}
	return p.Size
}

// judgeFolder finds out whether logrotate refuses the folder of a log.
func (p *Policy) judgeFolder(f *findings, log string) {
	dir := filepath.Dir(log)
	info, err := os.Stat(dir)
	if err != nil || p.SuUser != "" {
		return
	}
	mode, group := info.Mode(), ownerOf(info).gid
	if mode&0o002 != 0 || mode&0o020 != 0 && group != 0 {
		f.problem("add su with the user and the group that own the folder, or take the others' right to write there",
			"logrotate doesn't rotate in %s (%v), which others than root may write to: %s says no su", dir, mode.Perm(), p.Place)
	}
}

// summary says what an entry does that is as it should be.
func (p *Policy) summary(log string) string {
	every := "at " + sizeText(p.size())
	if p.Every > 0 {
		every = map[time.Duration]string{time.Hour: "hourly", day: "daily", 7 * day: "weekly", 30 * day: "monthly", 365 * day: "yearly"}[p.Every]
	}
	kept := fmt.Sprintf("%d kept", p.Count)
	switch k := p.kept(); {
	case p.Count < 0:
		kept = "all kept"
	case k > 0:
		kept += " (" + spanText(k) + ")"
	}
	return fmt.Sprintf("%s is rotated %s by renaming, %s: %s", log, every, kept, p.Place)
}

func spanText(d time.Duration) string {
	if d < 2*day {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d.%d GiB", n>>30, n%(1<<30)*10>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
