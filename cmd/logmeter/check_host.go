package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/host"
)

// serviceAccount is the user that the packages run the daemon as.
const serviceAccount = "logmeter"

// reader returns the account whose rights matter: the one that runs the check,
// or the service's when root runs it. sure says that it is the daemon's.
func reader() (a host.Account, sure bool) {
	a = host.Self()
	if !a.Root() {
		return a, true
	}
	if service, err := host.LookupAccount(serviceAccount); err == nil {
		return service, true
	}
	return a, false
}

// checkHost looks at what the machine does to the logs of some sources. n is
// nil when nginx's configuration isn't known.
func checkHost(ch *checker, c *config.Config, sources []config.Source, logrotate string, n *host.Nginx) {
	account, sure := reader()
	if !sure {
		ch.topic = "permission"
		ch.ok("root may read everything; run the check as the daemon's user to see whether that may")
	}
	lr, err := host.ReadLogrotate(logrotate)
	ch.topic = "rotation"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		ch.ok("%s isn't there; whatever else rotates the logs must rename them and have nginx reopen them (USR1)", logrotate)
	case err != nil:
		ch.warn("%v\nhint: how the logs are rotated isn't known; run the check as root", err)
	}
	workers := host.Workers()
	var folders []string
	said := map[string]bool{}
	add := func(found ...agent.Finding) {
		for _, f := range found {
			if !said[f.Text] {
				said[f.Text] = true
				ch.add(f)
			}
		}
	}
	for _, s := range sources {
		spec := c.Format[s.Format].Spec
		// A wrapped log is the container runtime's, which rotates it itself.
		own := spec.Wrap != "cri" && spec.Wrap != "docker"
		logs, _ := filepath.Glob(s.Path)
		if len(logs) == 0 {
			logs = []string{s.Path}
		}
		if lr != nil && own {
			add(lr.Rotation(logs, spec.Nginx != "")...)
		}
		for _, log := range logs {
			var policy *host.Policy
			if lr != nil {
				policy = lr.For(log)
			}
			add(host.Reading(account, log, policy)...)
			if spec.Nginx != "" && own {
				add(host.Writing(writers(n, workers, log), log)...)
			}
			if dir := filepath.Dir(log); !slices.Contains(folders, dir) {
				folders = append(folders, dir)
				add(host.Disk(dir, false)...)
			}
		}
	}
	add(host.DiskBelow(c.StateDir, true)...)
}

// writers returns the accounts by which nginx writes a log: the one that its
// configuration names, or those of the processes that do it now.
func writers(n *host.Nginx, workers []host.Worker, log string) []host.Account {
	if n != nil && n.User != "" && slices.ContainsFunc(n.Logs, func(l host.AccessLog) bool { return l.Path != "" && host.SameFile(l.Path, log) }) {
		if a, err := host.LookupAccount(n.User); err == nil {
			return []host.Account{a}
		}
	}
	return host.Writers(workers, log)
}
