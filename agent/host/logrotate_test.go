package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signals is an entry's script that does what it should.
const signals = "postrotate\n kill -USR1 $(cat /run/nginx.pid)\nendscript\n"

func readRotate(t testing.TB, files map[string]string) (*Logrotate, string) {
	t.Helper()
	dir := tree(t, files)
	lr, err := ReadLogrotate(filepath.Join(dir, "logrotate.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return lr, dir
}

func TestRotation(t *testing.T) {
	const good = "daily\nrotate 14\ncompress\ndelaycompress\ncreate\n" + signals
	tests := []struct {
		name, entry string
		want        []string
	}{
		{"as it should be", good, nil},
		{"copytruncate", good + "copytruncate", []string{"problem: copytruncate loses what nginx writes"}},
		{"copytruncate taken back", good + "copytruncate\nnocopytruncate", nil},
		{"copy", good + "copy", []string{"warning: copy leaves"}},
		{"no signal", "daily\nrotate 14\ncreate\n", []string{"problem: nothing tells nginx"}},
		{"an empty script", "daily\nrotate 14\npostrotate\nendscript\n", []string{"problem: nothing tells nginx"}},
		{"another script", "daily\nrotate 14\npostrotate\n\n  /usr/local/bin/after\n more\nendscript\n", []string{"warning: reopen the log: /usr/local/bin/after …"}},
		{"Debian's", "daily\nrotate 14\npostrotate\n invoke-rc.d nginx rotate >/dev/null 2>&1\nendscript\n", nil},
		{"reload", "daily\nrotate 14\nlastaction\n systemctl reload nginx\nendscript\n", nil},
		{"no delaycompress", "daily\nrotate 14\ncompress\n" + signals, []string{"warning: compress without delaycompress"}},
		{"zstd", good + "compresscmd /usr/bin/zstd\ncompressext .zst\n", []string{"problem: packed by zstd"}},
		{"an ending alone", good + "compressext = .xz\n", []string{"problem: a program whose files end in .xz"}},
		{"pigz", good + "compresscmd /usr/bin/pigz\n", nil},
		{"zstd that isn't used", good + "nocompress\ncompresscmd zstd\n", nil},
		{"two days", good + "rotate 2\n", []string{"warning: kept for 2 days"}},
		{"hours", good + "hourly\nrotate 24\n", []string{"warning: kept for 24 hours"}},
		{"hours, enough", good + "hourly\nrotate 72\n", nil},
		{"one week", good + "weekly\nrotate 1\n", nil},
		{"maxage", good + "maxage 1\n", []string{"warning: kept for 24 hours"}},
		{"none kept", good + "rotate 0\n", []string{"problem: no rotated log is kept"}},
		{"all kept", good + "rotate -1\n", nil},
		{"by size", good + "size 100M\nrotate 4\n", []string{"warning: 4 rotated logs of 100 MiB are kept"}},
		{"by size, many", good + "size=100k\nrotate 20\n", nil},
		{"olddir", good + "olddir old\n", []string{"problem: olddir moves rotated logs to"}},
		{"olddir here", good + "olddir .\n", nil},
		{"olddir taken back", good + "olddir old\nnoolddir\n", nil},
		{"shred", good + "shred\n", []string{"warning: shred overwrites"}},
		{"a comment behind a value", good + "rotate 14 # days\n", []string{"problem: never rotated: logrotate passes over the entry"}},
		{"a bad size", good + "size many\n", []string{`problem: "many" is no size`}},
		{"no endscript", "daily\nrotate 14\npostrotate\n kill -USR1 1\n", []string{"problem: postrotate has no endscript"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lr, dir := readRotate(t, map[string]string{
				"logrotate.conf":   "# comment\nweekly\nrotate 4\ninclude %DIR%/d\n",
				"d/nginx":          "%DIR%/log/*.log\n# comment\n{\n" + tt.entry + "\n}\n",
				"d/nginx.disabled": "%DIR%/log/*.log { copytruncate\n}\n",
				"log/access.log":   "",
			})
			wantFindings(t, lr.Rotation([]string{filepath.Join(dir, "log/access.log")}, true), tt.want...)
		})
	}
}

func TestRotationEntries(t *testing.T) {
	const good = " {\ndaily\nrotate 14\n" + signals + "}\n"
	tests := []struct {
		name  string
		files map[string]string
		logs  []string
		want  []string
	}{
		{
			"nothing rotates it",
			map[string]string{"logrotate.conf": "/other/*.log" + good},
			[]string{"a.log"},
			[]string{"warning: nothing in"},
		},
		{
			"quoted, several, an included file",
			map[string]string{"logrotate.conf": "include %DIR%/one\n", "one": "/x \"%DIR%/b c.log\"\t'%DIR%/a.log'" + good},
			[]string{"a.log", "b c.log"},
			nil,
		},
		{"global settings reach later files only", map[string]string{
			"logrotate.conf": "include %DIR%/d\ncopytruncate\n%DIR%/b.log" + good, "d/a": "%DIR%/a.log" + good,
		}, []string{"a.log", "b.log"}, []string{"problem: %DIR%/b.log): copytruncate"}},
		{
			"an entry of one line",
			map[string]string{"logrotate.conf": "%DIR%/a.log { copytruncate compress }\n"},
			[]string{"a.log"},
			[]string{"problem: copytruncate", "problem: no rotated log is kept"},
		},
		{"a second entry for one of its files", map[string]string{
			"logrotate.conf": "%DIR%/a.log" + good + "%DIR%/*.log" + good, "a.log": "", "b.log": "",
		}, []string{"a.log", "b.log"}, []string{"problem: %DIR%/b.log is never rotated: logrotate passes over the entry at %DIR%/logrotate.conf:8: %DIR%/a.log stands in the entry at %DIR%/logrotate.conf:1 too"}},
		{"which is allowed", map[string]string{
			"logrotate.conf": "ignoreduplicates\n%DIR%/a.log" + good + "%DIR%/*.log" + good, "a.log": "", "b.log": "",
		}, []string{"a.log", "b.log"}, nil},
		{"unknown words, stray text", map[string]string{"logrotate.conf": "frobnicate 3\n!!\n}\n%DIR%/a.log" + good}, []string{"a.log"}, nil},
		{
			"no closing brace",
			map[string]string{"logrotate.conf": "%DIR%/a.log {\ndaily\n"},
			[]string{"a.log"},
			[]string{"problem: no closing }"},
		},
		{"includes itself", map[string]string{"logrotate.conf": "include %DIR%/logrotate.conf\n%DIR%/a.log" + good}, []string{"a.log"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lr, dir := readRotate(t, tt.files)
			var logs []string
			for _, l := range tt.logs {
				logs = append(logs, filepath.Join(dir, l))
			}
			var want []string
			for _, w := range tt.want {
				want = append(want, strings.ReplaceAll(w, "%DIR%", dir))
			}
			wantFindings(t, lr.Rotation(logs, true), want...)
		})
	}
}

func TestPolicy(t *testing.T) {
	lr, dir := readRotate(t, map[string]string{"logrotate.conf": "%DIR%/a.log {\nmonthly\nrotate 3\ncreate 0640 www-data adm\nsu nginx web\n" + signals + "}\n"})
	p := lr.For(filepath.Join(dir, "a.log"))
	if p == nil {
		t.Fatal("no entry")
	}
	if p.Every != 30*day || p.Count != 3 || p.CreateMode != 0o640 || p.Owner != "www-data" || p.Group != "adm" || p.SuUser != "nginx" || p.SuGroup != "web" || p.kept() != 90*24*time.Hour {
		t.Errorf("got %+v", p)
	}
	if got := p.Place.String(); got != dir+"/logrotate.conf:1" {
		t.Errorf("it stands at %s", got)
	}
	if got, want := p.summary("a.log"), "a.log is rotated monthly by renaming, 3 kept (90 days): "+p.Place.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWritableByOthers: logrotate trusts neither files nor folders that others
// may write to.
func TestWritableByOthers(t *testing.T) {
	lr, dir := readRotate(t, map[string]string{"logrotate.conf": "%DIR%/log/a.log {\ndaily\nrotate 14\n" + signals + "}\n", "log/a.log": ""})
	if err := os.Chmod(filepath.Join(dir, "log"), 0o777); err != nil {
		t.Fatal(err)
	}
	wantFindings(t, lr.Rotation([]string{filepath.Join(dir, "log/a.log")}, true), "problem: logrotate doesn't rotate in "+dir+"/log")
	if err := os.Chmod(filepath.Join(dir, "logrotate.conf"), 0o666); err != nil {
		t.Fatal(err)
	}
	lr, err := ReadLogrotate(lr.File)
	if err != nil {
		t.Fatal(err)
	}
	wantFindings(t, lr.Rotation([]string{filepath.Join(dir, "log/a.log")}, true),
		"warning: passes over the whole file", "warning: nothing in")
}

// TestLogrotateAgrees holds the reading of entries to logrotate's own.
func TestLogrotateAgrees(t *testing.T) {
	logrotate := needs(t, "logrotate")
	entries := map[string]string{
		"good":            "daily\nrotate 5\n",
		"comment":         "rotate 5 # five\n",
		"one line":        "daily compress\nrotate 5 }\n/x {",
		"equals":          "rotate=5\nsize = 10M\n",
		"bad size":        "size 10X\n",
		"unknown":         "frobnicate\n",
		"bad create":      "create 0640 a b c\n",
		"create mode":     "create 0640\n",
		"brace in script": "postrotate\n echo } {\nendscript\ndaily\n",
		"no endscript":    "postrotate\n true\n",
		"include within":  "include /etc/logrotate.d\n",
		"negative":        "rotate -2\n",
		"all":             "rotate -1\n",
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			lr, dir := readRotate(t, map[string]string{"logrotate.conf": "%DIR%/a.log {\n" + entry + "\n}\n", "a.log": "x\n"})
			out, _ := exec.Command(logrotate, "-d", "-s", filepath.Join(dir, "state"), lr.File).CombinedOutput()
			theirs := strings.Contains(string(out), "considering log "+dir+"/a.log")
			if ours := lr.For(filepath.Join(dir, "a.log")) != nil; ours != theirs {
				t.Errorf("rotated: got %v, logrotate says %v:\n%s", ours, theirs, out)
			}
		})
	}
}

// FuzzLogrotate: no text ends the process or the reading.
func FuzzLogrotate(f *testing.F) {
	f.Add("weekly\ninclude /nosuch\n\"/a b\" /c {\nrotate 3\n" + signals + "create 0640 a b\n}\n")
	f.Add("/a { size=1k compress } tabooext + .x,.y\n'/b\\ \n{ postrotate")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") {
			t.Skip()
		}
		r := &rotateReader{lr: &Logrotate{File: "x"}}
		(&rotateScan{r: r, text: text, at: Place{"x", 1}}).all()
		var logs []string
		for _, p := range r.lr.Policies {
			logs = append(logs, p.Patterns...)
		}
		r.lr.Rotation(logs, true)
	})
}
