package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const serverMetrics = `
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",resource="secrets",subresource="",verb="GET"} 5
apiserver_request_total{code="404",resource="secrets",subresource="",verb="GET"} 2
apiserver_request_total{code="200",resource="externalsecrets",subresource="status",verb="PATCH"} 3
apiserver_request_total{code="200",resource="secrets",subresource="",verb="WATCH"} 1
apiserver_request_total{code="200",resource="",subresource="/readyz",verb="GET"} 9
# TYPE apiserver_longrunning_requests gauge
apiserver_longrunning_requests{resource="secrets",subresource="",verb="WATCH"} 2
apiserver_longrunning_requests{resource="pods",subresource="exec",verb="CONNECT"} 4
`

func TestServed(t *testing.T) {
	metrics, err := parseMetrics(strings.NewReader(serverMetrics))
	if err != nil {
		t.Fatal(err)
	}
	want := counts{{"GET", "secrets"}: 7, {"PATCH", "externalsecrets/status"}: 3, {"WATCH", "secrets"}: 3}
	if diff := cmp.Diff(want, served(metrics)); diff != "" {
		t.Errorf("all codes count, open watches too, and nothing but resources (-want +got):\n%s", diff)
	}
	if got := metrics.sum("apiserver_longrunning_requests"); got != 6 {
		t.Errorf("the sum over all labels is %g, want 6", got)
	}
	if got := metrics.sum("unknown"); got != 0 {
		t.Errorf("the sum of a metric that is not there is %g, want 0", got)
	}
}

func TestMinus(t *testing.T) {
	get, list, post := request{"GET", "secrets"}, request{"LIST", "secrets"}, request{"POST", "secrets"}
	got := counts{get: 5, list: 2}.minus(counts{get: 3, list: 2, post: 1})
	if diff := cmp.Diff(counts{get: 2, post: -1}, got); diff != "" {
		t.Errorf("what is equal goes, what was never there is negative (-want +got):\n%s", diff)
	}
}

func TestKindsOfRequests(t *testing.T) {
	tests := []struct {
		reason        string
		of            request
		reads, writes bool
	}{
		{"a GET reads", request{"GET", "secrets"}, true, false},
		{"a watch is open all the time", request{"WATCH", "secrets"}, false, false},
		{"an apply writes", request{"APPLY", "secrets"}, false, true},
		{"a status is written too", request{"PATCH", "externalsecrets/status"}, false, true},
		{"a token is stored nowhere", request{"POST", "serviceaccounts/token"}, false, false},
		{"neither is a review", request{"POST", "selfsubjectrulesreviews"}, false, false},
		{"a Lease is about who works", request{"PUT", "leases"}, false, false},
		{"the API server looks at its own Services", request{"LIST", "services"}, false, false},
	}
	for _, test := range tests {
		if test.of.reads() != test.reads || test.of.writes() != test.writes {
			t.Errorf("%s: reads %t, writes %t", test.reason, test.of.reads(), test.of.writes())
		}
	}
}

func TestRequestOf(t *testing.T) {
	tests := []struct {
		method, path, contentType string
		want                      request
	}{
		{"GET", "/api/v1/namespaces/a/secrets/b", "", request{"GET", "secrets"}},
		{"GET", "/api/v1/namespaces/a/secrets", "", request{"LIST", "secrets"}},
		{"GET", "/api/v1/secrets?watch=true", "", request{"WATCH", "secrets"}},
		{"GET", "/api/v1/namespaces/a", "", request{"GET", "namespaces"}},
		{"PUT", "/api/v1/namespaces/a/finalize", "", request{"PUT", "namespaces/finalize"}},
		{"POST", "/api/v1/namespaces", "", request{"POST", "namespaces"}},
		{"DELETE", "/api/v1/namespaces/a/secrets", "", request{"DELETECOLLECTION", "secrets"}},
		{"DELETE", "/api/v1/namespaces/a/secrets/b", "", request{"DELETE", "secrets"}},
		{
			"PATCH", "/apis/external-secrets.io/v1/namespaces/a/externalsecrets/b/status", "application/merge-patch+json",
			request{"PATCH", "externalsecrets/status"},
		},
		{"PATCH", "/api/v1/namespaces/a/secrets/b", "application/apply-patch+yaml", request{"APPLY", "secrets"}},
		{"POST", "/apis/external-secrets.io/v1/clustersecretstores", "application/json", request{"POST", "clustersecretstores"}},
		{"GET", "/metrics", "", request{"GET", ""}},
	}
	for _, test := range tests {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, http.NoBody)
		r.Header.Set("Content-Type", test.contentType)
		got := requestOf(r)
		if got.Resource == "" {
			got.Verb = test.want.Verb // what is no resource is not counted
		}
		if got != test.want {
			t.Errorf("%s %s is counted as %v, want %v", test.method, test.path, got, test.want)
		}
	}
}

func TestDiary(t *testing.T) {
	d := &diary{sent: counts{}}
	transport := d.wrap(roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{}, nil }))
	for _, path := range []string{"/api/v1/secrets", "/api/v1/secrets", "/metrics"} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		if _, err := transport.RoundTrip(request); err != nil { //nolint:bodyclose // there is none
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(counts{{"LIST", "secrets"}: 2}, d.read()); diff != "" {
		t.Errorf("only requests for resources are counted (-want +got):\n%s", diff)
	}
}
