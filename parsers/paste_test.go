package parsers

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// What people copy out of an envoy.yaml, an istio MeshConfig or a Helm chart.
var (
	envoyYAML = `
access_log:
- name: envoy.access_loggers.file
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: /var/log/envoy/access.log
    log_format:
      omit_empty_values: true
      json_format:
        start_time: "%START_TIME%"
        caller: {id: "%RESP(X-ID)%"}
        code: '%RESPONSE_CODE%'
        # the path as sent
        path: "%REQ(:PATH)%"
        shard: 3
`
	envoyTextYAML = `
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
      log_format:
        text_format_source:
          inline_string: "[%START_TIME%] %RESPONSE_CODE% %DURATION%\n"
`
)

func TestPastedJSONFormats(t *testing.T) {
	want := []string{"caller.id", "code", "path", "start_time"}
	plain := "start_time: \"%START_TIME%\"\ncaller:\n  id: '%RESP(X-ID)%'\npath: \"%REQ(:PATH)%\"\ncode: \"%RESPONSE_CODE%\"\n"
	indented := "  " + strings.ReplaceAll(strings.TrimSuffix(plain, "\n"), "\n", "\n  ") + "\n"
	inJSON := `{"start_time":"%START_TIME%","caller":{"id":"%RESP(X-ID)%"},"path":"%REQ(:PATH)%","code":"%RESPONSE_CODE%"}`
	for name, text := range map[string]string{
		"envoy.yaml":      envoyYAML,
		"only the keys":   plain,
		"indented":        "\n" + indented,
		"the key above":   "json_format:\n" + indented,
		"in JSON":         inJSON,
		"tabs in JSON":    strings.ReplaceAll(inJSON, ",", ",\n\t"),
		"a log in JSON":   `{"log_format":{"json_format":` + inJSON + `}}`,
		"camel case":      "logFormat:\n  jsonFormat:\n  " + strings.ReplaceAll(indented, "\n  ", "\n    "),
		"MeshConfig":      "accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: |\n  " + inJSON + "\n",
		"a provider":      "extensionProviders:\n- name: json\n  envoyFileAccessLog:\n    path: /dev/stdout\n    logFormat:\n      labels:\n" + strings.ReplaceAll("\n"+strings.TrimSuffix(plain, "\n"), "\n", "\n        "),
		"the ConfigMap":   "mesh: |\n  accessLogFormat: '" + inJSON + "'\n",
		"flow and colons": "{start_time: '%START_TIME%', caller: {id: '%RESP(X-ID)%'}, path: '%REQ(:PATH)%', code: '%RESPONSE_CODE%'}",
	} {
		f, err := Compile(Spec{EnvoyJSON: text, Customer: "caller.id"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(f.Variables(), want) {
			t.Errorf("%s: got %q, want %q", name, f.Variables(), want)
		}
	}
}

func TestPastedTextFormats(t *testing.T) {
	want := []string{"%START_TIME%", "%RESPONSE_CODE%", "%DURATION%"}
	const text = `[%START_TIME%] %RESPONSE_CODE% %DURATION%`
	for name, s := range map[string]string{
		"the text":       text,
		"with a newline": text + `\n`,
		"envoy.yaml":     envoyTextYAML,
		"text_format":    "log_format:\n  text_format: \"" + text + "\\n\"\n",
		"inline_string":  "inline_string: '" + text + "'",
		"folded":         "text_format_source:\n  inline_string: >\n    [%START_TIME%]\n    %RESPONSE_CODE% %DURATION%\n",
		"deprecated":     "format: \"" + text + "\\n\"\npath: /dev/stdout\n",
		"MeshConfig":     "accessLogFile: /dev/stdout\naccessLogFormat: |\n  " + text + "\n",
		"a provider":     "envoyFileAccessLog:\n  path: /dev/stdout\n  logFormat:\n    text: '" + text + "'\n",
	} {
		f, err := Compile(Spec{EnvoyText: s})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(f.Variables(), want) || f.tmpl.lits[len(f.tmpl.lits)-1] != "" {
			t.Errorf("%s: got %q, want %q", name, f.Variables(), want)
		}
	}
	// Text that only looks like a key is a format.
	f := compile(t, Spec{EnvoyText: `format: %START_TIME% code: %RESPONSE_CODE%`})
	if f.tmpl.lits[0] != "format: " {
		t.Errorf("got %q in front", f.tmpl.lits[0])
	}
}

func TestPastesThatCannotBeUsed(t *testing.T) {
	const noFormat = "typed_config:\n  \"@type\": x\n  path: /dev/stdout\n"
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{EnvoyJSON: envoyTextYAML}, "want it as envoy_text"},
		{Spec{EnvoyText: envoyYAML}, "want it as envoy_json"},
		{Spec{EnvoyJSON: noFormat}, `want envoy_text = "envoy"`},
		{Spec{EnvoyText: noFormat}, `want envoy_text = "envoy"`},
		{Spec{EnvoyJSON: envoyYAML + envoyYAML[strings.Index(envoyYAML, "- name"):]}, "holds 2 formats"},
		{Spec{EnvoyText: "a:\n- text_format: x\n- text_format: y\n"}, "holds 2 formats"},
		{Spec{EnvoyJSON: "[]"}, "isn't a table of keys"},
		{Spec{EnvoyJSON: `{"a":"b"}`}, "no key has"},
		{Spec{EnvoyJSON: `{"a":"%RESPONSE_CODE%","a":"b"}`}, `already defined`},
		{Spec{EnvoyJSON: "{"}, "neither JSON nor YAML"},
		{Spec{EnvoyJSON: "a: %START_TIME%"}, "neither JSON nor YAML"},
	} {
		_, err := Compile(tt.spec)
		var e *SpecError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%+v: got %v, want … %s …", tt.spec, err, tt.want)
		}
	}
}
