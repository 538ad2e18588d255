package stores_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
)

const cluster, namespaced = esv1.KindClusterSecretStore, esv1.KindSecretStore

func TestClientsAreShared(t *testing.T) {
	auth := func(namespace *string) func(*esv1.ClusterSecretStore) {
		return func(s *esv1.ClusterSecretStore) { s.Spec.Provider.Kubernetes.Auth = bearer(namespace) }
	}
	tests := []struct {
		reason string
		store  *esv1.ClusterSecretStore
		want   int32
	}{
		{"all namespaces share a store without credentials", clusterStore(), 1},
		{"and one that names the namespace of its credentials", clusterStore(auth(new("a"))), 1},
		{"where the namespace is left open each has its own", clusterStore(auth(nil)), 2},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t, tt.store, tokenSecret("a"), tokenSecret("b"))
			for range 2 {
				w.openIn("a", cluster, "shared")
				w.openIn("b", cluster, "shared")
			}
			w.expectClients(tt.want, 0)
		})
	}
}

func TestCredentialsOfTheConsumer(t *testing.T) {
	s := clusterStore(func(s *esv1.ClusterSecretStore) { s.Spec.Provider.Kubernetes.Auth = bearer(nil) })
	w := newWorld(t, s, tokenSecret("a"))
	w.openIn("a", cluster, "shared")

	_, err := w.pool.Open(t.Context(), "b", esv1.SecretStoreRef{Kind: cluster, Name: "shared"})
	expectFault(t, err, fault.Denied, `ClusterSecretStore "shared": secret "b/token" does not exist`)

	_, err = w.pool.OpenStore(t.Context(), s)
	if !errors.Is(err, providers.ErrNeedsConsumer) {
		t.Errorf("a store cannot be judged without its user: %v", err)
	}
}

// slowly opens a client in one second, if its context lets it.
func slowly(ctx context.Context) error {
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestConcurrentOpensOpenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		w.opening = slowly
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { w.open() })
		}
		all.Wait()
		w.expectClients(1, 0)
	})
}

func TestOpeningOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		w.opening = slowly
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := w.pool.Open(ctx, "app", esv1.SecretStoreRef{Name: "main"})
		expectFault(t, err, fault.Unavailable, "did not answer in time")
		time.Sleep(time.Second)
		w.expectClients(1, 0)
		w.open()
		w.expectClients(1, 0)
	})
}

func TestEviction(t *testing.T) {
	denied, unavailable := fault.New(fault.Denied, "no"), fault.New(fault.Unavailable, "no")
	read := func(w *world, err error) {
		w.memory.Fail(providertest.CallCheck, err)
		_, _ = w.open().Check(w.t.Context())
		w.memory.Fail(providertest.CallCheck, nil)
	}
	tests := []struct {
		reason         string
		act            func(*world)
		opened, closed int32
	}{
		{"a client that is used stays", func(w *world) { read(w, nil) }, 1, 0},
		{"refused credentials may have been renewed", func(w *world) { read(w, denied) }, 2, 1},
		{"a failure does not reopen a fresh client", func(w *world) { read(w, unavailable) }, 1, 0},
		{"it does reopen an older one", func(w *world) { time.Sleep(2 * time.Minute); read(w, unavailable) }, 2, 1},
		{"an absent secret says nothing about the client", func(w *world) {
			time.Sleep(2 * time.Minute)
			read(w, fault.New(fault.NotFound, "no"))
		}, 1, 0},
		{"a new generation replaces the old", func(w *world) { w.update(func(s *esv1.SecretStore) { s.Generation = 2 }) }, 2, 1},
		{"a stale read of an old one does not drive out the new", func(w *world) {
			w.update(func(s *esv1.SecretStore) { s.Generation = 0 })
			w.open()
			w.update(func(s *esv1.SecretStore) { s.Generation = 1 })
		}, 2, 0},
		{"a store of the same name made anew is another", func(w *world) { w.update(func(s *esv1.SecretStore) { s.UID = "9" }) }, 2, 1},
		{"a check of the store opens anew", func(w *world) {
			if _, err := w.pool.OpenStore(w.t.Context(), store()); err != nil {
				w.t.Error(err)
			}
		}, 2, 1},
		{"idle clients are closed when another is opened", func(w *world) {
			time.Sleep(11 * time.Minute)
			w.openIn("app", cluster, "shared")
		}, 3, 1},
		{"clients in use are not idle", func(w *world) {
			for range 4 {
				time.Sleep(3 * time.Minute)
				read(w, nil)
			}
			w.openIn("app", cluster, "shared")
		}, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, store(), clusterStore())
				w.open()
				tt.act(w)
				w.open()
				synctest.Wait()
				w.expectClients(tt.opened, tt.closed)
			})
		})
	}
}

// update changes store "main" in the cluster.
func (w *world) update(edit func(*esv1.SecretStore)) {
	w.t.Helper()
	if err := w.cluster.Delete(w.t.Context(), store()); err != nil {
		w.t.Fatal(err)
	}
	if err := w.cluster.Create(w.t.Context(), store(edit)); err != nil {
		w.t.Fatal(err)
	}
}

func TestClientInUseIsClosedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		w.memory.Intercept(func(string, string) error { time.Sleep(time.Minute); return nil })
		session := w.open()
		var call sync.WaitGroup
		call.Go(func() {
			if _, err := session.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			w.pool.Close(t.Context())
			close(closed)
		}()
		synctest.Wait()
		w.expectClients(1, 0)
		call.Wait()
		<-closed
		w.expectClients(1, 1)

		_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Name: "main"})
		expectFault(t, err, fault.Unavailable, "shutting down")
		w.expectClients(1, 1)
	})
}

func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		w.memory.Intercept(func(string, string) error { time.Sleep(time.Hour); return nil })
		session := w.open()
		go func() { _, _ = session.Check(context.Background()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w.pool.Close(ctx)
		w.expectClients(1, 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		w.expectClients(1, 1)
	})
}

func TestSessionGoesOnAfterEviction(t *testing.T) {
	w := newWorld(t, store())
	session := w.open()
	w.memory.Fail(providertest.CallCheck, fault.New(fault.Denied, "no"))
	_, err := session.Check(t.Context())
	expectFault(t, err, fault.Denied, "no")
	w.memory.Fail(providertest.CallCheck, nil)
	if _, err := session.Check(t.Context()); err != nil {
		t.Errorf("the session opens its client anew: %v", err)
	}
	if w.opened.Load() != 2 {
		t.Errorf("opened %d clients, want 2", w.opened.Load())
	}
}

func TestOpeningFailures(t *testing.T) {
	tests := []struct {
		reason  string
		err     error
		kind    fault.Kind
		message string
	}{
		{
			"what a client misses to open is no absent secret",
			fault.New(fault.NotFound, "no such mount"),
			fault.Invalid,
			`SecretStore "main": no such mount`,
		},
		{"a refused credential stays one", fault.New(fault.Denied, "no"), fault.Denied, `SecretStore "main": no`},
		{"a foreign error is not quoted", errors.New(marked), fault.Unknown, "unexpected error"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t, store())
			w.opening = func(context.Context) error { return tt.err }
			_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Name: "main"})
			expectFault(t, err, tt.kind, tt.message)
			w.opening = nil
			w.open()
		})
	}
}

func TestNilClientIsAnError(t *testing.T) {
	w := newWorld(t, store())
	w.connect = func(*providertest.Memory) providers.Client { return nil }
	_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Name: "main"}, stores.RequireReady())
	expectFault(t, err, fault.Unknown, "unexpected error")
}

func TestCapabilities(t *testing.T) {
	w := newWorld(t)
	soon := func(s *esv1.SecretStore) {
		s.Spec.RetrySettings = &esv1.SecretStoreRetrySettings{RetryInterval: new("soon")}
	}
	if got := w.pool.Capabilities(store(soon)); got != esv1.CapabilityReadWrite {
		t.Errorf("got %q: what a provider can do does not hang on the rest of the store", got)
	}
	if got := w.pool.Capabilities(store(func(s *esv1.SecretStore) { s.Spec.Provider = nil })); got != "" {
		t.Errorf("got %q for a store without a provider", got)
	}
}
