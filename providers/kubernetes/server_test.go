package kubernetes

import (
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
)

func TestParseServer(t *testing.T) {
	local := server{local: true}
	for _, tc := range []struct {
		reason, text string
		want         server
		problem      string
	}{
		{reason: "nothing written", text: "", want: local},
		{reason: "short name", text: "kubernetes.default", want: local},
		{reason: "service name", text: "kubernetes.default.svc", want: local},
		{reason: "full name", text: "kubernetes.default.svc.cluster.local", want: local},
		{reason: "another cluster domain", text: "https://kubernetes.default.svc.corp.example/", want: local},
		{reason: "letter case does not matter", text: "HTTPS://Kubernetes.Default.SVC:443/", want: local},
		{reason: "port of https", text: "kubernetes.default:443", want: local},
		{
			reason: "another port is another server", text: "https://kubernetes.default:6443",
			want: server{url: "https://kubernetes.default:6443"},
		},
		{reason: "plain http is used as written", text: "http://kubernetes.default", want: server{url: "http://kubernetes.default"}},
		{
			reason: "a name that only begins like it", text: "https://kubernetes.default.example.com",
			want: server{url: "https://kubernetes.default.example.com"},
		},
		{
			reason: "a name that only ends like it", text: "https://my-kubernetes.default.svc",
			want: server{url: "https://my-kubernetes.default.svc"},
		},
		{reason: "a path is another server", text: "kubernetes.default/clusters/a", want: server{url: "https://kubernetes.default/clusters/a"}},
		{reason: "no scheme is https", text: "api.example.com:6443", want: server{url: "https://api.example.com:6443"}},
		{reason: "as written", text: "https://api.example.com/k8s/a", want: server{url: "https://api.example.com/k8s/a"}},
		{
			reason: "credentials in a URL get into logs", text: "https://user:s3cr3t@api.example.com",
			problem: "must not hold a user or a password",
		},
		{reason: "another protocol", text: "ftp://api.example.com", problem: "must begin with https://"},
		{reason: "a query", text: "https://api.example.com?token=s3cr3t", problem: "must not have a query or a fragment"},
		{reason: "not a URL", text: "https://s3cr3t host", problem: "is not a URL"},
		{reason: "no host", text: "https://", problem: "is not a URL"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := parseServer(tc.text, "url")
			if got != tc.want || (err != nil) != (tc.problem != "") {
				t.Fatalf("parseServer(%q) = %+v, %v; want %+v, %q", tc.text, got, err, tc.want, tc.problem)
			}
			if tc.problem == "" {
				return
			}
			if !fault.Is(err, fault.Invalid) || err.Error() != "url "+tc.problem || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("parseServer(%q) gives %q, want %q", tc.text, err, "url "+tc.problem)
			}
		})
	}
}
