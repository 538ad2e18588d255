package stores

import (
	"context"
	"iter"
	"slices"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/providers"
)

// Change is a change of a secret in a store.
type Change struct {
	// Store is where it happened.
	Store providers.Store
	// Consumer is the namespace whose objects see the store like this; empty for all.
	Consumer string
	// Key of the secret; empty when a watch has begun, and every secret may have changed before.
	Key string
	// By is the owner of the write that led to it, where it was one of this process and is known to be; else empty.
	By string
	// Place is what a Session's Locate says of the key; empty when there is no key.
	Place string

	// lacks says what a store does not hold whose watch has begun.
	lacks func(key string) bool
	// states are the secret before and after, as far as there was one.
	states  []providers.Entry
	selects func(providers.Query) (func(providers.Entry) bool, error)
}

// Found reports whether a search yields the secret, before the change or after it. Where that cannot be told, it does.
func (c Change) Found(find esv1.ExternalSecretFind) bool {
	if c.selects == nil {
		return true
	}
	query, err := queryOf(find)
	if err != nil {
		return true
	}
	matches, err := c.selects(query)
	return err != nil || slices.ContainsFunc(c.states, matches)
}

// Lacks reports whether the store certainly holds nothing under key, when its watch begins.
func (c Change) Lacks(key string) bool { return c.lacks != nil && c.lacks(key) }

// teller is the sink of one watch: it keeps the mirror, and tells the readers what has changed.
type teller struct {
	ctx     context.Context //nolint:containedctx // a sink lives as long as one call of Watch
	pool    *Pool
	session *Session
	watch   *watch
	client  providers.Client
	// begins says that all was told where nothing was known before, and that nobody knows of it yet.
	begins bool
}

// Replace implements providers.Sink.
func (t *teller) Replace(entries iter.Seq2[providers.Entry, error]) error {
	all := map[string]held{}
	for entry, err := range entries {
		if err != nil {
			return err
		}
		all[entry.Key] = t.kept(entry)
	}
	before := t.watch.mirror.replace(all)
	if before == nil {
		t.begins = true
		return nil // Reached tells it
	}
	for key, entry := range all {
		if was, existed := before[key]; !existed || was.Secret.Version != entry.Secret.Version {
			t.changed(key, existed, was.Entry, entry.Entry)
		}
	}
	for key, was := range before {
		if _, exists := all[key]; !exists {
			t.changed(key, true, was.Entry)
		}
	}
	return nil
}

// Set implements providers.Sink.
func (t *teller) Set(entry providers.Entry) {
	was, existed := t.watch.mirror.set(t.kept(entry))
	t.changed(entry.Key, existed, was.Entry, entry)
}

// Remove implements providers.Sink.
func (t *teller) Remove(key string) {
	was, existed := t.watch.mirror.remove(key)
	t.changed(key, existed, was.Entry)
}

// Reached implements providers.Sink.
func (t *teller) Reached(position string) {
	t.watch.mirror.reach(position, t.pool.config.Clock.Now())
	if t.begins {
		t.begins = false
		t.watch.try()
		t.tell(Change{lacks: t.watch.mirror.lacks})
	}
}

// kept returns an entry as the mirror keeps it.
func (t *teller) kept(entry providers.Entry) held {
	if entry.Bare {
		return held{Entry: entry, never: true}
	}
	if !t.pool.wanted(t.ctx, t.session.key, t.watch, entry.Key) {
		return held{Entry: bare(entry)}
	}
	return held{Entry: entry}
}

// changed tells that a secret is another one now than it was, if it was.
func (t *teller) changed(key string, existed bool, was providers.Entry, now ...providers.Entry) {
	change := Change{Key: key, states: now}
	if len(now) > 0 {
		change.By = t.watch.mirror.writer(key, now[0].Secret.Version)
	}
	if existed {
		change.states = append(change.states, was)
	}
	if watcher, ok := t.client.(providers.Watcher); ok {
		change.selects = watcher.Select
	}
	if locator, ok := t.client.(providers.Locator); ok {
		// A key that cannot be located has no place.
		change.Place, _ = locator.Locate(key, nil)
	}
	t.tell(change)
}

func (t *teller) tell(change Change) {
	change.Store, change.Consumer = t.session.name, t.session.key.consumer
	for _, readers := range t.pool.readersOf(t.watch) {
		readers.Changed(t.ctx, change)
	}
}
