package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBackup(t *testing.T) {
	t.Parallel()
	s := goldenStore(t)
	ms := meters(t, 1)
	tally := ms.NewTally()
	fill(t, ms, tally, hour0, 3_000, 3_000)
	for range 3 {
		must(t, s.Commit("edge", nil, tally))
	}
	_, err := s.Seal(hour0.End())
	must(t, err)
	var want, backup bytes.Buffer
	must(t, s.Dump(&want))
	must(t, s.Backup(&backup))

	dir := filepath.Join(t.TempDir(), "state")
	must(t, Restore(dir, bytes.NewReader(backup.Bytes())))
	var got bytes.Buffer
	restored := open(t, dir)
	must(t, restored.Dump(&got))
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Error("the restored state differs")
	}
	if err := Restore(dir, &backup); !errors.Is(err, ErrLocked) {
		t.Errorf("restored over an open state: %v", err)
	}
	must(t, restored.Close())
	if err := Restore(dir, &backup); err == nil || !strings.Contains(err.Error(), "hint") {
		t.Errorf("restored over a state: %v", err)
	}

	whole := backup.Bytes()
	for name, torn := range map[string][]byte{
		"empty":       nil,
		"cut":         whole[:len(whole)/2],
		"cut at end":  whole[:len(whole)-1],
		"flipped":     append(append(bytes.Clone(whole[:5000]), whole[5000]^1), whole[5001:]...),
		"not one":     []byte("PK\x03\x04 and so on and so forth"),
		"huge length": append([]byte(backupMagic), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	} {
		dir := t.TempDir()
		if err := Restore(dir, bytes.NewReader(torn)); err == nil {
			t.Errorf("%s: restored", name)
		}
		must(t, Restore(dir, bytes.NewReader(whole))) // nothing is left in the way
	}
}

func TestSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 11, 24, 21, 0, 0, 0, time.UTC)
	if got, err := SetAside(filepath.Join(dir, "absent"), now); got != "" || err != nil {
		t.Errorf("no directory: %q, %v", got, err)
	}
	if got, err := SetAside(dir, now); got != "" || err != nil {
		t.Errorf("no state: %q, %v", got, err)
	}
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	must(t, s.Commit("edge", nil, tally))
	usage := usageText(t, s)
	if _, err := SetAside(dir, now); !errors.Is(err, ErrLocked) {
		t.Errorf("an open state: %v", err)
	}
	must(t, s.Close())
	aside, err := SetAside(dir, now)
	if want := filepath.Join(dir, "aside-20261124T210000Z"); aside != want || err != nil {
		t.Fatalf("set aside to %q, %v; want %q", aside, err, want)
	}
	s = open(t, dir)
	if got := usageText(t, s); got != "" {
		t.Errorf("a fresh state has usage %q", got)
	}
	must(t, s.Close())
	if got := usageText(t, open(t, aside)); got != usage {
		t.Errorf("the old state has usage %q, want %q", got, usage)
	}

	// A crash after the database was moved isn't a start afresh.
	must(t, os.RemoveAll(filepath.Join(dir, databaseName)))
	if _, err := Open(testOptions(dir)); !errors.Is(err, ErrNoCheckpoint) {
		t.Error(fmt.Errorf("half set aside: %w", err))
	}
	if _, err := SetAside(dir, now.Add(time.Second)); err != nil {
		t.Error(err)
	}
	must(t, open(t, dir).Close())
}
