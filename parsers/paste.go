package parsers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// paste is what a piece of Envoy's or Istio's configuration says of formats.
type paste struct {
	texts []string
	jsons []map[string]any
	// other is the key of a log without a format of its own.
	other string
}

// tellsYAML finds a line that begins with a key under which a format stands. A
// text_format itself has no such line: it has what requests say, not keys.
var tellsYAML = regexp.MustCompile(`(?m)^[ \t]*(?:- +)?["']?(?:access_?[lL]og\w*|log_?[fF]ormat|(?:text|json)_?[fF]ormat\w*|typed_?[cC]onfig|inline_?[sS]tring|envoyFileAccessLog|labels|text|format|mesh|meshConfig)["']?[ \t]*:(?:\s|$)`)

// readPaste looks for formats in a piece of YAML. ok is false when the text is
// none, or has none.
func readPaste(text string) (p paste, ok bool) {
	if !tellsYAML.MatchString(text) {
		return p, false
	}
	var v any
	if yaml.Unmarshal([]byte(text), &v) != nil {
		return p, false
	}
	p.walk("", v)
	return p, len(p.texts) > 0 || len(p.jsons) > 0 || p.other != ""
}

// walk finds the formats in a value that stands under a key.
func (p *paste) walk(key string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			p.walk(key, e)
		}
	case map[string]any:
		formats := len(p.texts) + len(p.jsons)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			p.entry(key, k, v[k])
		}
		if _, log := v["@type"]; log && len(p.texts)+len(p.jsons) == formats {
			p.other = "@type"
		}
	}
}

// entry looks at one key and its value. above is the key that both stand under.
func (p *paste) entry(above, key string, v any) {
	inFormat := above == "log_format" || above == "logFormat"
	object, isObject := v.(map[string]any)
	text, isText := v.(string)
	switch key {
	case "json_format", "jsonFormat", "labels":
		if isObject && (key != "labels" || inFormat || above == "") {
			p.jsons = append(p.jsons, object)
			return
		}
	case "text_format", "textFormat", "inline_string", "inlineString", "text", "format":
		if isText && (key != "text" || inFormat || above == "") {
			p.texts = append(p.texts, text)
			return
		}
	case "accessLogFormat":
		var inner map[string]any
		if isText && strings.HasPrefix(strings.TrimSpace(text), "{") && yaml.Unmarshal([]byte(text), &inner) == nil {
			p.jsons = append(p.jsons, inner)
		} else if isText {
			p.texts = append(p.texts, text)
		}
		return
	case "mesh":
		var inner any
		if isText && yaml.Unmarshal([]byte(text), &inner) == nil {
			p.walk(key, inner)
			return
		}
	}
	p.walk(key, v)
}

var errNoFormat = errors.New(`the pasted log has no format of its own, so Envoy writes its default one; want envoy_text = "envoy"`)

// text returns the one text_format.
func (p *paste) text() (string, error) {
	switch {
	case len(p.texts) == 1 && len(p.jsons) == 0:
		return p.texts[0], nil
	case len(p.texts) > 1:
		return "", fmt.Errorf("the text holds %d formats; want that of one log", len(p.texts))
	case len(p.jsons) > 0:
		return "", errors.New("the text holds a json_format; want it as envoy_json")
	}
	return "", errNoFormat
}

// readJSONFormat returns the json_format in a text: JSON or YAML, alone or in
// the piece of the configuration that it stands in.
func readJSONFormat(text string) (map[string]any, error) {
	v, err := readYAML(text)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	var p paste
	if tellsYAML.MatchString(text) || strings.Contains(text, `"json_format"`) {
		p.walk("", v)
	}
	switch {
	case len(p.jsons) == 1:
		return p.jsons[0], nil
	case len(p.jsons) > 1:
		return nil, fmt.Errorf("the text holds %d formats; want that of one log", len(p.jsons))
	case p.other != "" && len(p.texts) == 0:
		return nil, errNoFormat
	case len(p.texts) > 0 && !ok, len(p.texts) > 0 && !hasOperator(object):
		return nil, errors.New("the text holds a text_format; want it as envoy_text")
	case !ok:
		return nil, errors.New("the format isn't a table of keys and operators; paste Envoy's json_format as JSON or YAML, or use the built-in name istio-json")
	}
	return object, nil
}

// readYAML reads YAML, and so JSON; the tabs that YAML doesn't take in JSON too.
func readYAML(text string) (v any, err error) {
	err = yaml.Unmarshal([]byte(text), &v)
	var twice *yaml.TypeError
	if errors.As(err, &twice) {
		return nil, fmt.Errorf("the format can't be read: %s", strings.Join(twice.Errors, "; "))
	}
	if err != nil && json.Unmarshal([]byte(text), &v) != nil {
		return nil, fmt.Errorf("the format is neither JSON nor YAML (%s); paste Envoy's json_format, or use the built-in name istio-json", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return v, nil
}

// hasOperator reports whether a key of the object has one operator as its value,
// as a json_format does.
func hasOperator(object map[string]any) bool {
	for _, v := range object {
		if s, ok := v.(string); ok {
			if op, ok := parseOperator(s); ok && op.text == s {
				return true
			}
		}
	}
	return false
}
