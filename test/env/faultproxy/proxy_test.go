package faultproxy_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/sluice-operator/sluice/test/env/faultproxy"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := map[faultproxy.Fault]struct {
		reason string
		// code of the answer; 0 for none. whole says that the body arrives, forwarded that the server got the request.
		code             int
		whole, forwarded bool
	}{
		"":                     {"a good network changes nothing", http.StatusOK, true, true},
		faultproxy.Conflict:    {"what is refused has no effect", http.StatusConflict, true, false},
		faultproxy.Broken:      {"what is refused has no effect", http.StatusInternalServerError, true, false},
		faultproxy.Unavailable: {"what is refused has no effect", http.StatusServiceUnavailable, true, false},
		faultproxy.Throttled:   {"what is refused has no effect", http.StatusTooManyRequests, true, false},
		faultproxy.Late:        {"what is late arrives", http.StatusOK, true, true},
		faultproxy.CutBefore:   {"what is cut before has no effect", 0, false, false},
		faultproxy.CutAfter:    {"what is cut after has one, and nobody hears of it", 0, false, true},
		faultproxy.CutWatch:    {"what is cut while it is answered has begun", http.StatusOK, false, true},
	}
	for fault, tt := range tests {
		t.Run("fault "+string(fault), func(t *testing.T) {
			t.Parallel()
			var served atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
				served.Add(1)
				_, _ = io.WriteString(out, "answer")
				if faultproxy.IsWatch(in) {
					_ = http.NewResponseController(out).Flush()
					<-in.Context().Done()
				}
			}))
			t.Cleanup(server.Close)
			proxy, err := faultproxy.Start(&rest.Config{Host: server.URL}, rand.New(rand.NewPCG(1, 1)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			path := proxy.Config().Host + "/"
			if fault == faultproxy.CutWatch {
				path += "?watch=true"
			}
			if fault != "" {
				proxy.Disturb(faultproxy.Rule{
					Applies: func(*http.Request) bool { return true }, Share: 1, Faults: []faultproxy.Fault{fault},
				})
			}
			code, whole := post(t, proxy.Config(), path)
			if code != tt.code || whole != tt.whole || (served.Load() > 0) != tt.forwarded {
				t.Errorf("answer %d, whole %t, forwarded %d times: %s", code, whole, served.Load(), tt.reason)
			}
			if fault != "" && proxy.Counts()[fault] != 1 {
				t.Errorf("counts %v", proxy.Counts())
			}
		})
	}
}

// post sends a request that nobody repeats, and returns the status, and whether all of the answer arrived.
func post(t *testing.T, config *rest.Config, url string) (code int, whole bool) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return response.StatusCode, err == nil
}
