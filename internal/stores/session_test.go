package stores_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
)

func TestOneReadPerSecret(t *testing.T) {
	w := shelf(t)
	session := w.open()
	var all sync.WaitGroup
	for _, property := range []string{"password", "tls.crt", "doc.user", "none", ""} {
		all.Go(func() {
			_, _ = session.Get(t.Context(), remote("fields", property, false))
			_, _ = session.Map(t.Context(), remote("fields", "", false))
			_, _ = session.Get(t.Context(), remote("absent", property, false))
		})
	}
	all.Wait()
	if got := w.memory.Calls(providertest.CallGet); got != 2 {
		t.Errorf("%d reads for one secret and one absent one", got)
	}
	_, err := session.Get(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "fields", Version: "7"})
	if err != nil || w.memory.Calls(providertest.CallGet) != 3 {
		t.Errorf("another version is another secret: %v", err)
	}
}

func TestFailuresAreNotRemembered(t *testing.T) {
	w := shelf(t)
	session := w.open()
	w.memory.Fail(providertest.CallGet, fault.New(fault.Unavailable, "down"))
	_, err := session.Get(t.Context(), remote("text", "", false))
	expectFault(t, err, fault.Unavailable, "down")
	w.memory.Fail(providertest.CallGet, nil)
	if got, err := session.Get(t.Context(), remote("text", "", false)); err != nil || string(got) != marked {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWritesAreSeen(t *testing.T) {
	w := newWorld(t, store())
	session := w.open()
	_, err := session.Get(t.Context(), remote("k", "", false))
	expectFault(t, err, fault.NotFound, "does not exist")

	if err := session.Push(t.Context(), providers.Write{Key: "k", Owner: "me", Fields: map[string][]byte{"f": []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	if got, err := session.Get(t.Context(), remote("k", "f", false)); err != nil || string(got) != "v" {
		t.Errorf("after the push: %q, %v", got, err)
	}
	if err := session.Delete(t.Context(), providers.Removal{Key: "k", Owner: "me"}); err != nil {
		t.Fatal(err)
	}
	_, err = session.Get(t.Context(), remote("k", "f", false))
	expectFault(t, err, fault.NotFound, "does not exist")
}

func TestUnsupported(t *testing.T) {
	w := shelf(t)
	w.connect = func(m *providertest.Memory) providers.Client { return readOnly{m, m} }
	session := w.open()
	tests := []struct {
		reason string
		err    error
	}{
		{"be written to", session.Push(t.Context(), providers.Write{Key: "k"})},
		{"be deleted from", session.Delete(t.Context(), providers.Removal{Key: "k"})},
		{"be searched", second(session.Find(t.Context(), esv1.ExternalSecretFind{Tags: map[string]string{}}))},
	}
	for _, tt := range tests {
		expectFault(t, tt.err, fault.Unsupported, `SecretStore "main": stores of provider kubernetes cannot `+tt.reason)
	}
	if _, err := session.Check(t.Context()); err != nil {
		t.Errorf("a provider without a check is checked by opening it: %v", err)
	}
	if _, err := session.Read(t.Context(), "text", json.RawMessage(`{}`)); err != nil {
		t.Errorf("options do not matter to a store that puts nothing elsewhere: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRedaction(t *testing.T) {
	tests := []struct {
		reason  string
		err     error
		kind    fault.Kind
		message string
	}{
		{"a foreign error is not quoted", errors.New(marked), fault.Unknown, `SecretStore "main": unexpected error`},
		{
			"what is wrapped around a fault is not quoted either",
			fmt.Errorf("%s: %w", marked, fault.New(fault.Denied, "no")), fault.Denied, `SecretStore "main": no`,
		},
		{"a deadline is said", fmt.Errorf("%s: %w", marked, context.DeadlineExceeded), fault.Unavailable, "did not answer in time"},
		{"a cancelled call is not an absent secret", context.Canceled, fault.Unavailable, "cancelled"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := shelf(t)
			session := w.open()
			w.memory.Fail(providertest.CallGet, tt.err)
			_, err := session.Get(t.Context(), remote("text", "", false))
			expectFault(t, err, tt.kind, tt.message)
			if !errors.Is(err, tt.err) {
				t.Error("the cause is kept for the log")
			}
		})
	}
}

func TestLimits(t *testing.T) {
	const mebibyte = 1 << 20
	fields := func(n, size int) map[string][]byte {
		all := map[string][]byte{}
		for i := range n {
			all[strconv.Itoa(i)] = []byte(strings.Repeat("x", size))
		}
		return all
	}
	tests := []struct {
		reason  string
		secret  providers.Secret
		message string
	}{
		{"a value of one MiB", providers.Secret{Value: []byte(strings.Repeat("x", mebibyte))}, ""},
		{"a larger value", providers.Secret{Value: []byte(strings.Repeat("x", mebibyte+1))}, `SecretStore "main": secret "k" is too large`},
		{"four fields of one MiB", providers.Secret{Fields: fields(4, mebibyte)}, ""},
		{"a larger field", providers.Secret{Fields: fields(1, mebibyte+1)}, `(property "0") has more than 1 MiB`},
		{"too much altogether", providers.Secret{Fields: fields(5, mebibyte)}, "it has more than 4 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t, store())
			w.memory.Seed("k", tt.secret)
			_, err := w.open().Get(t.Context(), remote("k", "", false))
			if tt.message != "" {
				expectFault(t, err, fault.Invalid, tt.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("what is found altogether", func(t *testing.T) {
		w := newWorld(t, store())
		for key, value := range fields(5, mebibyte) {
			w.memory.Seed(key, providers.Secret{Value: value})
		}
		_, err := w.open().Find(t.Context(), esv1.ExternalSecretFind{Tags: map[string]string{}})
		expectFault(t, err, fault.Invalid, "narrow it down")
	})
	t.Run("a large push is not sent", func(t *testing.T) {
		w := newWorld(t, store())
		err := w.open().Push(t.Context(), providers.Write{Key: "k", Fields: fields(1, mebibyte+1)})
		expectFault(t, err, fault.Invalid, "too large")
		if w.memory.Calls(providertest.CallPut) != 0 {
			t.Error("it was sent")
		}
	})
}

func TestRetries(t *testing.T) {
	throttled := func(after time.Duration) *fault.Error {
		return &fault.Error{Kind: fault.Throttled, Message: "slow down", RetryAfter: after}
	}
	unavailable := fault.New(fault.Unavailable, "down")
	settings := func(n int32, interval string) *esv1.SecretStoreRetrySettings {
		return &esv1.SecretStoreRetrySettings{MaxRetries: &n, RetryInterval: &interval}
	}
	tests := []struct {
		reason   string
		settings *esv1.SecretStoreRetrySettings
		err      error
		want     int
		least    time.Duration
		most     time.Duration
	}{
		{"nobody asked for retries", nil, unavailable, 1, 0, 0},
		{"three retries, with waits that double", settings(3, "2s"), unavailable, 4, 14 * time.Second, 16 * time.Second},
		{"settings without numbers", &esv1.SecretStoreRetrySettings{}, unavailable, 4, 7 * time.Second, 8 * time.Second},
		{"no retries by choice", settings(0, "1s"), unavailable, 1, 0, 0},
		{"what is denied stays denied", settings(3, "1s"), fault.New(fault.Denied, "no"), 1, 0, 0},
		{"an absent secret does not appear", settings(3, "1s"), fault.New(fault.NotFound, "no"), 1, 0, 0},
		{"a wait that was asked for is kept", settings(1, "1s"), throttled(10 * time.Second), 2, 10 * time.Second, 10 * time.Second},
		{"a very long one is left to the caller", settings(3, "1s"), throttled(time.Hour), 1, 0, 0},
		{"no wait is longer than half a minute", settings(1, "1h"), unavailable, 2, 30 * time.Second, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, store(func(s *esv1.SecretStore) { s.Spec.RetrySettings = tt.settings }))
				session := w.open()
				w.memory.Fail(providertest.CallCheck, tt.err)
				start := time.Now()
				_, err := session.Check(t.Context())
				expectFault(t, err, fault.KindOf(tt.err), fault.Message(tt.err))
				if got := w.memory.Calls(providertest.CallCheck); got != tt.want {
					t.Errorf("%d calls, want %d", got, tt.want)
				}
				if waited := time.Since(start); waited < tt.least || waited > tt.most {
					t.Errorf("waited %v, want %v to %v", waited, tt.least, tt.most)
				}
				if fault.RetryAfter(err) != fault.RetryAfter(tt.err) {
					t.Errorf("retry after %v", fault.RetryAfter(err))
				}
			})
		})
	}
}

func TestRetriesEndWithSuccessOrContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store(func(s *esv1.SecretStore) { s.Spec.RetrySettings = &esv1.SecretStoreRetrySettings{} }))
		session := w.open()
		w.memory.Intercept(func(string, string) error {
			if w.memory.Calls(providertest.CallCheck) < 3 {
				return fault.New(fault.Unavailable, "down")
			}
			return nil
		})
		if _, err := session.Check(t.Context()); err != nil || w.memory.Calls(providertest.CallCheck) != 3 {
			t.Errorf("got %v after %d calls", err, w.memory.Calls(providertest.CallCheck))
		}
		w.memory.Fail(providertest.CallCheck, fault.New(fault.Unavailable, "down"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := session.Check(ctx)
		expectFault(t, err, fault.Unavailable, "down")
	})
}

func TestProviderCallsAreCounted(t *testing.T) {
	w := newWorld(t, tokenSecret("app"), store(func(s *esv1.SecretStore) { s.Spec.Provider.Kubernetes.Auth = bearer(nil) }),
		store(func(s *esv1.SecretStore) {
			s.Name, s.Spec.Provider.Kubernetes.Auth = "wrong", bearer(nil)
			s.Spec.Provider.Kubernetes.Auth.Token.BearerToken.Key = "none"
		}))
	w.open()
	_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Name: "wrong"}, stores.RequireReady())
	expectFault(t, err, fault.Denied, `SecretStore "wrong": secret "app/token" has no key "none"`)
	want := `# HELP externalsecret_provider_api_calls_count Calls to the system behind a store.
# TYPE externalsecret_provider_api_calls_count counter
externalsecret_provider_api_calls_count{call="Login",provider="Kubernetes",status="error"} 1
externalsecret_provider_api_calls_count{call="Login",provider="Kubernetes",status="success"} 1
`
	if err := testutil.GatherAndCompare(w.registry, strings.NewReader(want), "externalsecret_provider_api_calls_count"); err != nil {
		t.Error(err)
	}
}
