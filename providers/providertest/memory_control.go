package providertest

import (
	"context"
	"maps"
	"slices"
	"sync"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/providers"
)

// Seed makes the secret under key exactly s, owned by Foreigner, as if somebody had written it without Sluice.
func (m *Memory) Seed(key string, s providers.Secret) {
	_ = m.change(key, func(r *record) (bool, error) {
		*r = record{fields: map[string]field{}, labels: maps.Clone(s.Labels), annotations: maps.Clone(s.Annotations)}
		for name, value := range s.Fields {
			r.fields[name] = field{value: slices.Clone(value), owners: []string{Foreigner}}
		}
		if s.Value != nil {
			r.fields[whole] = field{value: slices.Clone(s.Value), owners: []string{Foreigner}}
		}
		return true, nil
	})
}

// Remove takes the secret under key away, whoever owns it.
func (m *Memory) Remove(key string) {
	_ = m.change(key, func(r *record) (bool, error) {
		*r = record{ours: true}
		return true, nil
	})
}

// Peek returns the secret under key and whether there is one. It is not counted as a call.
func (m *Memory) Peek(key string) (providers.Secret, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, exists := m.records[key]
	if !exists {
		return providers.Secret{}, false
	}
	return r.secret(), true
}

// Owners returns who wrote a field of the secret under key, in the order of their writes. The name of a whole value is empty.
func (m *Memory) Owners(key, name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, exists := m.records[key]; exists {
		return slices.Clone(r.fields[name].owners)
	}
	return nil
}

// Intercept makes f run before every call, with the call's name (CallGet and so on) and the key it is about; the call
// fails with the error that f returns. Nil ends that. f must be safe for concurrent use, and may call the Memory's
// other methods.
func (m *Memory) Intercept(f func(call, key string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intercept = f
}

// Fail makes every call of the given name fail with err, in place of an earlier Intercept. Nil ends that.
func (m *Memory) Fail(call string, err error) {
	m.Intercept(func(name, _ string) error {
		if name == call {
			return err
		}
		return nil
	})
}

// Calls returns how often the call of the given name was made, failed ones included.
func (m *Memory) Calls(call string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[call]
}

// Writes returns how many calls changed something, Seed and Remove included.
func (m *Memory) Writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// Memories are the stores of a provider that keeps everything in memory, one Memory for each store. It is safe for
// concurrent use. The zero value is ready.
type Memories struct {
	mu     sync.Mutex
	stores map[providers.Store]*Memory
}

// Store returns the Memory of one store, the same at every call.
func (m *Memories) Store(store providers.Store) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stores == nil {
		m.stores = map[providers.Store]*Memory{}
	}
	if m.stores[store] == nil {
		m.stores[store] = NewMemory()
	}
	return m.stores[store]
}

// Provider returns a provider that takes the place of the fake one: it is chosen by spec.provider.fake and opens the
// Memory of the store, whatever that spec says.
func (m *Memories) Provider() providers.Provider {
	return providers.Define("fake", func(p *esv1.SecretStoreProvider) *esv1.FakeProvider { return p.Fake },
		func(_ context.Context, _ *esv1.FakeProvider, env providers.Env) (providers.Client, error) {
			return m.Store(env.Store), nil
		}, providers.Capabilities[esv1.FakeProvider](esv1.CapabilityReadWrite))
}
