package beyondtrust_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/beyondtrust"
	fakes "github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

// marked is in every value, so that a text that quotes one is found.
const marked = "do-not-quote"

// resolver has Secrets with one key each, by name.
type resolver struct {
	providers.Resolver

	values map[string]string
}

func (r resolver) SecretKey(_ context.Context, ref metametav1.SecretKeySelector) ([]byte, error) {
	value, ok := r.values[ref.Name]
	if !ok {
		return nil, fault.New(fault.Denied, "secret %q does not exist", ref.Name)
	}
	return []byte(value), nil
}

func (resolver) CABundle(_ context.Context, bundle []byte, _ *esv1.CAProvider) ([]byte, error) {
	return bundle, nil
}

// world is a server and what a store for it needs.
type world struct {
	*fakes.PasswordSafe

	clock    *clocktesting.FakeClock
	resolver resolver
	// observed are the calls that were counted, by name.
	observed chan string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)), observed: make(chan string, 10_000)}
	w.PasswordSafe = fakes.NewPasswordSafe(w.clock)
	t.Cleanup(w.Close)
	w.resolver.values = map[string]string{
		"key": fakes.PasswordSafeAPIKey + "\n", "id": fakes.PasswordSafeClientID, "secret": fakes.PasswordSafeClientSecret,
	}
	return w
}

func in(name string) *esv1.BeyondtrustValue {
	return &esv1.BeyondtrustValue{SecretRef: &metametav1.SecretKeySelector{Name: name, Key: "k"}}
}

// spec is a store for Secrets Safe that signs in with an API key, with what a test changes.
func (w *world) spec(changes ...func(*esv1.BeyondtrustProvider)) *esv1.SecretStoreProvider {
	spec := &esv1.BeyondtrustProvider{
		Auth: &esv1.BeyondtrustAuth{APIKey: in("key")},
		Server: &esv1.BeyondtrustServer{
			APIURL: w.URL(), RetrievalType: "SECRET", VerifyCA: true, CABundle: w.Authority(), APIVersion: "3.1",
		},
	}
	for _, change := range changes {
		change(spec)
	}
	return &esv1.SecretStoreProvider{Beyondtrust: spec}
}

func accounts(spec *esv1.BeyondtrustProvider) { spec.Server.RetrievalType = "MANAGED_ACCOUNT" }

func oauth(spec *esv1.BeyondtrustProvider) {
	spec.Auth = &esv1.BeyondtrustAuth{ClientID: in("id"), ClientSecret: in("secret")}
}

func (w *world) env() providers.Env {
	return providers.Env{
		Store:    providers.Store{Kind: esv1.KindSecretStore, Namespace: "app", Name: "passwordsafe"},
		Resolver: w.resolver,
		HTTP: func(settings *tls.Config) http.RoundTripper {
			return &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
		},
		Observe: func(call string, _ error) { w.observed <- call },
		Clock:   w.clock,
	}
}

// store is an open client with all its abilities.
type store interface {
	providers.Client
	providers.Locator
	providers.Reader
	providers.Writer
	providers.Checker
}

// open opens a store, which is closed with the test.
func (w *world) open(t *testing.T, changes ...func(*esv1.BeyondtrustProvider)) store {
	t.Helper()
	client, err := beyondtrust.New().Open(t.Context(), w.spec(changes...), w.env())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return client.(store)
}

func get(t *testing.T, s providers.Reader, key string) (string, error) {
	t.Helper()
	secret, err := s.Get(t.Context(), providers.Ref{Key: key})
	return string(secret.Value), err
}

func expectValue(t *testing.T, s providers.Reader, key, want string) {
	t.Helper()
	if got, err := get(t, s, key); err != nil || got != want {
		t.Errorf("%q holds %q, %v; want %q", key, got, err, want)
	}
}

// expectFault also looks for what no text may hold: values, and what one signs in with.
func expectFault(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Fatalf("got %v (%v), want %v with %q", err, fault.KindOf(err), kind, says)
	}
	for _, secret := range []string{marked, fakes.PasswordSafeAPIKey, fakes.PasswordSafeClientSecret, "access-token", "session-"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes %q: %v", secret, err)
		}
	}
}

func text(value string) fakes.PasswordSafeSecret {
	return fakes.PasswordSafeSecret{Type: "Text", Value: value}
}
