package source

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// What is told is counted by kind; of each kind the last one is kept whole,
// and what was handed out doesn't change.
func TestEvents(t *testing.T) {
	r := follow(t)
	r.write(3)
	r.scan()
	r.rename("access.log", "access.log.1")
	r.scan()
	before := r.f.Stats()
	for range 3 {
		r.write(1)
		r.pass(2 * stillGrows)
		r.scan()
	}
	after := r.f.Stats()
	if len(before.Events) != 1 || before.Events[0].Kind != rotatedKind || before.Events[0].Level != slog.LevelInfo {
		t.Errorf("first: got %+v; want the rotation alone", before.Events)
	}
	if len(after.Events) != 2 || after.Events[1].Kind != stillGrowsKind || after.Events[1].Count != 3 {
		t.Fatalf("then: got %+v; want the file to grow three times", after.Events)
	}
	e := after.Events[1]
	if e.Path != r.path("access.log.1") || !strings.Contains(e.Hint, "postrotate") || time.Since(e.Last) > time.Minute {
		t.Errorf("got %+v", e)
	}
	if n := strings.Count(r.log.String(), e.Text); n != 1 {
		t.Errorf("logged %d times; want once in %v", n, repeatEvery)
	}
	if after.Behind != 0 || after.Bytes == 0 {
		t.Errorf("got %d bytes behind, %d returned", after.Behind, after.Bytes)
	}
}
