package parsers

import (
	"fmt"
	"slices"
	"strings"
)

// combined is the format that nginx has built in.
const combined = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`

// ingressNginx is the default of ingress-nginx (its "upstreaminfo").
const ingressNginx = combined + ` $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] ` +
	`$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id`

// parseLogFormat reads a pasted log_format: the whole directive, only its
// strings, a bare format, or the name of a built-in one. The escape is the
// empty string when the text doesn't say.
func parseLogFormat(src string) (t *template, escape string, err error) {
	switch strings.TrimSpace(src) {
	case "combined":
		src = combined
	case "ingress-nginx":
		src = ingressNginx
	}
	tokens, err := formatTokens(src)
	if err != nil {
		return nil, "", err
	}
	if v, ok := strings.CutPrefix(tokens[0].text, "escape="); ok && len(tokens) > 1 {
		if !slices.Contains(escapeNames, v) {
			return nil, "", errorAt(tokens[0].line, "escape=%s is unknown to nginx; want escape=%s", v, strings.Join(escapeNames, ", "))
		}
		escape, tokens = v, tokens[1:]
	}
	t = &template{}
	for _, tok := range tokens {
		if err := t.addNginx(tok); err != nil {
			return nil, "", err
		}
	}
	t.literal("")
	for i, lit := range t.lits {
		if strings.Contains(lit, "\n") {
			line := tokens[0].line
			if i > 0 {
				line = t.vars[i-1].line
			}
			return nil, "", errorAt(line, "the format holds a line end, so one request fills several lines of the log; join them in nginx's log_format")
		}
	}
	if len(t.vars) == 0 {
		return nil, "", errorAt(tokens[0].line, "the format has no variable, such as $request; paste nginx's log_format directive, or use a built-in name: combined, ingress-nginx")
	}
	return t, escape, nil
}

// formatTokens returns the strings of the format, at least one, perhaps with
// escape= before them.
func formatTokens(src string) ([]token, error) {
	l := lexer{src: src}
	l.blank()
	rest := src[l.pos:]
	directive := strings.HasPrefix(rest, "log_format") && len(rest) > 10 && strings.IndexByte(" \t\r\n", rest[10]) >= 0
	isStrings := strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, `"`) && quotedLines(rest) ||
		strings.HasPrefix(rest, "escape=") || strings.HasPrefix(rest, `"escape=`)
	if !directive && !isStrings {
		return bareFormat(src)
	}
	tokens, ended, err := l.arguments()
	if err != nil {
		return nil, err
	}
	if ended {
		if l.blank(); l.pos < len(l.src) {
			return nil, errorAt(l.line, "there is more behind the semicolon; want one log_format alone")
		}
	}
	if directive {
		// log_format NAME comes before the strings.
		if len(tokens) < 3 {
			return nil, errorAt(tokens[0].line, "the log_format directive has no strings; want log_format NAME 'format';")
		}
		tokens = tokens[2:]
	}
	return tokens, nil
}

// quotedLines tells strings that are pasted with their double quotes from a
// bare format that begins with one: strings have a line each.
func quotedLines(src string) bool {
	l := lexer{src: src}
	tokens, _, err := l.arguments()
	if err != nil {
		return false
	}
	for i, t := range tokens {
		if !t.quoted || i > 0 && t.line == tokens[i-1].line {
			return false
		}
	}
	return true
}

func bareFormat(src string) ([]token, error) {
	text := strings.Trim(src, "\r\n")
	line := strings.Count(src[:strings.Index(src, text)], "\n")
	if strings.TrimSpace(text) == "" {
		return nil, errorAt(0, "the format is empty; paste nginx's log_format directive, or use a built-in name: combined, ingress-nginx")
	}
	if strings.Contains(text, "\n") {
		return nil, errorAt(line, "a format of several lines must be pasted with its quotes, as it stands in nginx's configuration")
	}
	return []token{{text: UnescapeNginx(text), line: line}}, nil
}

// addNginx appends one string of a log_format. A variable can't reach over its
// end.
func (t *template) addNginx(tok token) error {
	s := tok.text
	for {
		text, rest, found := strings.Cut(s, "$")
		t.literal(text)
		if !found {
			return nil
		}
		rest, braced := strings.CutPrefix(rest, "{")
		n := 0
		for n < len(rest) && isNameByte(rest[n]) {
			n++
		}
		name := rest[:n]
		s = rest[n:]
		if braced {
			if s, found = strings.CutPrefix(s, "}"); !found {
				return errorAt(tok.line, "${%s has no closing brace", name)
			}
		}
		if name == "" {
			return errorAt(tok.line, "a $ without a variable's name; nginx can't log a $ as such")
		}
		t.variable(variable{name: "$" + name, line: tok.line})
	}
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// nginxVariables gives every variable of the template what it can print under
// the escape.
func (t *template) nginxVariables(esc escape) error {
	known := map[string]*language{}
	for i := range t.vars {
		v := &t.vars[i]
		expr, open := nginxExpr(strings.TrimPrefix(v.name, "$"), esc)
		if known[expr] == nil {
			l, err := newLanguage(expr)
			if err != nil {
				return fmt.Errorf("variable %s: %w", v.name, err)
			}
			known[expr] = l
		}
		v.lang, v.open, v.escape = known[expr], open, esc
	}
	return nil
}
