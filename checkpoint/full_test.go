package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/logmeter/logmeter/agent"
)

// On a real file system that fills up the store stops in time, again and
// again, and goes on when there is space: Badger alone is killed by the kernel.
func TestFullFileSystem(t *testing.T) {
	t.Run("tmpfs", func(t *testing.T) {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
			t.Skipf("NOT TESTED: a small tmpfs can't be mounted here: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		fillUp(t, dir)
	})
	t.Run("ext4", func(t *testing.T) {
		image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
		for _, args := range [][]string{
			{"truncate", "-s", "96M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir},
		} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Skipf("NOT TESTED: an image of ext4 can't be mounted here: %s: %v %s", args[0], err, out)
			}
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		fillUp(t, dir)
	})
}

func fillUp(t *testing.T, dir string) {
	o := Options{Dir: filepath.Join(dir, "state"), Instance: "edge-1"}
	s, err := Open(o)
	must(t, err)
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	must(t, err)
	defer ballast.Close()

	ms := meters(t, 1)
	tally := ms.NewTally()
	fill(t, ms, tally, hour0, 3000, 3000)
	committed, full := 0, 0
	block := make([]byte, 256<<10)
	for round := range 3 {
		for {
			if err := s.Commit("edge", nil, tally); errors.Is(err, agent.ErrFull) {
				full++
				break
			} else if err != nil {
				t.Fatal(err)
			}
			committed++
			_, err := ballast.Write(block)
			must(t, err)
		}
		if _, err := s.Seal(hour0.End()); !errors.Is(err, agent.ErrFull) {
			t.Fatalf("Seal: %v", err)
		}
		// A disk file system may find a few blocks meanwhile.
		if err := s.Maintain(time.Unix(0, 0)); err != nil && !errors.Is(err, agent.ErrFull) {
			t.Fatalf("Maintain: %v", err)
		}
		if round == 1 {
			must(t, s.Close())
			for free, err := space(dir); free >= 4*memTableBytes; free, err = space(dir) {
				must(t, err)
				_, err = ballast.Write(block)
				must(t, err)
			}
			if _, err := Open(o); !errors.Is(err, agent.ErrFull) {
				t.Fatalf("Open on a full file system: %v", err)
			}
		}
		must(t, ballast.Truncate(0))
		_, err = ballast.Seek(0, 0)
		must(t, err)
		if round == 1 {
			s, err = Open(o)
			must(t, err)
		}
	}
	if full != 3 || committed < 10 {
		t.Errorf("%d commits, full %d times", committed, full)
	}
	must(t, s.Close())
	s, err = Open(o)
	must(t, err)
	defer s.Close()
	for _, u := range collect(t, s.Usage(hour0, hour0+1)) {
		if u.Total != uint64(committed) {
			t.Fatalf("%s used %d, want %d", u.Customer, u.Total, committed)
		}
	}
}

// Sources commit, the report seals and settles, people look, all at once.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	ms := meters(t, 2)
	const commits, sources = 60, 3
	var wg sync.WaitGroup
	for n := range sources {
		wg.Go(func() {
			tally := ms.NewTally()
			for i := range commits {
				for k := range 50 {
					countLine(ms, tally, hour0+agent.Window(i/20), 0, k%2, fmt.Sprint("customer-", k))
				}
				if err := s.Commit(fmt.Sprint("source-", n), []agent.Position{{ID: 1, Offset: int64(i)}}, tally); err != nil {
					t.Error(err)
				}
				tally.Reset()
			}
		})
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	report := func() error {
		if _, err := s.Seal((hour0 + 2).End()); err != nil {
			return err
		}
		page, err := s.Pending(nil, 1000)
		if err != nil {
			return err
		}
		for i := range page {
			page[i].EventName, page[i].Account = "calls", "cus_"+page[i].Customer
		}
		if err := s.Attempt(page); err != nil {
			return err
		}
		for i := range page {
			page[i].State = agent.Accepted
		}
		return s.Settle(page)
	}
	for _, step := range []func() error{
		report,
		func() error { return s.Maintain(time.Unix(0, 0)) },
		func() error { _, err := s.Stats(); return err },
		func() error {
			for u, err := range s.Usage(firstWindow, lastWindow) {
				if err != nil || u.Reported > u.Total {
					return errors.Join(err, fmt.Errorf("%+v", u))
				}
			}
			for _, err := range s.Ledger(firstWindow, lastWindow) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := step(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
	must(t, report())
	var total, delivered uint64
	for _, u := range collect(t, s.Usage(firstWindow, lastWindow)) {
		total += u.Total
	}
	for _, e := range collect(t, s.Ledger(firstWindow, lastWindow)) {
		delivered += uint64(e.Value)
	}
	if left := collect(t, s.Outbox()); len(left) > 0 {
		t.Errorf("the outbox isn't empty: %v", left)
	}
	if want := uint64(sources * commits * 50); total != want || delivered != want {
		t.Errorf("counted %d and delivered %d, want %d", total, delivered, want)
	}
}
