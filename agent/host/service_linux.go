package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/logmeter/logmeter/agent"
)

// Clock says whether the machine's clock is kept right. An hour of usage is
// that of the log, which nginx takes from this clock.
func Clock() []agent.Finding {
	f := &findings{topic: "clock"}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		f.warn("run a time service such as systemd-timesyncd or chrony", "nothing keeps the clock of this machine right: calls near a full hour can be put into the wrong one, and Stripe refuses usage from the future")
	default:
		f.ok("the clock is kept right by a time service")
	}
	return f.all
}

// OpenFiles says whether a process may open enough files to follow a number of
// logs; pid 0 is this process.
func OpenFiles(pid, logs int) []agent.Finding {
	f := &findings{topic: "service"}
	limit, err := openFiles(pid)
	if err != nil {
		return nil // the process of another user
	}
	// Each log is followed with those rotated from it, in half of the limit.
	const each = 4
	if need := 256 + 2*each*logs; limit < need {
		f.warn("raise it: LimitNOFILE= in the service, or ulimit -n", "only %d files may be open at once, and for %d logs it should be %d: logs that wait for their turn are read late", limit, logs, need)
	} else {
		f.ok("%d files may be open at once, enough for %d logs", limit, logs)
	}
	return f.all
}

// openFiles returns how many files a process may open.
func openFiles(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%s/limits", procName(pid)))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			words := strings.Fields(rest)
			if len(words) == 0 {
				break
			}
			if words[0] == "unlimited" {
				return 1 << 30, nil
			}
			return strconv.Atoi(words[0])
		}
	}
	return 0, fmt.Errorf("no limit of open files in /proc/%s/limits", procName(pid))
}

func procName(pid int) string {
	if pid == 0 {
		return "self"
	}
	return strconv.Itoa(pid)
}

// Service says whether systemd starts a unit at every boot. It says nothing
// where systemd doesn't run, as in a container.
func Service(unit string) []agent.Finding {
	f := &findings{topic: "service"}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// The answer is printed; the exit code only says whether it is "enabled".
	out, _ := exec.CommandContext(ctx, "systemctl", "is-enabled", unit).Output()
	switch state := strings.TrimSpace(string(out)); state {
	case "enabled", "enabled-runtime", "static", "indirect", "generated", "alias":
		f.ok("systemd starts the service %s at every boot", unit)
	case "", "not-found":
		f.warn("install the package, or whatever else restarts it after a crash and a reboot", "systemd knows no service %s", unit)
	default:
		f.warn("systemctl enable --now "+unit, "systemd doesn't start the service %s at boot (it is %s): after a reboot nothing is counted", unit, state)
	}
	return f.all
}
