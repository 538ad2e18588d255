package stores_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
)

// late is a client whose watch is behind the store while behind is set: it tells of no change, and still gives signs of life.
type late struct {
	connection

	behind *atomic.Bool
}

func (l late) Watch(ctx context.Context, position string, sink providers.Sink) error {
	return l.connection.Watch(ctx, position, lateSink{sink, l.behind})
}

type lateSink struct {
	providers.Sink

	behind *atomic.Bool
}

func (s lateSink) Set(entry providers.Entry) {
	if !s.behind.Load() {
		s.Sink.Set(entry)
	}
}

// A watch is some milliseconds behind; what a secret seems to lack may be there.
func TestAbsenceIsForTheStoreToSay(t *testing.T) {
	behind := &atomic.Bool{}
	begin := func(w *world) {
		w.connect = func(m *providertest.Memory) providers.Client { return late{connection{m, w}, behind} }
		w.memory.Seed("k", providers.Secret{Fields: map[string][]byte{"old": []byte("1")}})
	}
	following(t, begin, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		behind.Store(true)
		w.memory.Seed("k", providers.Secret{Fields: map[string][]byte{"new": []byte("2")}})
		w.memory.Seed("tagged", providers.Secret{Value: []byte("v"), Labels: map[string]string{"team": "red"}})
		synctest.Wait()
		got, err := w.open().Get(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "k", Property: "new"})
		if string(got) != "2" || err != nil {
			t.Errorf("a property that the store has: %q, %v", got, err)
		}
		found, err := w.open().Find(t.Context(), esv1.ExternalSecretFind{Tags: map[string]string{"team": "red"}})
		if len(found) != 1 || err != nil {
			t.Errorf("a search that the store answers with one secret: %d, %v", len(found), err)
		}
	})
}

// A search that comes later than the watch is answered by the mirror in the end.
func TestLateSearchFillsTheMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, store())
		for _, key := range []string{"k1", "k2", "k3"} {
			w.memory.Seed(key, value("v"))
		}
		searching := &atomic.Bool{}
		readers := &selective{audience: &audience{}, reads: func(key string) bool { return key == "k1" || searching.Load() }}
		if err := w.pool.Follow(t.Context(), "app", esv1.SecretStoreRef{Name: "main"}, readers); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		searching.Store(true)
		for range 10 {
			if _, err := w.open().Find(t.Context(), esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: "^k"}}); err != nil {
				t.Fatal(err)
			}
		}
		if calls := w.memory.Calls(providertest.CallList); calls > 1 {
			t.Errorf("%d lists for 10 searches, want one", calls)
		}
		w.pool.Close(context.Background())
	})
}

// A replica that does not hold the shard of a ClusterSecretStore never calls OpenStore for it.
func TestRefusedWatchWithoutChecks(t *testing.T) {
	following(t, nil, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		// As when the token that the client was opened with has ended, and the API server ends the stream.
		w.memory.Fail(providertest.CallWatch, fault.New(fault.Denied, "expired"))
		w.pool.Forget(t.Context(), providers.Store{Kind: namespaced, Namespace: "app", Name: "main"})
		w.follow(a)
		synctest.Wait()
		w.memory.Fail(providertest.CallWatch, nil)
		before := w.memory.Calls(providertest.CallWatch)
		for range 24 {
			time.Sleep(time.Hour)
			w.follow(a)
		}
		if w.memory.Calls(providertest.CallWatch) == before {
			t.Error("not watched again within a day")
		}
	})
}

// A right that is taken away and given back: what the watch had reached before is no place to go on from, since nothing is kept of it.
func TestRightsThatComeBack(t *testing.T) {
	following(t, func(w *world) { w.memory.Seed("k", value("first")) }, func(t *testing.T, w *world, a *audience) {
		a.expect(t, "")
		time.Sleep(5 * time.Minute)
		w.memory.Fail(providertest.CallWatch, fault.New(fault.Denied, "may not watch"))
		if _, err := w.pool.OpenStore(t.Context(), store()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.memory.Fail(providertest.CallWatch, nil)
		time.Sleep(11 * time.Minute)
		a.expect(t, "")
		w.memory.Seed("k", value("second"))
		a.expect(t, "k")
		w.expectRead("the watch tells again", "k", "second", 0)
		time.Sleep(5 * time.Minute)
		if _, err := w.pool.OpenStore(t.Context(), store()); err != nil {
			t.Fatal(err)
		}
		w.memory.Seed("k", value("third"))
		a.expect(t, "k")
	})
}
