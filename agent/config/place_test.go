package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// flat lists places as "key line", elements of lists as "key[i] line".
func flat(p *place, name string, out map[string]int) map[string]int {
	for k, child := range p.keys {
		full := strings.TrimPrefix(name+"."+k, ".")
		out[full] = child.line
		flat(child, full, out)
	}
	for i, child := range p.items {
		full := name + "[" + strconv.Itoa(i) + "]"
		out[full] = child.line
		flat(child, full, out)
	}
	return out
}

func TestScan(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // name:line|name:line|…
	}{
		{"empty", "", ""},
		{"no newline at the end", "a = 1", "a:1"},
		{"comments", "# x = 1\n\na = 1 # b = 2\n  # c\nb = 2\n", "a:3|b:5"},
		{"crlf", "a = 1\r\n\r\nb = 2\r\n", "a:1|b:3"},
		{"tables", "[a]\nx = 1\n[b . c]\ny = 2\n[ a.\"d e\" ] # z\nz = 3\n", "a:1|a.x:2|b:3|b.c:3|b.c.y:4|a.d e:5|a.d e.z:6"},
		{"header below its child", "[a.b]\nx = 1\n[a]\ny = 2\n", "a:3|a.b:1|a.b.x:2|a.y:4"},
		{"dotted keys", "a.b = 1\na.\"c.d\" = 2\n'e'.f = 3\n", "a:1|a.b:1|a.c.d:2|e:3|e.f:3"},
		{"quoted keys", "\"a\\tb\" = 1\n'c\\d' = 2\n\"\" = 3\n\"x = 1 # [y]\" = 4\n\"\\u00e9\" = 5\n", "a\tb:1|c\\d:2|:3|x = 1 # [y]:4|é:5"},
		{"numeric keys", "3.14 = 1\n-1 = 2\n", "3:1|3.14:1|-1:2"},
		{"strings with TOML in them", "a = \"[x]\\\"\\n# y = 1\" # c\nb = '[x] \\'\nc = 1\n", "a:1|b:2|c:3"},
		{"multi-line", "a = '''\nb = 1\n[c]\n# ''\n'''\nd = \"\"\"x\\\"\"\"\\\ny\"\"\"\"\"\ne = 1\n", "a:1|d:6|e:8"},
		{"multi-line quotes at the end", "a = '''x'''''\nb = \"\"\"\"\"\"\nc = 1\n", "a:1|b:2|c:3"},
		{"list", "a = [1, 'x,]', \"]\",\n  2, # 3, ]\n\n  [4,\n5], 6\n]\nb = 1\n", "a:1|a[0]:1|a[1]:1|a[2]:1|a[3]:2|a[4]:4|a[4][0]:4|a[4][1]:5|a[5]:5|b:7"},
		{"trailing comma", "a = [\n1,\n]\nb = []\nc = [ ]\n", "a:1|a[0]:2|b:4|c:5"},
		{"inline table", "a = { b = 1, c.d = [2,\n3], \"e f\" = {} } # x\ng = 1\n", "a:1|a.b:1|a.c:1|a.c.d:1|a.c.d[0]:1|a.c.d[1]:2|a.e f:2|g:3"},
		{"inline table over lines", "a = {\n b = 1, # }\n c = 'x',\n}\nd = 1\n", "a:1|a.b:2|a.c:3|d:5"},
		{"list of inline tables", "a = [{b = 1},\n{b = 2}]\n", "a:1|a[0]:1|a[0].b:1|a[1]:2|a[1].b:2"},
		{"array of tables", "[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[a.c]\nd = 3\n", "a:1|a[0]:1|a[0].b:2|a[0].c:3|a[0].c.d:4|a[1]:5|a[1].c:6|a[1].c.d:7"},
		{"values", "a = 1979-05-27 07:32:00 # x\nb = -1e6\nc = [true,false]\nd = inf\n", "a:1|b:2|c:3|c[0]:3|c[1]:3|d:4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var values map[string]any
			if _, err := toml.Decode(tt.text, &values); err != nil {
				t.Fatalf("the test's text isn't TOML: %v", err)
			}
			got := flat(scan(tt.text), "", map[string]int{})
			want := map[string]int{}
			for pair := range strings.SplitSeq(tt.want, "|") {
				if name, line, ok := strings.Cut(pair, ":"); ok {
					want[name], _ = strconv.Atoi(line)
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestScanStringLines(t *testing.T) {
	tests := []struct {
		text string
		want []int // the line of each line of the string's text
	}{
		{"a = 'x'", []int{1}},
		{"\n\na = \"x\\ny\"", []int{3, 3}},
		{"a = '''x\ny'''", []int{1, 2}},
		{"a = '''\nx\ny\n'''", []int{2, 3, 4}},
		{"a = '''\r\nx\r\ny'''", []int{2, 3}},
		{"a = \"\"\"\nx \\\n   y\nz\"\"\"", []int{2, 4}},
		{"a = \"\"\"x\\\n\n\n  y\\nw\nz\"\"\"", []int{1, 4, 5}},
		{"a = \"\"\"x\\\\\ny\"\"\"", []int{1, 2}},
		{"a = \"\"\"\n\n\"\"\"", []int{2, 3}},
	}
	for _, tt := range tests {
		var v struct{ A string }
		if _, err := toml.Decode(tt.text, &v); err != nil {
			t.Fatalf("%q: %v", tt.text, err)
		}
		if n := 1 + strings.Count(v.A, "\n"); n != len(tt.want) {
			t.Fatalf("%q: the text has %d lines, the test says %d", tt.text, n, len(tt.want))
		}
		p := scan(tt.text).keys["a"]
		if !slices.Equal(p.lines, tt.want) {
			t.Errorf("%q: lines %v, want %v", tt.text, p.lines, tt.want)
		}
		if got := p.textLine(99); got != tt.want[len(tt.want)-1] {
			t.Errorf("%q: line of a text line too many = %d", tt.text, got)
		}
		if got := p.textLine(-1); got != tt.want[0] {
			t.Errorf("%q: line of text line -1 = %d", tt.text, got)
		}
	}
}

// sameShape reports where places and decoded values differ.
func sameShape(p *place, v any, name string) error {
	if p.line < 1 {
		return fmt.Errorf("%s is on line %d", name, p.line)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(p.keys) != len(v) {
			return fmt.Errorf("%s: %d places for %d keys", name, len(p.keys), len(v))
		}
		for k, child := range v {
			if p.keys[k] == nil {
				return fmt.Errorf("%s has no place for %q", name, k)
			}
			if err := sameShape(p.keys[k], child, name+"."+k); err != nil {
				return err
			}
		}
	case []any:
		if len(p.items) != len(v) {
			return fmt.Errorf("%s: %d places for %d elements", name, len(p.items), len(v))
		}
		for i, child := range v {
			if err := sameShape(p.items[i], child, fmt.Sprintf("%s[%d]", name, i)); err != nil {
				return err
			}
		}
	case []map[string]any:
		if len(p.items) != len(v) {
			return fmt.Errorf("%s: %d places for %d tables", name, len(p.items), len(v))
		}
		for i, child := range v {
			if err := sameShape(p.items[i], child, fmt.Sprintf("%s[%d]", name, i)); err != nil {
				return err
			}
		}
	case string:
		if n := strings.Count(v, "\n") + 1; len(p.lines) > n {
			return fmt.Errorf("%s: %d places for %d lines", name, len(p.lines), n)
		}
	}
	return nil
}

// The scan ends on any text, and agrees with the decoder on what is there.
func FuzzScan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = unmark(text)
		places := scan(text)
		var values map[string]any
		if _, err := decodeTOML(text, &values); err != nil {
			return
		}
		if err := sameShape(places, values, ""); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// decodeTOML is toml.Decode with its own panics as errors.
func decodeTOML(text string, v any) (md toml.MetaData, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return toml.Decode(text, v)
}
