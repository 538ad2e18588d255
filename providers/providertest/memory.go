package providertest

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// Foreigner is the owner of what Seed puts into a Memory.
const Foreigner = "foreigner"

// The names of the calls that Intercept and Calls know.
const (
	CallGet    = "Get"
	CallList   = "List"
	CallPut    = "Put"
	CallDelete = "Delete"
	CallCheck  = "Check"
	CallWatch  = "Watch"
)

// Memory is a store in memory that behaves as the contract asks, with every ability. It is its own client: all who open
// it share it, and Close does nothing. It is safe for concurrent use. Make one with NewMemory.
type Memory struct {
	mu        sync.Mutex
	records   map[string]*record
	version   int
	writes    int
	calls     map[string]int
	intercept func(call, key string) error
	watchers  map[int]func(key string)
	nextWatch int
}

var (
	_ providers.Locator = (*Memory)(nil)
	_ providers.Reader  = (*Memory)(nil)
	_ providers.Lister  = (*Memory)(nil)
	_ providers.Writer  = (*Memory)(nil)
	_ providers.Checker = (*Memory)(nil)
	_ providers.Watcher = (*Memory)(nil)
)

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{records: map[string]*record{}, calls: map[string]int{}, watchers: map[int]func(string){}}
}

// Close implements providers.Client; the secrets stay.
func (m *Memory) Close(context.Context) error { return nil }

// Get implements providers.Reader. Versions are not kept: Ref.Version is ignored.
func (m *Memory) Get(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	if err := m.enter(ctx, CallGet, ref.Key); err != nil {
		return providers.Secret{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, exists := m.records[ref.Key]
	if !exists {
		return providers.Secret{}, fault.New(fault.NotFound, "secret %q does not exist", ref.Key)
	}
	return r.secret(), nil
}

// Locate implements providers.Locator; options change nothing.
func (*Memory) Locate(key string, _ json.RawMessage) (string, error) { return key, nil }

// GetAt implements providers.Locator; options change nothing.
func (m *Memory) GetAt(ctx context.Context, ref providers.Ref, _ json.RawMessage) (providers.Secret, error) {
	return m.Get(ctx, ref)
}

// List implements providers.Lister, in the order of the keys. Tags are labels, and win over a name.
func (m *Memory) List(ctx context.Context, query providers.Query) iter.Seq2[providers.Entry, error] {
	return func(yield func(providers.Entry, error) bool) {
		if err := m.enter(ctx, CallList, ""); err != nil {
			yield(providers.Entry{}, err)
			return
		}
		if query.Tags == nil && query.Name == nil {
			yield(providers.Entry{}, fault.New(fault.Invalid, "find must have a name or tags"))
			return
		}
		for _, entry := range m.matches(query) {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

func (m *Memory) matches(query providers.Query) (found []providers.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if r := m.records[key]; r.matches(key, query) {
			found = append(found, providers.Entry{Key: key, Secret: r.secret()})
		}
	}
	return found
}

// Put implements providers.Writer.
func (m *Memory) Put(ctx context.Context, w providers.Write) error {
	if err := m.enter(ctx, CallPut, w.Key); err != nil {
		return err
	}
	return m.change(w.Key, func(r *record) (bool, error) { return r.put(w) })
}

// Delete implements providers.Writer.
func (m *Memory) Delete(ctx context.Context, removal providers.Removal) error {
	if err := m.enter(ctx, CallDelete, removal.Key); err != nil {
		return err
	}
	return m.change(removal.Key, func(r *record) (bool, error) { return r.remove(removal), nil })
}

// Check implements providers.Checker.
func (m *Memory) Check(ctx context.Context) (limits string, err error) {
	return "", m.enter(ctx, CallCheck, "")
}

// Watch implements providers.Watcher. Seed and Remove are noticed too.
func (m *Memory) Watch(ctx context.Context, changed func(key string)) error {
	if err := m.enter(ctx, CallWatch, ""); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	m.mu.Lock()
	id := m.nextWatch
	m.nextWatch++
	m.watchers[id] = changed
	m.mu.Unlock()
	changed("")
	<-ctx.Done()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watchers, id)
	return nil
}

// enter counts a call and lets it fail.
func (m *Memory) enter(ctx context.Context, call, key string) error {
	m.mu.Lock()
	m.calls[call]++
	intercept := m.intercept
	m.mu.Unlock()
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the call was cancelled")
	}
	if intercept != nil {
		return intercept(call, key)
	}
	return nil
}

// change lets edit work on one record, which is created for it and dropped when edit leaves it empty. Watchers are
// called without the lock.
func (m *Memory) change(key string, edit func(*record) (changed bool, err error)) error {
	m.mu.Lock()
	r, exists := m.records[key]
	if !exists {
		r = &record{ours: true, fields: map[string]field{}}
	}
	changed, err := edit(r)
	if err != nil || !changed {
		m.mu.Unlock()
		return err
	}
	m.version++
	m.writes++
	r.version = m.version
	m.records[key] = r
	if r.ours && len(r.fields) == 0 {
		delete(m.records, key)
	}
	watchers := slices.Collect(maps.Values(m.watchers))
	m.mu.Unlock()
	for _, notify := range watchers {
		notify(key)
	}
	return nil
}
