package stores

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/providers"
)

const (
	// tendTime is how often a watch is asked for a sign of life.
	tendTime = time.Minute
	// unreadLooks is how many of these looks are between two at whether anybody reads from its store, and what of it. It begins again
	// then too, with the credentials and the rights of that time: not every replica checks every store.
	unreadLooks = 10
	// restTime is how long a store is left alone that did not allow to be watched.
	restTime = 10 * time.Minute
	// steadyTime is how long a watch must have lasted for its end to be no failure like those before.
	steadyTime = time.Minute
	// firstRewatch is the wait after the first failure of a watch, lastRewatch the longest.
	firstRewatch = time.Second
	lastRewatch  = 30 * time.Second
)

// Readers are the objects that read from stores and want to know of changes there. Its methods are called from several
// goroutines.
type Readers interface {
	// Changed wakes those that read what has changed. It returns soon.
	Changed(ctx context.Context, change Change)
	// Any reports whether the store has any; with a consumer, in that namespace.
	Any(ctx context.Context, store providers.Store, consumer string) bool
	// Reads reports whether any of these may read the secret under key, so that its values are worth keeping.
	Reads(ctx context.Context, store providers.Store, consumer, key string) bool
}

// watch is one watch of a store. The pool's mutex guards what can change in it.
type watch struct {
	// mirror is what the store holds.
	mirror mirror
	cancel context.CancelFunc
	// tried is closed when the first try to watch has told all that there is, or has failed.
	tried   chan struct{}
	tryOnce sync.Once
	// restart ends what runs since it began, so that the watch begins again at once, from where it was; nil when it has never run.
	restart context.CancelFunc
	began   time.Time
	// readers are all that have asked for it.
	readers []Readers
	// asked says that somebody wanted it lately.
	asked bool
	// resting says that the store did not let itself be watched the last time.
	resting bool
}

// join adds readers, once. The pool's mutex is held.
func (w *watch) join(ctx context.Context, k key, readers Readers) {
	w.asked = true
	if slices.Contains(w.readers, readers) {
		return
	}
	w.readers = append(w.readers, readers)
	if begun := w.begun(k); begun != nil {
		go readers.Changed(context.WithoutCancel(ctx), *begun)
	}
}

// begun is what is told when the watch begins; nil when it has not yet.
func (w *watch) begun(k key) *Change {
	if w.mirror.reached() == "" {
		return nil
	}
	return &Change{Store: k.store, Consumer: k.consumer, lacks: w.mirror.lacks}
}

// try says that the first try to watch is over.
func (w *watch) try() { w.tryOnce.Do(func() { close(w.tried) }) }

// Follow sees to it that readers are told of changes in the store that ref names, as far as an object in namespace sees
// it, and that something may have changed, when the watch begins. It waits for nothing, and does nothing when the store
// is watched already, or is known not to let itself be watched; several readers share one watch. readers is compared by
// identity. Its errors are those of Open before a client is opened.
// While a store is watched, Sessions answer from what the watch has told. The first of them wait until it has.
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
	if p.closed {
		return nil
	}
	if w := p.watches[s.key]; w != nil {
		w.join(ctx, s.key, readers)
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{cancel: cancel, tried: make(chan struct{}), asked: true, readers: []Readers{readers}}
	p.watches[s.key] = w
	p.open.Add(2)
	go p.follow(ctx, s, w)
	go p.tend(ctx, s.key, w)
	return nil
}

// Retell tells readers what they are told when a watch begins, of each store that they have followed until now: there are new
// ones among them, and nobody has told these what changed before they came.
func (p *Pool) Retell(ctx context.Context, readers Readers) {
	var changes []Change
	p.mu.Lock()
	for k, w := range p.watches {
		if begun := w.begun(k); begun != nil && slices.Contains(w.readers, readers) {
			changes = append(changes, *begun)
		}
	}
	p.mu.Unlock()
	for _, change := range changes {
		readers.Changed(ctx, change)
	}
}

// watching returns the watch of a store when its first try is over; nil when the store is not watched, or ctx ends first.
func (p *Pool) watching(ctx context.Context, k key) *watch {
	p.mu.Lock()
	w := p.watches[k]
	p.mu.Unlock()
	if w == nil {
		return nil
	}
	select {
	case <-w.tried:
		return w
	case <-ctx.Done():
		return nil
	}
}

// expect says that a secret got a version by a write of the given owner, of which the watch will tell.
func (p *Pool) expect(k key, key, version, owner string) {
	p.mu.Lock()
	w := p.watches[k]
	p.mu.Unlock()
	if w != nil {
		w.mirror.expect(key, version, owner, p.config.Clock.Now())
	}
}

// readersOf returns who is told of what a watch notices.
func (p *Pool) readersOf(w *watch) []Readers {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(w.readers)
}

// wanted reports whether anybody may read the secret under key.
func (p *Pool) wanted(ctx context.Context, k key, w *watch, key string) bool {
	return slices.ContainsFunc(p.readersOf(w), func(r Readers) bool { return r.Reads(ctx, k.store, k.consumer, key) })
}

// follow watches until ctx ends or the store is found not to let itself be watched.
func (p *Pool) follow(ctx context.Context, s *Session, w *watch) {
	defer p.open.Done()
	defer w.cancel()
	defer w.try()
	fresh := wait.Backoff{Duration: firstRewatch, Factor: 2, Jitter: 0.2, Steps: math.MaxInt32, Cap: lastRewatch}
	backoff := fresh
	for ctx.Err() == nil {
		began := p.config.Clock.Now()
		err := p.watchOnce(ctx, s, w)
		if err == nil {
			continue // it was to begin again, or to end
		}
		w.mirror.doubt()
		w.try()
		if fault.Is(err, fault.Unsupported) {
			p.rest(s.key, w)
			return
		}
		if fault.Is(err, fault.Denied) {
			p.rest(s.key, w)
			select {
			case <-p.config.Clock.After(restTime):
			case <-ctx.Done():
			}
			continue
		}
		p.watched(s.key, metrics.WatchFailed)
		if p.config.Clock.Since(began) >= steadyTime {
			backoff = fresh
		}
		select {
		case <-p.config.Clock.After(backoff.Step()):
		case <-ctx.Done():
		}
	}
}

// rest leaves a store alone that cannot be watched: it is read each time.
func (p *Pool) rest(k key, w *watch) {
	p.mu.Lock()
	w.resting = true
	p.mu.Unlock()
	w.mirror.clear()
	p.watched(k, metrics.WatchRefused)
}

// watched counts what becomes of a watch.
func (p *Pool) watched(k key, event metrics.WatchEvent) {
	if p.config.Metrics != nil {
		p.config.Metrics.Watched(metrics.KindOfStore(k.store.Kind), k.store.Namespace, k.store.Name, event)
	}
}

// watchOnce watches until the watch fails, is to begin again, or ctx ends. The client stays open meanwhile.
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	w.restart, w.began, w.resting = cancel, p.config.Clock.Now(), false
	p.mu.Unlock()
	err = classify(watcher.Watch(ctx, w.mirror.reached(), &teller{ctx: ctx, pool: p, session: s, watch: w, client: e.client}))
	if ctx.Err() != nil {
		return nil // it was to end
	}
	if err == nil {
		err = fault.New(fault.Unavailable, "the watch has ended by itself")
	}
	p.judge(ctx, s.key, e, err)
	return err
}

// tend sees to it that a watch lives, and ends it when nobody reads from its store any more. Whoever asks for it meanwhile
// keeps it.
func (p *Pool) tend(ctx context.Context, k key, w *watch) {
	defer p.open.Done()
	for looks := 1; ; looks++ {
		select {
		case <-p.config.Clock.After(tendTime):
		case <-ctx.Done():
			return
		}
		if w.mirror.quiet(p.config.Clock.Now()) {
			p.watched(k, metrics.WatchQuiet)
			p.restart(w)
		}
		if looks%unreadLooks == 0 {
			p.endUnread(ctx, k, w)
			p.refresh(ctx, k, w)
		}
	}
}

// refresh lets a watch begin again with a new client.
func (p *Pool) refresh(ctx context.Context, k key, w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[k]; e != nil {
		p.evict(ctx, k, e)
	}
	p.renewWatch(w)
}

// restart lets a watch begin again, from where it was.
func (p *Pool) restart(w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.restart != nil {
		w.restart()
	}
}

// endUnread ends a watch that nobody wants, or drops the values that nobody does.
func (p *Pool) endUnread(ctx context.Context, k key, w *watch) {
	p.mu.Lock()
	w.asked = false
	p.mu.Unlock()
	if slices.ContainsFunc(p.readersOf(w), func(r Readers) bool { return r.Any(ctx, k.store, k.consumer) }) {
		w.mirror.strip(func(key string) bool { return p.wanted(ctx, k, w, key) })
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endWatches(func(other key, one *watch) bool { return other == k && one == w && !w.asked })
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
