package source

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestRandomSchedules lets a writer, a rotator and a follower do what they may
// in any order: late reopening, half lines, several ways of compressing and
// copying, kills without a commit, long downtimes. After each schedule every
// line must have been counted once. Whenever the source says that all was
// read, it must be so.
//
// LOGMETER_SEEDS sets the number of schedules, LOGMETER_SEED the first one.
func TestRandomSchedules(t *testing.T) {
	seeds, steps := number(t, "LOGMETER_SEEDS", 12), 250
	from := number(t, "LOGMETER_SEED", 1)
	for seed := from; seed < from+seeds; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			s := &schedule{rig: newRig(t), rnd: rand.New(rand.NewPCG(uint64(seed), 1))}
			s.scan() // the first look: what comes from now on is counted
			for range steps {
				s.step()
			}
			s.end()
		})
	}
}

func number(t *testing.T, name string, otherwise int) int {
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s=%q: want a number", name, v)
	}
	return n
}

// schedule is a rig with the state of the machine around it.
type schedule struct {
	*rig
	rnd   *rand.Rand
	ops   []string // what was done, for the message
	rest  string   // of a line of which the beginning was written
	late  bool     // the writer still has the renamed file
	names []string // of rotated files, the youngest first
	slow  func() bool
	// touched is when anything but the follower last did something.
	touched time.Time
}

// note records what is being done now, or was done just now.
func (s *schedule) note(format string, args ...any) {
	s.ops = append(s.ops, fmt.Sprintf(format, args...))
}

func (s *schedule) step() {
	if s.t.Failed() {
		return
	}
	switch n := s.rnd.IntN(100); {
	case n < 30:
		s.write(1 + s.rnd.IntN(40))
	case n < 36:
		s.half()
	case n < 56:
		s.look()
	case n < 60:
		s.note("kill")
		s.kill()
	case n < 75:
		s.rotate()
	case n < 80:
		s.reopen()
	case n < 84:
		s.compress(0)
	case n < 87:
		s.compress(1 + s.rnd.IntN(5))
	case n < 91:
		s.copyTruncate(0)
	case n < 93:
		s.copyTruncate(1 + s.rnd.IntN(5))
	case n < 95:
		s.replace()
	default:
		s.advance()
	}
}

// advance goes on with something that takes several steps.
func (s *schedule) advance() {
	if s.slow != nil && s.slow() {
		s.slow = nil
	}
}

func (s *schedule) write(n int) {
	s.whole()
	s.note("write %d", n)
	s.rig.write(n)
}

// half writes the beginning of a line.
func (s *schedule) half() {
	s.whole()
	l := s.line()
	s.want = append(s.want, l)
	n := 1 + s.rnd.IntN(len(l))
	s.note("half line")
	s.append(l[:n])
	s.rest = l[n:] + "\n"
}

// whole writes the rest of a line.
func (s *schedule) whole() {
	if s.rest != "" {
		s.append(s.rest)
		s.rest = ""
	}
}

// look lets the follower work: for a few blocks, or until there is nothing
// more; with a commit or without.
func (s *schedule) look() {
	s.touched = time.Now()
	if s.f == nil {
		s.start()
	}
	s.pass(time.Duration(s.rnd.IntN(5)) * time.Second)
	if s.rnd.IntN(4) == 0 {
		s.note("look at one block")
		s.next()
		return
	}
	s.note("look")
	for s.next() {
	}
	if s.rnd.IntN(3) > 0 {
		s.note("commit")
		s.commit()
	}
	if have, want := len(s.got)+len(s.pending), len(s.want)-count(s.rest != ""); !s.last.ReadTo.IsZero() && s.last.ReadTo.After(s.touched) && have != want {
		s.fail("the source says that it read all, but has %d of %d lines", have, want)
	}
}

func (s *schedule) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf(format+"\nafter %v", append(args, s.ops)...)
}

// counted makes sure that everything is counted and committed.
func (s *schedule) counted() {
	for range 30 {
		s.scan()
		if len(s.got) == len(s.want)-count(s.rest != "") {
			return
		}
	}
	s.fail("only %d of %d lines after 30 scans", len(s.got), len(s.want))
}

// shift renames the rotated files as logrotate does.
func (s *schedule) shift() {
	for i := len(s.names) - 1; i >= 0; i-- {
		old := s.names[i]
		name := fmt.Sprintf("access.log.%d", i+2)
		if old[len(old)-3:] == ".gz" {
			name += ".gz"
		}
		s.rename(old, name)
		s.names[i] = name
	}
	if len(s.names) > 6 {
		// Retention must be longer than any outage: what goes is counted.
		s.counted()
		s.note("delete %s", s.names[6])
		for _, name := range s.names[6:] {
			s.remove(name)
		}
		s.names = s.names[:6]
	}
}

func (s *schedule) finishSlow() {
	for s.slow != nil {
		s.advance()
	}
}

func (s *schedule) rotate() {
	if s.late || s.file == nil {
		return
	}
	s.finishSlow()
	s.whole()
	s.note("rotate")
	s.shift()
	s.rename("access.log", "access.log.1")
	s.names = append([]string{"access.log.1"}, s.names...)
	s.late = true
	if s.rnd.IntN(2) == 0 {
		s.put("access.log", nil) // create
	}
	if s.rnd.IntN(2) == 0 {
		s.reopen()
	}
}

// reopen is what nginx does on USR1.
func (s *schedule) reopen() {
	s.whole()
	s.note("reopen")
	s.open("access.log")
	s.late = false
}

// compress makes an archive of a rotated file, lacking its last lines if miss
// isn't 0: those were written while gzip ran, and are counted.
func (s *schedule) compress(miss int) {
	i := -1
	for j, name := range s.names {
		if name[len(name)-3:] != ".gz" && (j > 0 || !s.late) {
			i = j
		}
	}
	if i < 0 || s.slow != nil {
		return
	}
	name := s.names[i]
	b := s.read(name)
	if miss > 0 {
		s.counted()
		for range miss {
			if n := bytes.LastIndexByte(b[:max(0, len(b)-1)], '\n') + 1; n > 0 {
				b = b[:n]
			}
		}
	}
	z := compress(s.t, b)
	gz := name + ".gz"
	s.names[i] = gz
	if s.rnd.IntN(2) == 0 {
		s.note("gzip %s without %d", name, miss)
		s.put(gz, z)
		s.remove(name)
		return
	}
	s.note("gzip %s without %d, slowly", name, miss)
	stage := 0
	s.slow = func() bool {
		stage++
		switch stage {
		case 1:
			s.put(gz, nil)
		case 2:
			s.put(gz, z[:s.rnd.IntN(len(z))])
		case 3:
			s.put(gz, z)
		case 4:
			s.note("gzip done")
			s.remove(name)
		}
		return stage == 4
	}
	s.slow() // logrotate doesn't rename what isn't there
}

// copyTruncate rotates by copying. Nothing is written between the copy and the
// truncation, but for lines that are counted before and missed by the copy.
func (s *schedule) copyTruncate(miss int) {
	if s.late || s.file == nil || s.slow != nil {
		return
	}
	s.whole()
	if miss > 0 {
		s.counted()
	}
	s.shift()
	b := s.read("access.log")
	for range miss {
		if n := bytes.LastIndexByte(b[:max(0, len(b)-1)], '\n') + 1; n > 0 {
			b = b[:n]
		}
	}
	s.note("copytruncate without %d", miss)
	s.names = append([]string{"access.log.1"}, s.names...)
	if s.rnd.IntN(2) == 0 && len(b) > 0 {
		s.put("access.log.1", b[:s.rnd.IntN(len(b))])
		s.look()
	}
	s.put("access.log.1", b)
	if s.rnd.IntN(2) == 0 {
		s.look()
	}
	if err := os.Truncate(s.path("access.log"), 0); err != nil {
		s.t.Fatal(err)
	}
	if s.rnd.IntN(2) == 0 {
		s.note("grow again")
		s.write(20 + s.rnd.IntN(200))
	}
}

// replace puts a copy in the place of the log, as an editor or a restore does.
func (s *schedule) replace() {
	if s.late || s.file == nil || s.slow != nil {
		return
	}
	s.whole()
	s.note("replace by a copy")
	s.put("copy", s.read("access.log"))
	s.rename("copy", "access.log")
	s.reopen()
}

// end lets everything come to rest and compares.
func (s *schedule) end() {
	s.finishSlow()
	if s.file == nil || s.late {
		s.reopen()
	}
	s.write(3)
	for range 60 {
		s.scan()
	}
	defer func() {
		if s.t.Failed() {
			s.t.Logf("seed's operations: %v", s.ops)
		}
	}()
	s.wantReadTo(true)
	s.check()
}
