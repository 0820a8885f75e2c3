package parsers

import "strings"

// builtins are the formats that can be named instead of pasted.
var builtins = []builtin{
	{name: "combined", spec: Spec{Nginx: "combined"}},
	{name: "ingress-nginx", spec: Spec{Nginx: "ingress-nginx"}},
	{name: "envoy", spec: Spec{EnvoyText: "envoy"}},
	{name: "istio", spec: Spec{EnvoyText: "istio"}, warning: Warning{
		Text: "Istio's text format has what clients send in front of the duration and at its end: a request is put in the hour in which it began, " +
			"and a line that a full disk cut off can't be told from a whole one; the path is x-envoy-original-path, which a caller could send himself before Envoy 1.26.0, 1.25.3, 1.24.4, 1.23.6 and 1.22.9",
		Hint: "let Istio log in JSON (accessLogEncoding: JSON) and say istio-json",
	}},
	{name: "istio-json", spec: Spec{EnvoyJSON: "istio-json"}},
}

type builtin struct {
	name string
	spec Spec
	// warning stands for all that there is to say of the format, whose text
	// nobody who names it can change.
	warning Warning
}

// builtinOf returns the built-in format that a Spec names, or nil.
func builtinOf(s *Spec) *builtin {
	for i := range builtins {
		b := &builtins[i]
		for _, pair := range [][2]string{{s.Nginx, b.spec.Nginx}, {s.EnvoyText, b.spec.EnvoyText}, {s.EnvoyJSON, b.spec.EnvoyJSON}} {
			if pair[1] != "" && strings.TrimSpace(pair[0]) == pair[1] {
				return b
			}
		}
	}
	return nil
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
