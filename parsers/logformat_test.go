package parsers

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPastedFormats(t *testing.T) {
	for _, tt := range []struct {
		name, src  string
		want       string // as directive renders it
		wantEscape string
	}{
		{"bare", `$remote_addr [$time_local] "$request"`, `'${remote_addr} [${time_local}] "${request}"'`, ""},
		{"bare that begins with a quote", `"$time_local" "$request"`, `'"${time_local}" "${request}"'`, ""},
		{"bare with line ends around it", "\n$status\n", `'${status}'`, ""},
		{"bare with a tab", `$status\t$uri`, "'${status}\t${uri}'", ""},
		{"bare JSON", `{"s":$status}`, `'{"s":${status}}'`, ""},
		{"braces", `${status}x`, `'${status}x'`, ""},
		{"built in", " combined\n", directive(mustTemplate(combined), ""), ""},
		{"strings", "'$remote_addr - '\n\"$request\"", `'${remote_addr} - ${request}'`, ""},
		{"strings with escape", `escape=json '{"a":"$uri"}'`, `escape=json '{"a":"${uri}"}'`, "json"},
		{"directive", "log_format main '$status ' # the status\n  \"\\\"$uri\\\"\";\n# end\n", `'${status} "${uri}"'`, ""},
		{"directive without semicolon", `log_format main $status`, `'${status}'`, ""},
		{"directive in bare words", `log_format main $status " " $uri;`, `'${status} ${uri}'`, ""},
		{"directive with quoted escape", `log_format x "escape=none" '$a';`, `escape=none '${a}'`, "none"},
		{"a variable ends with its string", `log_format x '$sta' 'tus';`, `'${sta}tus'`, ""},
		{"other backslashes stay", `'$a\d'`, `'${a}\\d'`, ""},
		{"semicolon inside quotes", `'$a;b';`, `'${a};b'`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tmpl, escape, err := parseLogFormat(tt.src)
			if err != nil {
				t.Fatal(err)
			}
			if got := directive(tmpl, escape); got != tt.want || escape != tt.wantEscape {
				t.Errorf("got %s with escape %q, want %s with %q", got, escape, tt.want, tt.wantEscape)
			}
		})
	}
}

func mustTemplate(src string) *template {
	t, _, err := parseLogFormat(src)
	if err != nil {
		panic(err)
	}
	return t
}

// directive renders a template as the arguments of a log_format.
func directive(t *template, escape string) string {
	var b strings.Builder
	if escape != "" {
		b.WriteString("escape=" + escape + " ")
	}
	b.WriteByte('\'')
	for i, lit := range t.lits {
		b.WriteString(strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(lit))
		if i < len(t.vars) {
			b.WriteString("${" + t.vars[i].name[1:] + "}")
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func TestFormatErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec Spec
		key  string
		line int
		want string
	}{
		{"empty", Spec{}, "nginx", 0, "the format is empty"},
		{"no variable", Spec{Nginx: "hello"}, "nginx", 0, "no variable"},
		{"open quote", Spec{Nginx: "log_format x\n'$a"}, "nginx", 1, "no closing '"},
		{"after a quote", Spec{Nginx: `log_format x '$a'$b;`}, "nginx", 0, "follows the closing '"},
		{"two directives", Spec{Nginx: "log_format x '$a';\nlog_format y '$b';"}, "nginx", 1, "behind the semicolon"},
		{"no strings", Spec{Nginx: "log_format x;"}, "nginx", 0, "no strings"},
		{"lone dollar", Spec{Nginx: "'$a '\n'$ '"}, "nginx", 1, "cannot log a $ as such"},
		{"open brace", Spec{Nginx: "${a"}, "nginx", 0, "no closing brace"},
		{"unknown escape in the paste", Spec{Nginx: "log_format x escape=html '$a';"}, "nginx", 0, "want escape=default, json, none"},
		{"unknown escape", Spec{Nginx: "$a", Escape: "html"}, "escape", 0, "want default, json, none"},
		{"two escapes", Spec{Nginx: "log_format x escape=json '$a';", Escape: "none"}, "escape", 0, "leave one of them out"},
		{"line end", Spec{Nginx: `$a\n$b`}, "nginx", 0, "holds a line end"},
		{"several bare lines", Spec{Nginx: "$a\n$b"}, "nginx", 0, "pasted with its quotes"},
		{"brace outside quotes", Spec{Nginx: "log_format x\n{\"a\":$b};"}, "nginx", 1, "outside of quotes"},
		{"no such customer", Spec{Nginx: `"$request" $status`, Customer: "$http_x"}, "customer", 0, "it has $request, $status"},
		{"customer without dollar", Spec{Nginx: `$status "$http_x"`, Customer: "http_x"}, "customer", 0, `write "$http_x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Compile(tt.spec)
			var e *SpecError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *SpecError", err)
			}
			if want := strings.ReplaceAll(tt.want, "cannot", "can't"); e.Key != tt.key || e.Line != tt.line || !strings.Contains(e.Error(), want) {
				t.Errorf("got %s line %d: %v; want %s line %d: … %s …", e.Key, e.Line, e, tt.key, tt.line, want)
			}
		})
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	_, err := Compile(Spec{Nginx: "$status", Escape: "html", Customer: "$nobody"})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Fatalf("got %v, want two errors", err)
	}
}

func TestFieldsOfAFormat(t *testing.T) {
	f := compile(t, Spec{Nginx: `$msec [$time_local] "$request_method" "$request_uri" "$request" $status "$http_x"`, Customer: "${http_x}"})
	if got, want := f.Fields(), (Fields{"$msec", "$request_method", "$request_uri", "$status", "", "$http_x"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if want := []string{"$msec", "$time_local", "$request_method", "$request_uri", "$request", "$status", "$http_x"}; !slices.Equal(f.Variables(), want) {
		t.Errorf("got %v, want %v", f.Variables(), want)
	}
	if f := compile(t, Spec{Nginx: `"$uri"`}); f.HasTime() || f.Fields() != (Fields{Path: "$uri"}) {
		t.Errorf("got fields %v, want the path alone", f.Fields())
	}
}

// FuzzLogFormat: whatever is pasted, nothing panics, and what is understood
// survives being written as a directive and read again.
func FuzzLogFormat(f *testing.F) {
	for _, s := range corpusFormats {
		f.Add(s.Nginx)
	}
	f.Add("log_format x escape=json \"a\\\"b$c\" # d\n 'e';")
	f.Fuzz(func(t *testing.T, src string) {
		tmpl, escape, err := parseLogFormat(src)
		if err != nil {
			return
		}
		text := directive(tmpl, escape)
		again, escape2, err := parseLogFormat("log_format x " + text + ";")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if escape2 != escape || directive(again, escape) != text {
			t.Fatalf("%s became %s", text, directive(again, escape2))
		}
	})
}
