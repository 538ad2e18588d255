package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/kubernetes"
)

// request is a kind of request to the API server, in the words of its metrics.
type request struct {
	Verb string `json:"verb"`
	// Resource is the plural of the kind, with the subresource after a slash.
	Resource string `json:"resource"`
}

// writes says whether such requests change objects. Tokens and reviews are created and not stored, and Leases are about who works.
func (r request) writes() bool {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	return slices.Contains([]string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}, r.Verb) &&
		sub != "token" && resource != "leases" && !strings.HasSuffix(resource, "reviews")
}

// reads says whether such requests read objects that the operator may read. Leases and Services are the API server's own business.
func (r request) reads() bool {
	return (r.Verb == "GET" || r.Verb == "LIST") && r.Resource != "leases" && r.Resource != "services"
}

// counts are numbers of requests.
type counts map[request]int

// minus returns the difference where there is one.
func (c counts) minus(other counts) counts {
	out := counts{}
	for r, n := range c {
		if n -= other[r]; n != 0 {
			out[r] = n
		}
	}
	for r, n := range other {
		if _, known := c[r]; !known && n != 0 {
			out[r] = -n
		}
	}
	return out
}

// sum counts the requests that match.
func (c counts) sum(matches func(request) bool) int {
	total := 0
	for r, n := range c {
		if matches(r) {
			total += n
		}
	}
	return total
}

// sorted are the requests by resource and verb.
func (c counts) sorted() []request {
	return slices.SortedFunc(maps.Keys(c), func(a, b request) int {
		return cmp.Or(strings.Compare(a.Resource, b.Resource), strings.Compare(a.Verb, b.Verb))
	})
}

// served are the requests that an API server has begun to answer since its start. It counts a watch when it ends, and has another
// metric for those that are open.
func served(metrics families) counts {
	out := counts{}
	add := func(labels map[string]string, value float64) {
		if resource := labels["resource"]; resource != "" {
			if labels["subresource"] != "" {
				resource += "/" + labels["subresource"]
			}
			out[request{labels["verb"], resource}] += int(value)
		}
	}
	for _, m := range metrics["apiserver_request_total"].GetMetric() {
		add(labelsOf(m), m.GetCounter().GetValue())
	}
	for _, m := range metrics["apiserver_longrunning_requests"].GetMetric() {
		if labels := labelsOf(m); labels["verb"] == "WATCH" {
			add(labels, m.GetGauge().GetValue())
		}
	}
	return out
}

// askServer reads the metrics of the API server.
func askServer(ctx context.Context, clientset kubernetes.Interface) (counts, error) {
	stream, err := clientset.Discovery().RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of the API server: %w", err)
	}
	defer stream.Close()
	metrics, err := parseMetrics(stream)
	return served(metrics), err
}

// diary counts the requests that the bench itself sends. It is safe for concurrent use.
type diary struct {
	mu   sync.Mutex
	sent counts
}

// wrap returns a transport that counts what it sends. As in served, only requests for resources count.
func (d *diary) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if kind := requestOf(r); kind.Resource != "" {
			d.mu.Lock()
			d.sent[kind]++
			d.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// read returns the counts so far.
func (d *diary) read() counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.sent)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// requestOf names a request as the API server does.
func requestOf(r *http.Request) request {
	resource, named := resourceOf(r.URL.Path)
	verb := r.Method
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // none is as good as one that cannot be read
	switch {
	case verb == http.MethodGet && r.URL.Query().Get("watch") == "true":
		verb = "WATCH"
	case verb == http.MethodGet && !named:
		verb = "LIST"
	case verb == http.MethodDelete && !named:
		verb = "DELETECOLLECTION"
	case verb == http.MethodPatch && strings.HasPrefix(mediaType, "application/apply-patch"):
		verb = "APPLY"
	}
	return request{verb, resource}
}

// resourceOf returns the resource of a path, with its subresource, and whether the path names an object.
func resourceOf(path string) (resource string, named bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return "", false
	}
	if len(parts) > 2 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		parts = parts[2:]
	}
	if len(parts) > 2 {
		return parts[0] + "/" + parts[2], true
	}
	return parts[0], len(parts) > 1
}
