package parsers

import (
	"fmt"
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	const clock = `%START_TIME% %DURATION% `
	for _, tt := range []struct {
		spec Spec
		want []string // of each warning its key and what its text holds, in order
	}{
		{corpusFormats["combined"], nil},
		{corpusFormats["customer"], []string{"customer: $http_x_customer is what the caller sends"}},
		{Spec{Nginx: customerFormat, Customer: "$http_x_customer", CustomerVerified: true}, nil},
		{Spec{Nginx: combined + ` "$upstream_http_x_customer"`, Customer: "$upstream_http_x_customer"}, nil},
		{Spec{Nginx: combined + ` "$billing_customer"`, Customer: "$billing_customer"}, nil},
		{Spec{Nginx: "combined", Customer: "$remote_user"}, []string{"customer: $remote_user is what"}},
		{corpusFormats["tabs"], []string{"customer: ", "nginx: the format ends in $http_user_agent"}},
		{Spec{Nginx: `$msec "$uri" $status`}, []string{"nginx: $uri is the path that was finally served"}},
		{Spec{Nginx: "combined", Wrap: "docker"}, []string{"wrap: Docker replaces"}},
		{Spec{Nginx: "combined", Wrap: "syslog"}, []string{"wrap: syslog over UDP"}},
		{Spec{Nginx: customerFormat, Escape: "none", AcceptAmbiguous: true}, []string{"accept_ambiguous: BILLS CAN BE WRONG", "escape: escape=none writes line ends"}},
		{Spec{EnvoyText: clock + `%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE%`}, []string{"envoy_text: the path is taken from x-envoy-original-path"}},
		{Spec{EnvoyText: clock + `%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %REQ(:PATH)% %RESPONSE_CODE%`}, nil},
		{Spec{EnvoyText: clock + `"%REQ(:METHOD)% %REQ(:PATH):100% %PROTOCOL%" %RESPONSE_CODE%`}, []string{"envoy_text: %REQ(:PATH):100% is cut to 100 bytes"}},
		{Spec{EnvoyText: `%START_TIME% "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE%`}, []string{"envoy_text: the format logs when a request began"}},
		{Spec{EnvoyText: clock + `%RESPONSE_CODE% %RESP(X-ID)%`, Customer: "%RESP(X-ID)%"}, []string{"envoy_text: the format ends in %RESP(X-ID)%"}},
		{Spec{EnvoyText: clock + `"%RESP(X-ID):8%" %RESPONSE_CODE%`, Customer: "%RESP(X-ID):8%"}, []string{"customer: %RESP(X-ID):8% is cut"}},
		{Spec{EnvoyText: clock + `"%RESP(X-ID):8%" %RESPONSE_CODE%`, Fields: []string{"%RESP(X-ID):8%"}}, []string{"envoy_text: %RESP(X-ID):8% is cut"}},
		{Spec{EnvoyJSON: `{"s":"%RESPONSE_CODE%","c":"%REQ(X-CUSTOMER)%"}`, Customer: "c"}, []string{"customer: c is what the caller sends"}},
		{Spec{EnvoyJSON: `{"s":"%RESPONSE_CODE%","c":"id %REQ(X-CUSTOMER)%"}`, Customer: "c"}, []string{"customer: c is what the caller sends"}},
		{Spec{EnvoyJSON: `{"s":"%RESPONSE_CODE%","c":"%REQ(X-CUSTOMER):9%"}`, Customer: "c", CustomerVerified: true}, []string{"customer: %REQ(X-CUSTOMER):9% is cut"}},
		{Spec{EnvoyJSON: `{"s":"%RESPONSE_CODE%","c":"%DOWNSTREAM_PEER_URI_SAN%"}`, Customer: "c"}, nil},
		{Spec{EnvoyJSON: `{"s":"%RESPONSE_CODE%","c":"%CEL(request.headers['x'])%"}`, Customer: "c"}, []string{"customer: c is what"}},
		{Spec{JSON: map[string]string{"status": "s"}}, nil},
		{Spec{JSON: map[string]string{"status": "s"}, Customer: "c"}, []string{"customer: c is a key of a line of JSON, which doesn't tell who wrote"}},
		{Spec{JSON: map[string]string{"status": "s", "customer": "c"}}, []string{"json: c is a key of a line of JSON"}},
		{Spec{JSON: map[string]string{"status": "s", "customer": "c"}, CustomerVerified: true}, nil},
		// A format that is named and not pasted is spoken of once.
		{Spec{EnvoyText: "envoy"}, []string{"envoy_text: the path is taken"}},
		{Spec{EnvoyText: "istio"}, []string{"envoy_text: Istio's text format"}},
		{Spec{EnvoyJSON: "istio-json"}, []string{"envoy_json: the path is taken"}},
	} {
		got := compile(t, tt.spec).Warnings()
		ok := len(got) == len(tt.want)
		for i := 0; ok && i < len(got); i++ {
			ok = strings.HasPrefix(got[i].String(), tt.want[i])
		}
		if !ok {
			t.Errorf("%+v: got %s, want %q", tt.spec, fmt.Sprintf("%q", got), tt.want)
		}
	}
}
