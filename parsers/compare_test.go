package parsers

import "testing"

func TestCompareNginx(t *testing.T) {
	const directive = "log_format api '$remote_addr [$time_local] '\n  '\"$request\" ${status}ms'; # comment"
	tests := []struct {
		name string
		a, b Spec
		want *Difference
	}{
		{"the same", Spec{Nginx: directive}, Spec{Nginx: `$remote_addr [$time_local] "$request" ${status}ms`}, nil},
		{"split elsewhere", Spec{Nginx: directive}, Spec{Nginx: `'${remote_addr} [$time_local]' ' "$request" ${status}ms'`}, nil},
		{"built in", Spec{Nginx: "combined"}, Spec{Nginx: combined}, nil},
		{"escape said twice", Spec{Nginx: "log_format x escape=json '$status';"}, Spec{Nginx: "'$status'", Escape: "json"}, nil},
		{"escape", Spec{Nginx: "log_format x escape=json '$status';"}, Spec{Nginx: "'$status'"}, &Difference{"", "escape=json $status", "$status"}},
		{"variable", Spec{Nginx: "'$status $http_a'"}, Spec{Nginx: "'$status $http_ab'"}, &Difference{"$status ", "$http_a", "$http_ab"}},
		{"braced variable", Spec{Nginx: "'$status ${http_a}x'"}, Spec{Nginx: "'$status ${http_b}x'"}, &Difference{"$status ", "${http_a}x", "${http_b}x"}},
		{"more", Spec{Nginx: "'$status'"}, Spec{Nginx: "'$status $request'"}, &Difference{"$status", "", " $request"}},
		{"literal", Spec{Nginx: `'[$status]'`}, Spec{Nginx: `'($status)'`}, &Difference{"", "[$status]", "($status)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CompareNginx(tt.a, tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if _, err := CompareNginx(Spec{Nginx: "combined"}, Spec{Nginx: "'${x'"}); err == nil {
		t.Error("a format that can't be read has no error")
	}
}
