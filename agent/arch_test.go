package agent_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/logmeter/logmeter"

// mayImport is the picture of the house: the packages of this module that each
// package may import. The core imports none; the edges import the core; only
// the command knows them all.
var mayImport = map[string][]string{
	"agent":                               {},
	"parsers":                             {"agent"},
	"checkpoint":                          {"agent"},
	"agent/host":                          {"agent", "parsers"},
	"agent/source":                        {"agent"},
	"agent/stripe":                        {"agent"},
	"agent/stripe/stripetest":             {},
	"agent/stripe/stripetest/stripetestd": {"agent/stripe/stripetest"},
	"agent/config":                        {"agent", "parsers"},
	"agent/admin":                         {"agent"},
	"cmd/logmeter":                        {"agent", "agent/admin", "agent/config", "agent/host", "agent/source", "agent/stripe", "checkpoint", "parsers"},
}

// ownedBy names the one package that may import a module from elsewhere.
var ownedBy = map[string][]string{
	"github.com/BurntSushi/toml":              {"agent/config"},
	"github.com/dgraph-io/badger/v4":          {"checkpoint"},
	"github.com/klauspost/compress":           {"agent/source"},
	"github.com/nginxinc/nginx-go-crossplane": {"agent/host"},
	"github.com/nxadm/tail":                   {"agent/source"},
	"gopkg.in/tomb.v1":                        {"agent/source"}, // comes with nxadm/tail: its watches are killed through it
	"github.com/schollz/progressbar/v3":       {"cmd/logmeter"},
	"github.com/spf13/cobra":                  {"cmd/logmeter"},
	"github.com/spf13/pflag":                  {"cmd/logmeter"}, // comes with cobra: its flags
	"github.com/stripe/stripe-go/v76":         {"agent/stripe"},
	"go.yaml.in/yaml/v3":                      {"parsers"},
	"golang.org/x/sys":                        {"agent/host", "agent/source", "checkpoint"}, // system calls, no technology
	"golang.org/x/term":                       {"cmd/logmeter"},
	"golang.org/x/time":                       {"agent/stripe"},
}

// notInCore are packages of the standard library that the core may not need: it
// touches neither files nor the network.
var notInCore = []string{"os", "net", "net/http", "syscall", "os/exec", "database/sql"}

type listed struct {
	ImportPath string
	Standard   bool
	Module     *struct{ Path string }
	Imports    []string
}

func TestArchitecture(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Module,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
	for path, p := range packages {
		if p.Module == nil || p.Module.Path != module {
			continue
		}
		name := strings.TrimPrefix(path, module+"/")
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("package %s isn't in the picture", name)
			continue
		}
		for _, imp := range p.Imports {
			dep := packages[imp]
			switch {
			case dep.Standard:
				if name == "agent" && slices.Contains(notInCore, imp) {
					t.Errorf("the core imports %s", imp)
				}
				if imp == "html/template" || imp == "text/template" {
					t.Errorf("%s imports %s, which keeps the linker from dropping unused code", name, imp)
				}
			case dep.Module == nil:
			case dep.Module.Path == module:
				if short := strings.TrimPrefix(imp, module+"/"); !slices.Contains(allowed, short) {
					t.Errorf("%s imports %s; it may import %q", name, short, allowed)
				}
			default:
				if owners := ownedBy[dep.Module.Path]; !slices.Contains(owners, name) {
					t.Errorf("%s imports %s; only %q may", name, dep.Module.Path, owners)
				}
			}
		}
	}
}
