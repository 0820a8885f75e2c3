package parsers

// builtins are the formats that can be named instead of pasted.
var builtins = []struct {
	name string
	spec Spec
}{
	{"combined", Spec{Nginx: "combined"}},
	{"ingress-nginx", Spec{Nginx: "ingress-nginx"}},
	{"envoy", Spec{EnvoyText: "envoy"}},
	{"istio", Spec{EnvoyText: "istio"}},
	{"istio-json", Spec{EnvoyJSON: "istio-json"}},
}

// Builtins returns the names of the formats that need no paste.
func Builtins() []string {
	var names []string
	for _, b := range builtins {
		names = append(names, b.name)
	}
	return names
}

// Builtin returns the Spec of a built-in format.
func Builtin(name string) (Spec, bool) {
	for _, b := range builtins {
		if b.name == name {
			return b.spec, true
		}
	}
	return Spec{}, false
}
