package beyondtrustworkloadcredentialsdynamicsecret

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		reason string
		fail   func(*world)
		path   string
		kind   fault.Kind
		says   []string
	}{
		{"a token that has expired", func(w *world) { w.SetToken("another") }, aws, fault.Denied, []string{
			`could not generate credentials of dynamic secret "production/aws-temp"`, "refuses the API token (status 401, unauthorized)",
			"check that the token in spec.provider.auth.apikey.token is valid and has not expired, " +
				"and that it may generate credentials of this dynamic secret",
		}},
		{"a right that is missing", func(w *world) { w.FailStatus(1, http.StatusForbidden, "") }, aws, fault.Denied, []string{"status 403"}},
		{"no such dynamic secret", func(*world) {}, "production/nothing", fault.Invalid, []string{
			`dynamic secret "production/nothing" does not exist: check spec.provider.folderPath (folder/secretName) and spec.provider.server.siteId`,
		}},
		{"a 404 of something else", func(w *world) { w.FailBody(1, http.StatusNotFound, "<html>CANARY") }, aws, fault.Unavailable, []string{
			"there is no such API", "check spec.provider.server.apiUrl and spec.provider.server.siteId",
		}},
		{"a 404 that says nothing", func(w *world) { w.FailBody(1, http.StatusNotFound, "") }, aws, fault.Unavailable, []string{"there is no such API"}},
		{"throttled", func(w *world) { w.FailStatus(1, http.StatusTooManyRequests, "17") }, aws, fault.Throttled, []string{"fewer calls"}},
		{"down", func(w *world) { w.FailStatus(1, http.StatusServiceUnavailable, "17") }, aws, fault.Unavailable, []string{"failed (status 503)"}},
		{"a code of its own", func(w *world) {
			w.FailBody(1, http.StatusBadRequest, `{"Code":"aws_integration_test_failed","Message":"CANARY"}`)
		}, aws, fault.Invalid, []string{"does not accept the request (status 400, aws_integration_test_failed)"}},
		{"a code that may be a value", func(w *world) {
			w.FailBody(1, http.StatusBadRequest, `{"code":"CANARY=="}`)
		}, aws, fault.Invalid, []string{"(status 400)"}},
		{"cut off", func(w *world) { w.FailCut(1) }, aws, fault.Unavailable, []string{"ends early"}},
		{"no JSON", func(w *world) { w.FailBody(1, http.StatusOK, `{"secret":"CANARY`) }, aws, fault.Invalid, []string{"is not what the API answers"}},
		{"too much", func(w *world) { w.FailOversized(1) }, aws, fault.Invalid, []string{"larger than 10 MiB"}},
		{"a redirect", func(w *world) { w.FailStatus(1, http.StatusFound, "") }, aws, fault.Invalid, []string{"redirects elsewhere"}},
		{"gone", func(w *world) { w.Close() }, aws, fault.Unavailable, []string{"cannot be reached: connection refused"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t)
			s := w.spec(tt.path)
			tt.fail(w)
			_, err := w.generate(s)
			expect(t, err, tt.kind, tt.says...)
			if lost := slices.Contains([]string{"cut off", "no JSON", "too much"}, tt.reason); fault.Costly(err) != lost {
				t.Errorf("it is costly: %t, want %t", fault.Costly(err), lost)
			}
			if asks := slices.Contains([]string{"throttled", "down"}, tt.reason); asks != (fault.RetryAfter(err) == 17*time.Second) {
				t.Errorf("it asks to wait for %s, want that it says so: %t", fault.RetryAfter(err), asks)
			}
		})
	}
}

func TestTrust(t *testing.T) {
	w := newWorld(t)
	s := w.spec(aws, func(s *spec) { s.Provider.CAProvider = nil })
	_, err := w.generate(s)
	expect(t, err, fault.Unavailable, "its certificate is signed by an unknown authority: check spec.provider.caBundle or spec.provider.caProvider")
	s.Provider.CABundle = w.Authority()
	if _, err := w.generate(s); err != nil {
		t.Errorf("with the authority in the spec: %v", err)
	}
}

func TestSlowServer(t *testing.T) {
	w := newWorld(t)
	w.FailSlow(1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := New().Bind(object(w.spec(aws))).Generate(ctx, w.env())
	expect(t, err, fault.Unavailable, "no answer in time: check the network from the cluster to the API, whether the API responds, "+
		"and whether a firewall blocks the connection")
}

func TestRetries(t *testing.T) {
	settings := func(retries int32, interval string) func(*spec) {
		return func(s *spec) {
			s.RetrySettings = &esv1.SecretStoreRetrySettings{MaxRetries: &retries, RetryInterval: &interval}
		}
	}
	unnumbered := func(s *spec) { s.RetrySettings = &esv1.SecretStoreRetrySettings{} }
	for _, tt := range []struct {
		reason   string
		fail     func(*world)
		settings func(*spec)
		ok       bool
		requests int
		waited   time.Duration
	}{
		{"none is made that nobody asked for", func(w *world) { w.FailStatus(1, 503, "") }, func(*spec) {}, false, 1, 0},
		{"three, where no number is written", func(w *world) { w.FailStatus(3, 503, "") }, unnumbered, true, 4, 7 * time.Second},
		{"and no more", func(w *world) { w.FailStatus(9, 503, "") }, unnumbered, false, 4, 7 * time.Second},
		{"as many as are asked for", func(w *world) { w.FailStatus(9, 500, "") }, settings(1, "3s"), false, 2, 3 * time.Second},
		{"or none", func(w *world) { w.FailStatus(1, 503, "") }, settings(0, "3s"), false, 1, 0},
		{"a throttling service says when", func(w *world) { w.FailStatus(1, 429, "12") }, unnumbered, true, 2, 12 * time.Second},
		{"but nobody waits for minutes", func(w *world) { w.FailStatus(1, 429, "600") }, unnumbered, false, 1, 0},
		{"a refusal is final", func(w *world) { w.FailStatus(1, 403, "") }, unnumbered, false, 1, 0},
		{"without an answer something may have been issued", func(w *world) { w.FailLost(1) }, unnumbered, false, 1, 0},
		{"a gateway that waited in vain is no answer", func(w *world) { w.FailStatus(1, 504, "") }, unnumbered, false, 1, 0},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t)
			began := w.clock.Now()
			tt.fail(w)
			done := make(chan error)
			go func() {
				_, err := w.generate(w.spec(aws, tt.settings))
				done <- err
			}()
			err, waiting := error(nil), true
			for waiting {
				select {
				case err = <-done:
					waiting = false
				default:
					if w.clock.HasWaiters() {
						w.clock.Step(time.Second)
					}
				}
			}
			if (err == nil) != tt.ok || w.Counts().Requests != tt.requests {
				t.Errorf("%d requests, %v, want %d and success %t", w.Counts().Requests, err, tt.requests, tt.ok)
			}
			// Waits have a jitter of a tenth, and the clock moves by seconds.
			if waited := w.clock.Since(began); waited < tt.waited || waited > tt.waited*11/10+4*time.Second {
				t.Errorf("it waited for %s, want %s", waited, tt.waited)
			}
		})
	}
}
