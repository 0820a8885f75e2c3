package host

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// built is how the installed nginx was built.
type built struct{ prefix, log string }

// builtWith asks the installed nginx for its own paths. It answers only for
// the configuration that nginx was built to read: another one may belong to
// another nginx.
func builtWith(conf string) built {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nginx", "-V").CombinedOutput()
	if err != nil {
		return built{}
	}
	arg := func(name string) string {
		_, rest, ok := strings.Cut(string(out), " --"+name+"=")
		if !ok {
			return ""
		}
		value, _, _ := strings.Cut(rest, " ")
		return strings.TrimSpace(value)
	}
	b := built{prefix: arg("prefix"), log: arg("http-log-path")}
	if b.prefix == "" {
		b.prefix = "/usr/local/nginx"
	}
	own := firstOf(arg("conf-path"), "conf/nginx.conf")
	for _, path := range []*string{&own, &b.log} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(b.prefix, *path)
		}
	}
	if b.log == "" {
		b.log = filepath.Join(b.prefix, "logs/access.log")
	}
	if abs, err := filepath.Abs(conf); err != nil || !SameFile(abs, own) {
		return built{}
	}
	return b
}
