package admin

import (
	"context"
	"net"
	"net/http"
	"os/user"
	"strconv"
)

// sudoHeader names the person behind root. It is believed of root alone, who
// could write anything into the books anyway.
const sudoHeader = "Logmeter-Sudo-User"

type userKey struct{}

// withUser returns a context of a call that a user of this machine makes.
func withUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}

// userOf returns who makes a call, for the audit trail.
func userOf(r *http.Request) string {
	name, _ := r.Context().Value(userKey{}).(string)
	if sudo := r.Header.Get(sudoHeader); sudo != "" && name == "root" {
		return behind(name, sudo)
	}
	return name
}

func behind(name, sudo string) string { return sudo + " (as " + name + ")" }

// UserName returns the name of a user of this machine. sudo is the user who
// became that one, "" if none did.
func UserName(uid int, sudo string) string {
	name := "uid " + strconv.Itoa(uid)
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		name = u.Username
	}
	if sudo != "" && sudo != name && uid == 0 {
		return behind(name, sudo)
	}
	return name
}

// userAt returns the name of the user at the other end of a connection, "" for
// one that isn't of this machine.
func userAt(c net.Conn) string {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ""
	}
	if uid, ok := peer(u); ok {
		return UserName(uid, "")
	}
	return ""
}
