package source

import (
	"testing"
)

func TestRename(t *testing.T) {
	r := newRig(t)
	r.write(10)
	r.scan()
	r.rename("access.log", "access.log.1")
	r.write(5) // nginx still has the old file
	r.scan()
	old := r.file
	r.file = nil
	r.write(3)
	r.scan()
	if _, err := old.WriteString("late\n"); err != nil {
		t.Fatal(err)
	}
	r.want = append(r.want, "late")
	old.Close()
	r.scan()
	r.check()
	r.wantReadTo(true)
}
