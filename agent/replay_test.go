package agent

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// A format is mended: the lines that it refused are counted, each once, also
// when it is asked for twice, and the account of the lines stays whole.
func TestReplayCountsRefusedLinesOnce(t *testing.T) {
	h := newHouse(t)
	ms := noon.UnixMilli()
	h.log.write(noon, "/score", "1", 200)
	h.log.text = fmt.Appendf(h.log.text, "%d,/score,200,1\n%d,/score,200,2\n%d,/other,200,2\nhopeless\nset aside\n", ms, ms, ms)
	h.mustPass()
	long := h.meters.NewTally()
	long.Refuse(1, WindowOf(noon))
	long.Keep([]byte("1,/score,200,"+strings.Repeat("x", maxKeptBytes)), "access.log", 1<<20, "no_match", noon.Unix())
	must(t, h.store.Commit("edge", nil, long))
	m := h.store.(*Memory)
	if got := len(all(t, m.Refusals())); got != 6 {
		t.Fatalf("%d lines are kept, want 6", got)
	}
	for i, want := range []Replayed{
		{Lines: Accounting{Lines: 4, Billed: 2, Rules: rules(RulePath, 1)}, Refused: 1, Cut: 1},
		{Refused: 1, Cut: 1},
	} {
		got, err := Replay("edge", nil, commaParser{}, h.meters, m, m)
		must(t, err)
		if i == 0 {
			want.Lines.Rules[RuleSkip] = 1
		}
		if got != want {
			t.Errorf("replay %d: got %+v, want %+v", i+1, got, want)
		}
	}
	lines := all(t, m.Accounting(FirstWindow, LastWindow))
	want := Accounting{Lines: 7, Billed: 3, Refused: 2}
	want.Rules[RulePath], want.Rules[RuleSkip] = 1, 1
	if len(lines) != 1 || lines[0].Accounting != want {
		t.Errorf("accounting: got %+v, want %+v", lines, want)
	}
	usage := map[string]uint64{}
	for _, u := range all(t, m.Usage(FirstWindow, LastWindow)) {
		usage[u.Customer] += u.Total
	}
	if fmt.Sprint(usage) != fmt.Sprint(map[string]uint64{"1": 2, "2": 1}) {
		t.Errorf("usage: got %v", usage)
	}
	if _, err := Replay("edge", []uint64{999}, commaParser{}, h.meters, m, m); err != nil {
		t.Errorf("a line that isn't kept any more: %v", err)
	}
}

// commaParser is the mended format: words are separated by commas.
type commaParser struct{}

func (commaParser) Parse(line []byte, rec *Record) error {
	if string(line) == "set aside" {
		return ErrSkip
	}
	return wordParser{}.Parse([]byte(strings.ReplaceAll(string(line), ",", " ")), rec)
}

// Where customers are secrets, nothing of a refused line is kept but its place.
func TestSecretLinesAreKeptByPlaceAlone(t *testing.T) {
	h := newHouse(t)
	h.log.text = []byte("1 /score 200 acme\nrefused: sk_live_1\n")
	a := h.agent()
	a.Feeds[0].Parser = Naming{Key: []byte("key")}.Parser(wordParser{})
	feeds, _ := a.loops()
	must(t, feeds[0].drain(t.Context(), 0))
	m := h.store.(*Memory)
	kept := all(t, m.Refusals())
	if len(kept) != 1 || len(kept[0].Line) != 0 || kept[0].Size != 18 || kept[0].Offset != 18 {
		t.Errorf("kept: %+v", kept)
	}
	if got, err := Replay("edge", nil, commaParser{}, h.meters, m, m); err != nil || got != (Replayed{Cut: 1}) {
		t.Errorf("replay: %+v, %v", got, err)
	}
}

// A line that nothing accounts for is an error, said once, that stops nothing.
func TestRemainderIsLoud(t *testing.T) {
	h := newHouse(t)
	var said strings.Builder
	a := h.agent()
	a.Log = slog.New(slog.NewTextHandler(&said, nil))
	feeds, _ := a.loops()
	for range 2 {
		h.log.write(noon, "/score", "1", 200)
		feeds[0].tally.hourAt(WindowOf(noon)).lines.Lines++ // what a bug would do
		must(t, feeds[0].drain(t.Context(), 0))
	}
	if got := strings.Count(said.String(), "unaccounted for"); got != 1 {
		t.Errorf("said %d times: %s", got, said.String())
	}
	if got := all(t, h.store.(*Memory).Usage(FirstWindow, LastWindow)); len(got) != 1 || got[0].Total != 2 {
		t.Errorf("usage: %+v", got)
	}
}
