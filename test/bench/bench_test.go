package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	tests := []struct {
		reason string
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{"one value is every percentile", []time.Duration{7}, 50, 7},
		{"half of the values are at most the median", hundred, 50, 50},
		{"one of a hundred is longer than the 99th", hundred, 99, 99},
		{"the 100th is the longest", hundred, 100, 100},
		{"between two values the larger one counts", []time.Duration{1, 2, 3}, 50, 2},
	}
	for _, test := range tests {
		if got := percentile(test.values, test.p); got != test.want {
			t.Errorf("%s: got %d, want %d", test.reason, got, test.want)
		}
	}
}

func TestSlope(t *testing.T) {
	if got := slope([]float64{0, 1, 2}, []float64{5, 7, 9}); got != 2 {
		t.Errorf("the slope of a line is %g, want 2", got)
	}
	if got := slope([]float64{1}, []float64{1}); got != 0 {
		t.Errorf("the slope of a point is %g, want 0", got)
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 12: "12", 5000: "5000", 1234.5: "1234", 12.345: "12.3", 1.2345: "1.23", 0.01234: "0.0123"} {
		if got := number(value); got != want {
			t.Errorf("%g is written %s, want %s", value, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	got := table([][]string{{"figure", "value"}, {"größe", "1.5"}, {"a", "10"}})
	want := "" +
		"| figure | value |\n" +
		"| ------ | ----: |\n" +
		"| größe  |   1.5 |\n" +
		"| a      |    10 |\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("numbers are aligned to the right, the rest to the left (-want +got):\n%s", diff)
	}
}

func TestTables(t *testing.T) {
	limit := 1.5
	r := results{
		Figures: []figure{
			{Step: "cold", Name: "ratio", Value: 2, Unit: "x", Limit: &limit}, {Step: "cold", Name: "better", Value: 1.2, Unit: "x", Limit: &limit},
		},
		Traffic: []traffic{
			{"cold", request{"WATCH", "secrets"}, 2, 0.5}, {"cold", request{"GET", "secrets"}, 4, 1}, {"cold", request{"WATCH", "configmaps"}, 1, 0.25},
		},
	}
	text := r.tables()
	for reason, want := range map[string]string{
		"a target that is missed stands out": "<= 1.50 MISSED |",
		"one that is met does not":           "<= 1.50        |",
		"all watches are one line":           "| cold | WATCH | (all)    |     3 | 0.75 |",
		"other requests are lines of theirs": "| cold | GET   | secrets  |     4 |    1 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: there is no %q in\n%s", reason, want, text)
		}
	}
}

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

func TestObserver(t *testing.T) {
	o := newObserver()
	name := types.NamespacedName{Namespace: "bench-3", Name: "app"}
	arrived := o.expect(func() bool { return o.targets.of(name) == "new" && len(o.targets["bench"]) == 1 })
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}, Data: map[string][]byte{targetKey: []byte("old")},
	}
	o.see(watch.Event{Type: watch.Added, Object: secret})
	if len(arrived.seen) != 0 {
		t.Error("the old value is taken for the new one")
	}
	secret.Data[targetKey] = []byte("new")
	o.see(watch.Event{Type: watch.Modified, Object: secret})
	if len(arrived.seen) != 1 || len(o.waiting) != 0 {
		t.Error("the new value is not seen")
	}
	if gone := o.expect(func() bool { return len(o.targets["bench"]) == 0 }); len(gone.seen) != 0 {
		t.Error("what is there is taken for gone")
	}
	o.see(watch.Event{Type: watch.Deleted, Object: secret})
	if len(o.waiting) != 0 {
		t.Error("it is not seen that the object is gone")
	}
}

func TestSample(t *testing.T) {
	s := sample{
		name: "app-000000",
		written: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "specimen-0", Name: "app-000000-target", ResourceVersion: "7", Labels: map[string]string{"a": "b"},
				OwnerReferences: []metav1.OwnerReference{{Name: "app-000000", UID: "old"}},
			},
			Data: map[string][]byte{"k": []byte("v")},
		},
		status: []byte(`{"status":{"binding":{"name":"app-000000-target"}}}`),
	}
	got := s.secret("ground-1", "app-000001", "new")
	want := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ground-1", Name: "app-000001-target", Labels: map[string]string{"a": "b"},
			OwnerReferences: []metav1.OwnerReference{{Name: "app-000001", UID: "new"}},
		},
		Data: map[string][]byte{"k": []byte("v")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the same Secret, for another object (-want +got):\n%s", diff)
	}
	if got := string(s.statusOf("app-000001")); got != `{"status":{"binding":{"name":"app-000001-target"}}}` {
		t.Errorf("the status of another object is %s", got)
	}
}

func TestGrowth(t *testing.T) {
	heap := func(sizes map[string]int64) *profile.Profile {
		p := &profile.Profile{
			SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
			PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"},
		}
		for name, size := range sizes {
			id := uint64(len(name))
			function := &profile.Function{ID: id, Name: "example.com/x/" + name}
			location := &profile.Location{ID: id, Line: []profile.Line{{Function: function}}}
			p.Function, p.Location = append(p.Function, function), append(p.Location, location)
			p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{location}, Value: []int64{1, size}})
		}
		return p
	}
	got, err := growth(heap(map[string]int64{"p.A": 10, "p.BB": 10, "p.CCC": 10}), heap(map[string]int64{"p.A": 15, "p.BB": 5, "p.CCC": 30}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]site{{"p.CCC", 20}, {"p.A", 5}}, got, cmp.AllowUnexported(site{})); diff != "" {
		t.Errorf("what has grown most comes first, what has shrunk not at all (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-n=100", "-only=restart,cold"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cold", "restart"}, names(o.chosen())); diff != "" {
		t.Errorf("the chosen steps are taken in their own order (-want +got):\n%s", diff)
	}
	if o.Foreign != 100 {
		t.Errorf("there are %d foreign Secrets, want as many as objects", o.Foreign)
	}
	for _, args := range [][]string{{"-only=warm"}, {"-n=5"}, {"cold"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}
