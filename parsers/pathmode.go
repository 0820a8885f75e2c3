package parsers

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// pathMode is whose rules turn a request target into a path.
type pathMode uint8

const (
	pathNginx pathMode = iota
	pathEnvoy
	pathRaw
)

// pathModes are the values of Spec.PathMode, in the order of the constants.
var pathModes = []string{"nginx", "envoy", "raw"}

// choosePathMode sets the mode that the Spec asks for, else the one of the
// proxy that writes such a format.
func (f *Format) choosePathMode(mode string) error {
	if mode == "" {
		f.mode = pathNginx
		if f.envoy {
			f.mode = pathEnvoy
		}
	} else if i := slices.Index(pathModes, mode); i < 0 {
		return specError("path_mode", fmt.Errorf("unknown path_mode %q; want %s", mode, strings.Join(pathModes, ", ")))
	} else {
		f.mode = pathMode(i)
	}
	f.byNginx = f.kind == "nginx" || !f.envoy && f.mode == pathNginx
	return nil
}

// envoyPath returns the path by which Envoy chooses a route for a target as it
// logs it: up to the query. Envoy decodes and resolves nothing unless it is
// told to normalise, and then it logs what came out. It answers 400 to a
// target with a fragment.
func envoyPath(target []byte) []byte {
	if len(target) == 0 || target[0] != '/' || bytes.IndexByte(target, '#') >= 0 {
		return nil
	}
	path, _, _ := bytes.Cut(target, []byte{'?'})
	return path
}

var slash = []byte{'/'}

// rawPath returns the path of a target as it stands: up to the query, without
// the scheme and host that it may begin with.
func rawPath(target []byte) []byte {
	rest, ok := dropOrigin(target)
	if !ok {
		return nil
	}
	path, _, _ := bytes.Cut(rest, []byte{'?'})
	if len(path) == 0 {
		return slash
	}
	return path
}
