package stores_test

import (
	"context"
	"fmt"
	"slices"
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

// expectReads compares what a new Session reads, and how many calls to the store that takes.
func (w *world) expectRead(reason, key, want string, calls int, opts ...stores.OpenOption) {
	w.t.Helper()
	before := w.memory.Calls(providertest.CallGet)
	session, err := w.pool.Open(w.t.Context(), "app", esv1.SecretStoreRef{Name: "main"}, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := session.Get(w.t.Context(), esv1.ExternalSecretDataRemoteRef{Key: key})
	if want == "" && !fault.Is(err, fault.NotFound) || want != "" && err != nil || string(got) != want {
		w.t.Errorf("%s: %s reads as %q, %v, want %q", reason, key, got, err, want)
	}
	if n := w.memory.Calls(providertest.CallGet) - before; n != calls {
		w.t.Errorf("%s: %s took %d calls, want %d", reason, key, n, calls)
	}
}

func value(text string) providers.Secret { return providers.Secret{Value: []byte(text)} }

func TestWatchedStoreIsNotRead(t *testing.T) {
	seeded := func(w *world) {
		for i := range 50 {
			w.memory.Seed(fmt.Sprint("k", i), value("first"))
		}
	}
	following(t, seeded, func(_ *testing.T, w *world, _ *audience) {
		// The first of them come before the watch has told anything.
		for i := range 50 {
			w.expectRead("what was there", fmt.Sprint("k", i), "first", 0)
		}
		w.memory.Seed("k1", value("second"))
		w.memory.Seed("new", value("n"))
		synctest.Wait()
		w.expectRead("what has changed", "k1", "second", 0)
		w.expectRead("what is new", "new", "n", 0)
		w.memory.Remove("k2")
		synctest.Wait()
		w.expectRead("only the store can say that something is absent", "k2", "", 1)
		w.expectRead("who asks for the store gets it", "k1", "second", 1, stores.Live())
		w.expectWatches(1)
	})
}

func TestVersionsAreReadFromTheStore(t *testing.T) {
	following(t, func(w *world) { w.memory.Seed("k", value("v")) }, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		_, err := w.open().Get(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "k", Version: "7"})
		if calls := w.memory.Calls(providertest.CallGet); err != nil || calls != 1 {
			t.Errorf("%v, %d calls, want one", err, calls)
		}
	})
}

func TestDoubtfulMirrorIsNotBelieved(t *testing.T) {
	var fail func(error)
	silent := &silence{}
	tests := []struct {
		reason string
		begin  func(*world)
		doubt  func(*world)
		calls  int
		end    func(*world)
	}{
		{
			reason: "the watch broke, until it begins again",
			begin: func(w *world) {
				w.connect = func(m *providertest.Memory) providers.Client {
					c := &breakable{connection: connection{m, w}, broken: make(chan error)}
					fail = func(err error) { c.broken <- err }
					return c
				}
			},
			doubt: func(*world) { fail(fault.New(fault.Unavailable, "the stream broke")) },
			calls: 1,
			end:   func(*world) { time.Sleep(2 * time.Second) },
		},
		{
			reason: "the watch is quiet, until it begins again",
			begin: func(w *world) {
				w.connect = func(m *providertest.Memory) providers.Client { return quiet{connection{m, w}, silent} }
			},
			doubt: func(*world) {
				silent.keep(true)
				time.Sleep(3*time.Minute + time.Second)
			},
			calls: 1,
			end: func(w *world) {
				time.Sleep(time.Minute)
				w.expectWatches(2)
				silent.keep(false)
				time.Sleep(time.Minute)
				if n, err := testutil.GatherAndCount(w.registry, "secretstore_watch_ends_total"); n != 1 || err != nil {
					w.t.Errorf("%d metrics of ended watches, %v, want one", n, err)
				}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			begin := func(w *world) {
				w.memory.Seed("k", value("v"))
				tt.begin(w)
			}
			following(t, begin, func(t *testing.T, w *world, a *audience) {
				a.expect(t, "")
				w.expectRead("at first", "k", "v", 0)
				tt.doubt(w)
				synctest.Wait()
				w.expectRead("in doubt", "k", "v", tt.calls)
				tt.end(w)
				synctest.Wait()
				w.expectRead("again", "k", "v", 0)
			})
		})
	}
}

// silence keeps signs of life back.
type silence struct {
	mu   sync.Mutex
	kept bool
}

func (s *silence) keep(kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = kept
}

// quiet is a client whose watch can be silenced.
type quiet struct {
	connection

	silence *silence
}

func (q quiet) Watch(ctx context.Context, position string, sink providers.Sink) error {
	return q.connection.Watch(ctx, position, silenced{sink, q.silence})
}

type silenced struct {
	providers.Sink

	silence *silence
}

func (s silenced) Reached(position string) {
	s.silence.mu.Lock()
	defer s.silence.mu.Unlock()
	if !s.silence.kept {
		s.Sink.Reached(position)
	}
}

func TestRightsThatAreTakenAway(t *testing.T) {
	following(t, func(w *world) { w.memory.Seed("k", value("v")) }, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		time.Sleep(5 * time.Minute)
		w.memory.Intercept(func(string, string) error { return fault.New(fault.Denied, "may not") })
		if _, err := w.pool.OpenStore(t.Context(), store()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, err := w.open().Get(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "k"})
		expectFault(t, err, fault.Denied, "may not")
	})
}

// selective is an audience that reads only what it is told to.
type selective struct {
	*audience

	reads func(key string) bool
}

func (s selective) Reads(_ context.Context, _ providers.Store, _, key string) bool {
	return s.reads(key)
}

func TestValuesThatNobodyReadsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		w.memory.Seed("foreign", value("large"))
		w.memory.Seed("own", value("v"))
		wanted := "own"
		readers := &selective{audience: &audience{}, reads: func(key string) bool { return key == wanted }}
		if err := w.pool.Follow(t.Context(), "app", esv1.SecretStoreRef{Name: "main"}, readers); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.expectRead("what somebody reads", "own", "v", 0)
		w.expectRead("what nobody reads", "foreign", "large", 1)
		w.expectRead("and then somebody has read", "foreign", "large", 0)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		w.expectRead("but nobody reads any more", "foreign", "large", 1)
		w.expectRead("what somebody still reads", "own", "v", 0)
		w.pool.Close(context.Background())
	})
}

func TestSearchesOfWatchedStores(t *testing.T) {
	find := esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: "^k"}}
	following(t, func(w *world) { w.memory.Seed("k1", value("1")) }, func(t *testing.T, w *world, _ *audience) {
		expect := func(keys, calls int) {
			t.Helper()
			found, err := w.open().Find(t.Context(), find)
			if n := w.memory.Calls(providertest.CallList); err != nil || len(found) != keys || n != calls {
				t.Errorf("found %d, %v with %d calls, want %d with %d", len(found), err, n, keys, calls)
			}
		}
		expect(1, 0)
		w.memory.Seed("k2", value("2"))
		w.memory.Seed("other", value("3"))
		synctest.Wait()
		expect(2, 0)
		_, err := w.open().Find(t.Context(), esv1.ExternalSecretFind{Path: new("p")})
		expectFault(t, err, fault.Invalid, "find must have a name or tags")
	})
}

func TestConcurrentReadsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		w.memory.Seed("k", value("v"))
		w.memory.Intercept(func(call, _ string) error {
			if call == providertest.CallGet {
				time.Sleep(time.Second)
			}
			return nil
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				got, err := w.open().Get(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "k"})
				if string(got) != "v" || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
			})
		}
		all.Wait()
		if calls := w.memory.Calls(providertest.CallGet); calls != 1 {
			t.Errorf("%d calls, want one", calls)
		}
		w.pool.Close(context.Background())
	})
}

func TestChangesSayWhoMadeThem(t *testing.T) {
	following(t, nil, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		write := providers.Write{Key: "k", Owner: "me", Fields: map[string][]byte{"f": []byte("v")}}
		if err := w.open().Push(t.Context(), write); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.memory.Seed("k", value("foreign"))
		w.memory.Remove("k")
		synctest.Wait()
		var by []string
		for _, change := range a.told {
			by = append(by, change.By)
		}
		if want := []string{"me", "", ""}; !slices.Equal(by, want) {
			t.Errorf("the changes are by %q, want %q", by, want)
		}
	})
}
