package stores

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// key names a client. Two Sessions share one only if everything that it was opened with is the same.
type key struct {
	store      providers.Store
	uid        types.UID
	generation int64
	// consumer is the namespace that the credentials come from, where the store leaves that to the object that uses it.
	consumer string
}

func (k key) String() string {
	return fmt.Sprintf("%v/%s/%d/%s", k.store, k.uid, k.generation, k.consumer)
}

// entry is an open client. The pool's mutex guards all of it but the client.
type entry struct {
	client       providers.Client
	opened, used time.Time
	calls        int
	evicted      bool
}

// acquire returns the session's client, opening it when needed, and holds it open until release.
func (p *Pool) acquire(ctx context.Context, s *Session) (*entry, error) {
	for {
		if e, err := p.take(s.key); e != nil || err != nil {
			return e, err
		}
		// Opening goes on when the first of several who wait for it gives up.
		opened := p.flight.DoChan(s.key.String(), func() (any, error) { return nil, p.openEntry(ctx, s) })
		select {
		case result := <-opened:
			if result.Err != nil {
				return nil, result.Err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *Pool) take(k key) (*entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fault.New(fault.Unavailable, "the operator is shutting down")
	}
	e := p.entries[k]
	if e != nil {
		e.calls++
		e.used = p.config.Clock.Now()
	}
	return e, nil
}

func (p *Pool) release(ctx context.Context, e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.calls--
	e.used = p.config.Clock.Now()
	if e.evicted && e.calls == 0 {
		p.closeEntry(ctx, e)
	}
}

// openEntry opens the client of s and puts it into the pool, unless it is there already or the pool is closed.
func (p *Pool) openEntry(ctx context.Context, s *Session) error {
	p.mu.Lock()
	if p.closed || p.entries[s.key] != nil {
		p.mu.Unlock()
		return nil
	}
	p.open.Add(1)
	p.mu.Unlock()
	c, err := p.openClient(ctx, s)
	if err != nil {
		p.open.Done()
		return err
	}
	now := p.config.Clock.Now()
	e := &entry{client: c, opened: now, used: now}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.closeEntry(ctx, e)
		return nil
	}
	p.sweep(ctx, s.key, now)
	p.entries[s.key] = e
	return nil
}

// sweep evicts idle clients, and clients and watches of older generations of the store that is being opened. The mutex is
// held.
func (p *Pool) sweep(ctx context.Context, opened key, now time.Time) {
	outdated := func(k key) bool {
		return k.store == opened.store && (k.uid != opened.uid || k.generation < opened.generation)
	}
	p.endWatches(func(k key, _ *watch) bool { return outdated(k) })
	for k, e := range p.entries {
		if outdated(k) || (e.calls == 0 && now.Sub(e.used) > idleTime) {
			p.evict(ctx, k, e)
		}
	}
}

// Forget evicts all clients of one store and ends its watches.
func (p *Pool) Forget(ctx context.Context, store providers.Store) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endWatches(func(k key, _ *watch) bool { return k.store == store })
	p.evictAll(ctx, store)
}

// renew evicts all clients of one store and lets its watches begin again with new ones, from where they were: with the
// credentials and the rights of now. One that has just begun has these.
func (p *Pool) renew(ctx context.Context, store providers.Store) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endWatches(func(k key, w *watch) bool { return k.store == store && w.resting })
	p.evictAll(ctx, store)
	for k, w := range p.watches {
		if k.store == store {
			p.renewWatch(w)
		}
	}
}

// renewWatch lets a watch begin again, from where it was. One that has just begun, and one that has not given a sign of life since,
// goes on: else it might never give one. The mutex is held.
func (p *Pool) renewWatch(w *watch) {
	if w.restart != nil && p.config.Clock.Since(w.began) >= steadyTime && w.mirror.lives(w.began) {
		w.restart()
	}
}

// evictAll evicts all clients of one store. The mutex is held.
func (p *Pool) evictAll(ctx context.Context, store providers.Store) {
	for k, e := range p.entries {
		if k.store == store {
			p.evict(ctx, k, e)
		}
	}
}

// judge evicts the client of a call that ended with err, where opening it anew may help: when credentials were refused,
// which may have been renewed, and when an older client finds its store unavailable.
func (p *Pool) judge(ctx context.Context, k key, e *entry, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	aged := p.config.Clock.Since(e.opened) >= reopenTime
	doubtful := fault.Is(err, fault.Denied) || fault.Is(err, fault.Unavailable) && aged
	if doubtful && p.entries[k] == e {
		p.evict(ctx, k, e)
	}
}

// evict takes an entry out of the pool and closes its client as soon as no call uses it. The mutex is held.
func (p *Pool) evict(ctx context.Context, k key, e *entry) {
	delete(p.entries, k)
	e.evicted = true
	if e.calls == 0 {
		p.closeEntry(ctx, e)
	}
}

// closeEntry closes a client that nobody can reach any more, in the background: closing may take a call over the network.
func (p *Pool) closeEntry(ctx context.Context, e *entry) {
	go func() {
		defer p.open.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		defer cancel()
		// There is nobody left whom a failure would concern.
		_ = e.client.Close(ctx)
	}()
}
