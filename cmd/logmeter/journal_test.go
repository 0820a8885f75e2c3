package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLogToTheJournalHasPriorities(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	log := newLog(f, func(string) string { return stream })
	log.Info("begins", "n", 1)
	log.With("source", "edge").Warn("look", "time", "stays")
	log.WithGroup("g").Error("usage doesn't flow", "level", "stays")
	log.Debug("never asked for")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "<6>msg=begins n=1\n<4>msg=look source=edge time=stays\n<3>msg=\"usage doesn't flow\" g.level=stays\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLogElsewhereHasTimes(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The variable is inherited by children whose output goes elsewhere.
	newLog(f, func(string) string { return "1:2" }).Info("begins")
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	newLog(&b, func(string) string { return "" }).Info("begins")
	for _, got := range []string{string(text), b.String()} {
		if !strings.HasPrefix(got, "time=") || !strings.Contains(got, " level=INFO msg=begins") {
			t.Errorf("got %q, want a time and a level", got)
		}
	}
}
