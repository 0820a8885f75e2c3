package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Nginx is what an nginx configuration says about access logs.
type Nginx struct {
	// File is the configuration as it was named.
	File string
	// User is the account of the worker processes, "" when it isn't set.
	User string
	// Logs are the access_logs in the order in which they stand.
	Logs []AccessLog
	// Together has, for each block that logs, the indices of its logs: a call
	// that one of them has stands in the others too.
	Together [][]int
	// Formats are the log_formats by name, with the built-in ones.
	Formats map[string]LogFormat
	// Routes are the prefixes of paths that are passed on to an API, in the
	// order in which they stand, each once.
	Routes []string
	// Custom are the variables that the configuration itself sets, such as by
	// a map, with their $.
	Custom []string

	silent []silence
	faults []string
}

// silence is an "access_log off".
type silence struct {
	Place
	context string
}

// NginxOptions are the arguments of ReadNginx.
type NginxOptions struct {
	// Prefix is where relative paths of logs begin; "" asks the installed
	// nginx, else takes the folder of the configuration.
	Prefix string
	// DefaultLog is the log that nginx writes when none is set; "" as above.
	DefaultLog string
}

// ReadNginx reads the configuration at path and all that it includes. What
// can't be read in it is among the Findings; an error means that nothing is
// known.
func ReadNginx(path string, o NginxOptions) (*Nginx, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read nginx's configuration: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read nginx's configuration: %w", err)
	}
	c, err := readConf(path)
	if err != nil {
		return nil, fmt.Errorf("read nginx's configuration: %w", err)
	}
	if o.Prefix == "" || o.DefaultLog == "" {
		b := builtWith(path)
		o.Prefix = firstOf(o.Prefix, b.prefix)
		o.DefaultLog = firstOf(o.DefaultLog, b.log)
	}
	o.Prefix = firstOf(o.Prefix, filepath.Dir(abs))
	n := &Nginx{File: path, Formats: map[string]LogFormat{combined.Name: combined}, faults: c.faults}
	w := &walk{conf: c, n: n, prefix: o.Prefix, defaultLog: o.DefaultLog}
	main, err := c.block(0, c.files[0].Parsed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, d := range main {
		switch d.Directive.Directive {
		case "user":
			if len(d.args) > 0 {
				n.User = d.args[0]
			}
		case "http":
			err = w.http(d)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return n, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// walk goes through the blocks of a configuration.
type walk struct {
	*conf
	n                  *Nginx
	prefix, defaultLog string
	routes             map[string]bool
}

// setters are the directives that define a variable, with the index of the
// argument that names it; -1 is the last one.
var setters = map[string]int{
	"map": -1, "geo": -1, "split_clients": -1, "set": 0, "auth_request_set": 0,
	"js_set": 0, "perl_set": 0, "auth_jwt_claim_set": 0, "auth_jwt_header_set": 0, "set_by_lua_block": 0, "set_by_lua_file": 0,
}

// http walks through the http block.
func (w *walk) http(http directive) error {
	w.routes = map[string]bool{}
	ds, err := w.block(http.file, http.Block)
	if err != nil {
		return err
	}
	for _, d := range ds {
		if d.Directive.Directive == "log_format" {
			if f, ok := readLogFormat(d); ok {
				w.n.Formats[f.Name] = f
			}
		}
	}
	own, off := logsOf(ds)
	var inherited []int
	switch {
	case off != nil:
	case len(own) > 0:
		inherited = w.add(own, "http")
	case w.defaultLog != "":
		w.n.Logs = append(w.n.Logs, AccessLog{
			Place: http.Place, Context: "http", Given: w.defaultLog, Path: w.defaultLog, Format: combined.Name, Implicit: true,
		})
		inherited = []int{len(w.n.Logs) - 1}
	}
	servers, heirs := 0, 0
	for _, d := range ds {
		w.custom(d)
		if d.Directive.Directive != "server" || d.Block == nil {
			continue
		}
		servers++
		heir, err := w.server(d)
		if err != nil {
			return err
		}
		if heir {
			heirs++
		}
	}
	switch used := servers == 0 || heirs > 0; {
	case used && off != nil:
		w.n.silent = append(w.n.silent, silence{off.Place, "http"})
	case used && len(inherited) > 0:
		w.n.Together = append(w.n.Together, inherited)
	case !used:
		for _, i := range inherited {
			w.n.Logs[i].Unused = true
		}
	}
	// A log that nothing asked for and nothing writes is of no interest.
	if len(inherited) == 1 && w.n.Logs[inherited[0]].Implicit && w.n.Logs[inherited[0]].Unused {
		w.dropFirst(inherited[0])
	}
	return nil
}

// dropFirst removes a log that belongs to no group.
func (w *walk) dropFirst(at int) {
	w.n.Logs = slices.Delete(w.n.Logs, at, at+1)
	for _, group := range w.n.Together {
		for k := range group {
			if group[k] > at {
				group[k]--
			}
		}
	}
}

// server walks through a server block. heir says that its calls go to the logs
// of the http block.
func (w *walk) server(server directive) (heir bool, err error) {
	ds, err := w.block(server.file, server.Block)
	if err != nil {
		return false, err
	}
	context := "server at " + server.Place.String()
	for _, d := range ds {
		if d.Directive.Directive == "server_name" && len(d.args) > 0 && d.args[0] != "_" && d.args[0] != "" {
			context = "server " + d.args[0]
			break
		}
	}
	return w.level(ds, context)
}

// level walks through the directives of a server or a location. heir says
// that it has no log of its own.
func (w *walk) level(ds []directive, context string) (heir bool, err error) {
	own, off := logsOf(ds)
	switch {
	case off != nil:
		w.n.silent = append(w.n.silent, silence{off.Place, context})
	case len(own) > 0:
		w.n.Together = append(w.n.Together, w.add(own, context))
	default:
		heir = true
	}
	for _, d := range ds {
		w.custom(d)
		name := d.Directive.Directive
		if d.Block == nil || name != "location" && name != "if" && name != "limit_except" {
			continue
		}
		inner, err := w.block(d.file, d.Block)
		if err != nil {
			return heir, err
		}
		if name == "location" {
			w.route(d, inner)
		}
		if _, err := w.level(inner, strings.TrimSpace(context+", "+name+" "+strings.Join(d.args, " "))); err != nil {
			return heir, err
		}
	}
	return heir, nil
}

// add notes the logs of one block and returns their indices.
func (w *walk) add(own []directive, context string) []int {
	var at []int
	for _, d := range own {
		w.n.Logs = append(w.n.Logs, readAccessLog(d, context, w.prefix))
		at = append(at, len(w.n.Logs)-1)
	}
	return at
}

// custom notes the variables that a directive sets.
func (w *walk) custom(d directive) {
	i, ok := setters[d.Directive.Directive]
	if !ok || len(d.args) == 0 {
		return
	}
	if i < 0 {
		i = len(d.args) - 1
	}
	if name := d.args[i]; strings.HasPrefix(name, "$") && !slices.Contains(w.n.Custom, name) {
		w.n.Custom = append(w.n.Custom, name)
	}
}

// route notes what a location passes on.
func (w *walk) route(location directive, ds []directive) {
	var path string
	switch args := location.args; {
	case len(args) == 1:
		path = args[0]
	case len(args) == 2 && (args[0] == "^~" || args[0] == "="):
		path = args[1]
	}
	passes := slices.ContainsFunc(ds, func(d directive) bool { return strings.HasSuffix(d.Directive.Directive, "_pass") })
	if passes && strings.HasPrefix(path, "/") && path != "/" && !w.routes[path] {
		w.routes[path] = true
		w.n.Routes = append(w.n.Routes, path)
	}
}
