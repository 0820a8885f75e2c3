package parsers

import "testing"

// Under omit_empty_values Envoy prints nothing where it prints a dash else.
func TestEnvoyTextWithoutValues(t *testing.T) {
	p := compile(t, Spec{EnvoyText: "envoy"}).NewParser()
	for _, tt := range []struct{ line, want string }{
		{`[2026-11-24T18:00:00.000Z] "GET /v1 HTTP/1.1" 200  0 5  7 "" "" "" "" ""`, "2026-11-24T18:00:00.000Z GET /v1 2xx "},
		{`[2026-11-24T18:00:00.000Z] "  " 0  0 0 0  "" "" "" "" "127.0.0.1:80"`, "2026-11-24T18:00:00.000Z   0xx "},
		{`[2026-11-24T18:00:00.000Z] "  HTTP/1.1" 400 DPE 0 11 0  "" "" "" "" ""`, "2026-11-24T18:00:00.000Z   4xx "},
		{`[2026-11-24T18:00:00.000Z] "GET /v1 HTTP/1.1"  - 0 5 - 7 "" "" "" "" ""`, "2026-11-24T18:00:00.000Z GET /v1 0xx "},
	} {
		if got := parsed(t, p, tt.line); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
	}
}

// A request can fill several lines; only the one at its end is billed.
func TestEnvoyLogsAtOtherTimes(t *testing.T) {
	p := compile(t, Spec{EnvoyText: `[%START_TIME%] %ACCESS_LOG_TYPE% %RESPONSE_CODE% %DURATION% "%REQ(:METHOD)% %REQ(:PATH)%"`}).NewParser()
	for kind, want := range map[string]string{
		"DownstreamEnd": "2026-11-24T18:00:00.007Z GET /v1 2xx ", "NotSet": "2026-11-24T18:00:00.007Z GET /v1 2xx ",
		"-": "2026-11-24T18:00:00.007Z GET /v1 2xx ", "DownstreamStart": "skipped", "DownstreamPeriodic": "skipped",
		"UpstreamEnd": "skipped", "UpstreamPoolReady": "skipped", "TcpConnectionEnd": "skipped", "DownstreamEnd2": "no_match",
	} {
		if got := parsed(t, p, `[2026-11-24T18:00:00.000Z] `+kind+` 200 7 "GET /v1"`); got != want {
			t.Errorf("%s: got %s, want %s", kind, got, want)
		}
	}
}

// Every operator is of use in a text format, and what can't hold what clients
// send keeps those behind it apart.
func TestEnvoyOperators(t *testing.T) {
	for _, tt := range []struct{ format, line, want string }{
		{`%EMIT_TIME(%s)% %RESPONSE_CODE% %DURATION% %REQUEST_HEADER(:PATH)% %REQUEST_HEADER(:METHOD)%`, `1795543580 204 9 /v1?x HEAD`, "2026-11-24T18:06:20.000Z HEAD /v1 2xx "},
		{`%START_TIME_LOCAL(%FT%T%Ez)% %RESPONSE_CODE%`, `2026-11-24T19:06:20+01:00 204`, "2026-11-24T18:06:20.000Z   2xx "},
		{`%START_TIME_LOCAL(%FT%T)% %RESPONSE_CODE%`, `2026-11-24T19:06:20 204`, "-   2xx "},
		{`%PATH(NQ:ORIG)% %RESPONSE_CODE% 100%% %PATH(WQ)%`, `/v1 200 100% /v2`, "-  /v1 2xx "},
		{
			`%GRPC_STATUS% %GRPC_STATUS_NUMBER% %UPSTREAM_WIRE_BYTES_SENT% %COMMON_DURATION(DS_RX_BEG:DS_RX_END:ms)% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% ` +
				`%UPSTREAM_REMOTE_PORT% %DOWNSTREAM_TLS_VERSION% %TRACE_ID% %UNIQUE_ID% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE% %UPSTREAM_CLUSTER% %CEL(request.path)% %HOSTNAME%`,
			`OK 0 12 - 10.0.0.1 8080 TLSv1.3 0af7 - - 200 a b c`, "-   2xx ",
		},
	} {
		p := compile(t, Spec{EnvoyText: tt.format}).NewParser()
		if got := parsed(t, p, tt.line); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.format, got, tt.want)
		}
	}
}
