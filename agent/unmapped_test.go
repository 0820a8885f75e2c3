package agent

import (
	"slices"
	"testing"
	"time"
)

func TestFindUnmapped(t *testing.T) {
	h := newHouse(t)
	h.biller.lookup = func(customer string) (string, error) {
		if customer == "known" {
			return "cus_1", nil
		}
		return "", &Rejected{customer + " isn't known"}
	}
	for i, customer := range []string{"zoe", "acme", "known", "acme", "acme"} {
		h.log.write(noon.Add(time.Duration(i)*time.Hour), "/score", customer, 200)
	}
	h.mustPass()
	w := WindowOf(noon)
	got, err := FindUnmapped(h.store.(*Memory), h.biller, FirstWindow, LastWindow)
	want := []Unmapped{
		{"acme", "score", "acme isn't known", 3, 3, w + 1, w + 4},
		{"zoe", "score", "zoe isn't known", 1, 1, w, w},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := FindUnmapped(h.store.(*Memory), h.biller, w+2, w+3); err != nil || len(got) != 0 {
		t.Errorf("of an hour with a known customer alone: %+v, %v", got, err)
	}
}
