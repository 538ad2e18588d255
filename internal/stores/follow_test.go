package stores_test

import (
	"context"
	"errors"
	"slices"
	"strings"
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

// audience remembers what it is told.
type audience struct {
	mu   sync.Mutex
	told []stores.Change
	// gone says that nobody reads any more.
	gone bool
}

func (a *audience) Changed(_ context.Context, change stores.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, change)
}

func (a *audience) Any(context.Context, providers.Store, string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.gone
}

func (a *audience) Reads(context.Context, providers.Store, string, string) bool { return true }

func (a *audience) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
}

// expect compares the keys that were told since the last time.
func (a *audience) expect(t *testing.T, keys ...string) {
	t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	var got []string
	for _, change := range a.told {
		got = append(got, change.Key)
	}
	if !slices.Equal(got, keys) {
		t.Errorf("told of %q, want %q", got, keys)
	}
	a.told = nil
}

// following runs a test in a bubble in which SecretStore main is followed. A goroutine that is left over fails it.
func following(t *testing.T, prepare func(*world), test func(*testing.T, *world, *audience)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		if prepare != nil {
			prepare(w)
		}
		a := &audience{}
		w.follow(a)
		test(t, w, a)
		w.pool.Close(context.Background())
	})
}

func (w *world) follow(a *audience) {
	w.t.Helper()
	if err := w.pool.Follow(w.t.Context(), "app", esv1.SecretStoreRef{Kind: namespaced, Name: "main"}, a); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) expectWatches(want int) {
	w.t.Helper()
	synctest.Wait()
	if got := w.memory.Calls(providertest.CallWatch); got != want {
		w.t.Errorf("watched %d times, want %d", got, want)
	}
}

func TestChangesAreTold(t *testing.T) {
	following(t, nil, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		for range 3 {
			w.follow(a)
		}
		w.memory.Seed("k", providers.Secret{Value: []byte("v")})
		w.memory.Remove("k")
		synctest.Wait()
		store := providers.Store{Kind: namespaced, Namespace: "app", Name: "main"}
		for _, change := range a.told {
			if change.Store != store || change.Key != "k" || change.Place != "k" || change.Consumer != "" {
				t.Errorf("told of %+v, want k in %v", change, store)
			}
		}
		a.expect(t, "k", "k")
		w.expectWatches(1)
		w.expectClients(1, 0)
	})
}

func TestLateReadersAreTold(t *testing.T) {
	following(t, nil, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		late := &audience{}
		w.follow(late)
		late.expect(t, "")
		w.follow(late)
		late.expect(t)
		w.pool.Retell(t.Context(), late)
		late.expect(t, "")
		a.expect(t)
		w.pool.Retell(t.Context(), &audience{})
	})
}

func TestFoundBySearches(t *testing.T) {
	following(t, nil, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		w.memory.Seed("k", providers.Secret{Value: []byte("v"), Labels: map[string]string{"team": "red"}})
		synctest.Wait()
		w.memory.Seed("k", providers.Secret{Value: []byte("v"), Labels: map[string]string{"team": "blue"}})
		synctest.Wait()
		name := func(pattern string) esv1.ExternalSecretFind {
			return esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: pattern}}
		}
		tags := func(team string) esv1.ExternalSecretFind {
			return esv1.ExternalSecretFind{Tags: map[string]string{"team": team}}
		}
		tests := []struct {
			reason string
			find   esv1.ExternalSecretFind
			want   [2]bool
		}{
			{"its name matches", name("^k$"), [2]bool{true, true}},
			{"its name does not", name("^other$"), [2]bool{false, false}},
			{"it had the label, and has it no more", tags("red"), [2]bool{true, true}},
			{"it got the label", tags("blue"), [2]bool{false, true}},
			{"it never had the label", tags("green"), [2]bool{false, false}},
			{"nobody can tell, and whoever searches says why", name("("), [2]bool{true, true}},
		}
		for _, tt := range tests {
			for i, change := range a.told {
				if got := change.Found(tt.find); got != tt.want[i] {
					t.Errorf("%s: change %d is found: %v, want %v", tt.reason, i, got, tt.want[i])
				}
			}
		}
	})
}

func TestWatchOutlivesChecksAndIdleTime(t *testing.T) {
	following(t, nil, func(t *testing.T, w *world, a *audience) {
		for range 5 {
			time.Sleep(5 * time.Minute)
			if _, err := w.pool.OpenStore(t.Context(), store()); err != nil {
				t.Fatal(err)
			}
		}
		w.follow(a)
		a.expect(t, "")
		w.memory.Seed("k", providers.Secret{Value: []byte("v")})
		a.expect(t, "k")
		// With the rights and the credentials of now each time.
		w.expectWatches(6)
	})
}

func TestFailedWatchIsBegunAgain(t *testing.T) {
	var fail func(error)
	broken := func(w *world) {
		w.connect = func(m *providertest.Memory) providers.Client {
			c := &breakable{connection: connection{m, w}, broken: make(chan error)}
			fail = func(err error) { c.broken <- err }
			return c
		}
	}
	following(t, broken, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		fail(fault.New(fault.Unavailable, "the stream broke"))
		synctest.Wait()
		w.memory.Seed("k", providers.Secret{Value: []byte("v")})
		w.memory.Seed("same", providers.Secret{Value: []byte("v")})
		a.expect(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		slices.SortFunc(a.told, func(a, b stores.Change) int { return strings.Compare(a.Key, b.Key) })
		a.expect(t, "k", "same")
		w.memory.Fail(providertest.CallWatch, fault.New(fault.Unavailable, "down"))
		fail(errors.New("the stream broke"))
		w.memory.Remove("k")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if calls := w.memory.Calls(providertest.CallWatch); calls < 17 || calls > 30 {
			t.Errorf("watched %d times within ten minutes, want once in half a minute", calls)
		}
		w.memory.Fail(providertest.CallWatch, nil)
		time.Sleep(time.Minute)
		a.expect(t, "k")
	})
}

// breakable is a client whose watch fails when it is told to.
type breakable struct {
	connection
	broken chan error
}

func (b *breakable) Watch(ctx context.Context, position string, sink providers.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.connection.Watch(ctx, position, sink) }()
	select {
	case err := <-b.broken:
		return err
	case err := <-ended:
		return err
	}
}

func TestStoreThatCannotBeWatched(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"the rights are missing": func(w *world) { w.memory.Fail(providertest.CallWatch, fault.New(fault.Denied, "may not watch")) },
		"its client cannot": func(w *world) {
			w.connect = func(m *providertest.Memory) providers.Client { return readOnly{connection{m, w}, m} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			following(t, prepare, func(t *testing.T, w *world, a *audience) {
				synctest.Wait()
				tried := w.memory.Calls(providertest.CallWatch)
				time.Sleep(time.Hour)
				w.follow(a)
				// A right may come that nobody tells of; an ability does not.
				if name == "the rights are missing" {
					tried += 6
				}
				w.expectWatches(tried)
				a.expect(t)

				// The check of the store finds that it can be watched now.
				w.memory.Fail(providertest.CallWatch, nil)
				w.connect = nil
				if _, err := w.pool.OpenStore(t.Context(), store()); err != nil {
					t.Fatal(err)
				}
				w.follow(a)
				a.expect(t, "")
			})
		})
	}
}

func TestWatchEnds(t *testing.T) {
	tests := []struct {
		reason string
		end    func(*world, *audience)
	}{
		{"its store is gone", func(w *world, _ *audience) {
			w.pool.Forget(w.t.Context(), providers.Store{Kind: namespaced, Namespace: "app", Name: "main"})
		}},
		{"its store has another spec", func(w *world, _ *audience) {
			w.update(func(s *esv1.SecretStore) { s.Generation = 2 })
			w.open()
		}},
		{"its store was made anew", func(w *world, _ *audience) {
			w.update(func(s *esv1.SecretStore) { s.UID = "3" })
			w.open()
		}},
		{"nobody reads from its store", func(_ *world, a *audience) {
			a.leave()
			time.Sleep(10 * time.Minute)
		}},
		{"the pool is closed", func(w *world, _ *audience) { w.pool.Close(w.t.Context()) }},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			following(t, nil, func(t *testing.T, w *world, a *audience) {
				a.expect(t, "")
				tt.end(w, a)
				synctest.Wait()
				w.memory.Seed("k", providers.Secret{Value: []byte("v")})
				a.expect(t)
				if closed := w.closed.Load(); closed != 1 && tt.reason != "nobody reads from its store" {
					t.Errorf("closed %d clients, want that of the watch", closed)
				}
			})
		})
	}
}

func TestFollowRefusesWhatOpenRefuses(t *testing.T) {
	w := newWorld(t, store(func(s *esv1.SecretStore) { s.Status = esv1.SecretStoreStatus{} }))
	err := w.pool.Follow(t.Context(), "app", esv1.SecretStoreRef{Kind: namespaced, Name: "other"}, &audience{})
	expectFault(t, err, fault.Invalid, "does not exist")
	err = w.pool.Follow(t.Context(), "app", esv1.SecretStoreRef{Kind: namespaced, Name: "main"}, &audience{}, stores.RequireReady())
	expectFault(t, err, fault.Unavailable, "is not ready")
	w.expectClients(0, 0)
}
