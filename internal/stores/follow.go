package stores

import (
	"context"
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

const (
	// unreadTime is how often a watch is asked whether anybody reads from its store.
	unreadTime = 10 * time.Minute
	// steadyTime is how long a watch must have lasted for its end to be no failure like those before.
	steadyTime = time.Minute
	// firstRewatch is the wait after the first failure of a watch; maxWait is the longest.
	firstRewatch = time.Second
)

// Readers are the objects that read from stores and want to know of changes there. Its methods are called from several
// goroutines.
type Readers interface {
	// Changed wakes those that read what has changed. It returns soon.
	Changed(ctx context.Context, change Change)
	// Any reports whether the store has any; with a consumer, in that namespace.
	Any(ctx context.Context, store providers.Store, consumer string) bool
}

// Change is a change of a secret in a store.
type Change struct {
	// Store is where it happened.
	Store providers.Store
	// Consumer is the namespace whose objects see the store like this; empty for all.
	Consumer string
	// Key of the secret; empty when any may have changed, because a watch has begun.
	Key string
	// Again says that it is not the first time that this watch has begun.
	Again bool
	// Place is what a Session's Locate says of the key; empty when there is no key.
	Place string
}

// watch is one watch of a store. The pool's mutex guards it.
type watch struct {
	cancel context.CancelFunc
	// readers are all that have asked for it.
	readers []Readers
	// asked says that somebody wanted it lately.
	asked bool
	// resting says that the store cannot be watched until it changes or is checked again.
	resting bool
	// begun says that it has watched before. The watch alone uses it.
	begun bool
}

// Follow sees to it that readers are told of changes in the store that ref names, as far as an object in namespace sees
// it, and that something may have changed, when the watch begins. It waits for nothing, and does nothing when the store
// is watched already, or is known not to let itself be watched; several readers share one watch. readers is compared by
// identity. Its errors are those of Open before a client is opened.
// The watch ends with the store's generation, with the pool, and when nobody reads from the store any more.
func (p *Pool) Follow(ctx context.Context, namespace string, ref esv1.SecretStoreRef, readers Readers, opts ...OpenOption) error {
	store, err := p.admitted(ctx, namespace, ref, opts)
	if err != nil {
		return err
	}
	s, err := p.prepare(store, namespace)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.watches[s.key]; w != nil || p.closed {
		if w != nil {
			w.asked = true
			if !slices.Contains(w.readers, readers) {
				w.readers = append(w.readers, readers)
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{cancel: cancel, asked: true, readers: []Readers{readers}}
	p.watches[s.key] = w
	p.open.Add(2)
	go p.follow(ctx, s, w)
	go p.endUnread(ctx, s.key, w)
	return nil
}

// readersOf returns who is told of what a watch notices.
func (p *Pool) readersOf(w *watch) []Readers {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(w.readers)
}

// follow watches until ctx ends or the store is found not to let itself be watched.
func (p *Pool) follow(ctx context.Context, s *Session, w *watch) {
	defer p.open.Done()
	defer w.cancel()
	fresh := wait.Backoff{Duration: firstRewatch, Factor: 2, Jitter: 0.2, Steps: math.MaxInt32, Cap: maxWait}
	backoff := fresh
	for ctx.Err() == nil {
		began := p.config.Clock.Now()
		err := p.watchOnce(ctx, s, w)
		if fault.Is(err, fault.Denied) || fault.Is(err, fault.Unsupported) {
			p.mu.Lock()
			w.resting = true
			p.mu.Unlock()
			return
		}
		if p.config.Clock.Since(began) >= steadyTime {
			backoff = fresh
		}
		select {
		case <-p.config.Clock.After(backoff.Step()):
		case <-ctx.Done():
		}
	}
}

// watchOnce watches until the watch fails or ctx ends. The client stays open meanwhile.
func (p *Pool) watchOnce(ctx context.Context, s *Session, w *watch) error {
	e, err := p.acquire(ctx, s)
	if err != nil {
		return notAbsent(classify(err))
	}
	defer p.release(ctx, e)
	watcher, ok := e.client.(providers.Watcher)
	if !ok {
		return s.unsupported("be watched")
	}
	locator, locates := e.client.(providers.Locator)
	err = classify(watcher.Watch(ctx, func(key string) {
		change := Change{Store: s.name, Consumer: s.key.consumer, Key: key}
		switch {
		case key == "":
			change.Again, w.begun = w.begun, true
		case locates:
			// A key that cannot be located has no place.
			change.Place, _ = locator.Locate(key, nil)
		}
		for _, readers := range p.readersOf(w) {
			readers.Changed(ctx, change)
		}
	}))
	p.judge(ctx, s.key, e, err)
	return err
}

// endUnread ends a watch when nobody reads from its store any more. Whoever asks for it meanwhile keeps it.
func (p *Pool) endUnread(ctx context.Context, k key, w *watch) {
	defer p.open.Done()
	for {
		select {
		case <-p.config.Clock.After(unreadTime):
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		w.asked = false
		p.mu.Unlock()
		if slices.ContainsFunc(p.readersOf(w), func(r Readers) bool { return r.Any(ctx, k.store, k.consumer) }) {
			continue
		}
		p.mu.Lock()
		p.endWatches(func(other key, one *watch) bool { return other == k && one == w && !w.asked })
		p.mu.Unlock()
	}
}

// endWatches ends the watches that match. The mutex is held.
func (p *Pool) endWatches(match func(key, *watch) bool) {
	for k, w := range p.watches {
		if match(k, w) {
			w.cancel()
			delete(p.watches, k)
		}
	}
}
