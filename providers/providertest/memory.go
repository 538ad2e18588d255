package providertest

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/utils/clock"

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
	watchers  map[chan string]bool
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
	return &Memory{records: map[string]*record{}, calls: map[string]int{}, watchers: map[chan string]bool{}}
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
		matches, err := m.Select(query)
		if err != nil {
			yield(providers.Entry{}, err)
			return
		}
		for _, entry := range m.matches(matches) {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

func (m *Memory) matches(match func(providers.Entry) bool) (found []providers.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if entry := (providers.Entry{Key: key, Secret: m.records[key].secret()}); match(entry) {
			found = append(found, entry)
		}
	}
	return found
}

// Put implements providers.Writer.
func (m *Memory) Put(ctx context.Context, w providers.Write) error {
	if err := m.enter(ctx, CallPut, w.Key); err != nil {
		return err
	}
	return m.change(w.Key, func(r *record) (bool, error) {
		changed, err := r.put(w)
		if changed && err == nil {
			w.Wrote(strconv.Itoa(m.version + 1))
		}
		return changed, err
	})
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

// mostChanges is how many changes a watch may be behind.
const mostChanges = 10_000

// Watch implements providers.Watcher. Seed and Remove are noticed too. What happened before is not kept: where a position is
// not that of now, everything is told.
func (m *Memory) Watch(ctx context.Context, position string, sink providers.Sink) error {
	if err := m.enter(ctx, CallWatch, ""); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	changed := make(chan string, mostChanges)
	m.mu.Lock()
	m.watchers[changed] = true
	now := m.position()
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.watchers, changed)
		m.mu.Unlock()
	}()
	if position != now {
		if err := sink.Replace(m.all); err != nil {
			return err
		}
	}
	sink.Reached(now)
	for {
		select {
		case key := <-changed:
			if secret, exists := m.Peek(key); exists {
				sink.Set(providers.Entry{Key: key, Secret: secret})
			} else {
				sink.Remove(key)
			}
			m.mu.Lock()
			now = m.position()
			m.mu.Unlock()
			sink.Reached(now)
		case <-clock.RealClock{}.After(time.Minute):
			sink.Reached(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// position names the state of all secrets together. The mutex is held.
func (m *Memory) position() string { return strconv.Itoa(m.version) }

func (m *Memory) all(yield func(providers.Entry, error) bool) {
	for _, entry := range m.matches(func(providers.Entry) bool { return true }) {
		if !yield(entry, nil) {
			return
		}
	}
}

// Select implements providers.Watcher.
func (*Memory) Select(query providers.Query) (func(providers.Entry) bool, error) {
	switch {
	case query.Tags != nil:
		return func(e providers.Entry) bool {
			for name, value := range query.Tags {
				if label, exists := e.Secret.Labels[name]; !exists || label != value {
					return false
				}
			}
			return true
		}, nil
	case query.Name != nil:
		return func(e providers.Entry) bool { return query.Name.MatchString(e.Key) }, nil
	default:
		return nil, fault.New(fault.Invalid, "find must have a name or tags")
	}
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

// change lets edit work on one record, which is created for it and dropped when edit leaves it empty.
func (m *Memory) change(key string, edit func(*record) (changed bool, err error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, exists := m.records[key]
	if !exists {
		r = &record{ours: true, fields: map[string]field{}}
	}
	changed, err := edit(r)
	if err != nil || !changed {
		return err
	}
	m.version++
	m.writes++
	r.version = m.version
	m.records[key] = r
	if r.ours && len(r.fields) == 0 {
		delete(m.records, key)
	}
	for changed := range m.watchers {
		changed <- key
	}
	return nil
}
