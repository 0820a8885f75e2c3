package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/logmeter/logmeter/agent"
)

// Reading says whether an account can read a log, the rotated ones beside it,
// and the next one that rotation makes. policy is how the log is rotated, nil
// when that isn't known.
func Reading(a Account, log string, policy *Policy) []agent.Finding {
	f := &findings{topic: "permission"}
	if dir := a.denied(log); dir != "" {
		f.problem(letIn(a, dir), "%s can't get through %s (%s), so it can't read %s", a.Name, dir, describe(dir), log)
		return f.all
	}
	dir := filepath.Dir(resolve(log))
	info, err := os.Stat(dir)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			f.problem("run the check as root, or as logmeter's own user", "%s can't be looked at: %v", dir, err)
		}
		return f.all
	}
	if !a.may(mayRead, info.Mode().Perm(), ownerOf(info)) && !hasACL(dir) {
		f.problem(letIn(a, dir), "%s can't list %s (%s), so it doesn't find rotated logs", a.Name, dir, describe(dir))
	}
	if info, err := os.Stat(log); err == nil && !a.may(mayRead, info.Mode().Perm(), ownerOf(info)) && !hasACL(log) {
		f.problem(letIn(a, log), "%s can't read %s (%s)", a.Name, log, describe(log))
	}
	f.all = append(f.all, nextLog(a, log, policy)...)
	return f.all
}

// nextLog says whether an account can read the log that logrotate makes next.
func nextLog(a Account, log string, p *Policy) []agent.Finding {
	f := &findings{topic: "permission"}
	if p == nil || !p.Create || p.CopyTruncate || hasACL(filepath.Dir(resolve(log))) {
		return nil // nginx makes it, readable for all, or it stays the same file
	}
	mode, by := fs.FileMode(0), owner{}
	if info, err := os.Stat(log); err == nil {
		mode, by = info.Mode().Perm(), ownerOf(info)
	} else if !p.HasMode {
		return nil
	}
	if p.HasMode {
		mode = p.CreateMode
	}
	if p.Owner != "" {
		u, err := LookupAccount(p.Owner)
		if err != nil {
			f.problem("correct create, or add the user", "%s: create names the user %s, whom nobody knows here: logrotate doesn't rotate the log", p.name(), p.Owner)
			return f.all
		}
		by.uid = u.uid
	}
	if p.Group != "" {
		gid, err := groupID(p.Group)
		if err != nil {
			f.problem("correct create, or add the group", "%s: create names the group %s, which nobody knows here: logrotate doesn't rotate the log", p.name(), p.Group)
			return f.all
		}
		by.gid = gid
	}
	if !a.may(mayRead, mode, by) {
		f.problem("have it readable for a group that "+a.Name+" is in, such as create 0640 www-data adm",
			"%s: the log that rotation makes next (%04o %s) can't be read by %s: billing stops there", p.name(), mode, names(by), a.Name)
	}
	return f.all
}

// Writing says whether nginx's workers can open a log again after it was
// rotated. A worker opens it by its path, so it must get through every folder;
// the file itself is handed to the worker's user by the master process.
func Writing(workers []Account, log string) []agent.Finding {
	f := &findings{topic: "permission"}
	for _, w := range workers {
		dir := w.denied(log)
		if dir == "" {
			continue
		}
		f.problem("let the group in: chgrp "+groupName(w)+" "+dir+" && chmod g+x "+dir+", or name a user in nginx.conf that may",
			"nginx's workers run as %s, who can't get through %s (%s): after a rotation they can't open %s and write on into the old file", w.Name, dir, describe(dir), log)
	}
	return f.all
}

// describe is mode and owner of a file, as ls shows them.
func describe(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return info.Mode().String() + " " + names(ownerOf(info))
}
