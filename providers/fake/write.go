package fake

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// Put implements providers.Writer. Labels, annotations and options are not kept.
func (c *client) Put(ctx context.Context, w providers.Write) error {
	if err := cancelled(ctx); err != nil {
		return err
	}
	if c.listed(w.Key) {
		return fault.New(fault.Conflict, "key %q belongs to the store's own spec.provider.fake.data: push to another key", w.Key)
	}
	return c.pushed.put(w)
}

// Delete implements providers.Writer. A value of the spec stays.
func (c *client) Delete(ctx context.Context, r providers.Removal) error {
	if err := cancelled(ctx); err != nil {
		return err
	}
	c.pushed.remove(r)
	return nil
}

func (c *client) listed(key string) bool {
	return slices.ContainsFunc(c.spec.Data, func(entry esv1.FakeProviderData) bool { return entry.Key == key })
}

// memory is what was pushed to one store.
type memory struct {
	mu      sync.Mutex
	secrets map[string]secret
}

// secret is what was pushed under one key, by field. The empty name stands for the value as a whole.
type secret map[string]field

type field struct {
	value  []byte
	owners []string
}

func (m *memory) get(key string) (providers.Secret, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, exists := m.secrets[key]
	return s.export(), exists
}

func (m *memory) all() map[string]providers.Secret {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]providers.Secret, len(m.secrets))
	for key, s := range m.secrets {
		all[key] = s.export()
	}
	return all
}

func (m *memory) put(w providers.Write) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := maps.Clone(m.secrets[w.Key])
	if s == nil {
		s = secret{}
	}
	current := make(map[string][]byte, len(s))
	for name, f := range s {
		current[name] = f.value
	}
	if err := w.Unchanged(fmt.Sprintf("key %q", w.Key), current); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if other, taken := s.takenBy(name, w); taken {
			return w.Refusal(fmt.Sprintf("field %q of key %q", name, w.Key), other)
		}
		if _, wanted := w.Fields[name]; !wanted && (w.Prune || w.Clears()) {
			s.leave(name, w.Owner, w.Clears())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Fields)) {
		s.join(name, w.Fields[name], w.Owner)
	}
	m.keep(w.Key, s)
	return nil
}

func (m *memory) remove(r providers.Removal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.secrets[r.Key]
	for name := range s {
		if r.Removes(name) {
			s.leave(name, r.Owner, false)
		}
	}
	m.keep(r.Key, s)
}

// keep stores a secret, or drops it when it has no field.
func (m *memory) keep(key string, s secret) {
	if m.secrets[key] = s; len(s) == 0 {
		delete(m.secrets, key)
	}
}

// export returns a copy in the contract's terms.
func (s secret) export() providers.Secret {
	if f, exists := s[""]; exists {
		return providers.Secret{Value: slices.Clone(f.value)}
	}
	fields := make(map[string][]byte, len(s))
	for name, f := range s {
		fields[name] = slices.Clone(f.value)
	}
	return providers.Secret{Fields: fields}
}

// takenBy returns another owner of a field that w would change or remove without being allowed to.
func (s secret) takenBy(name string, w providers.Write) (owner string, taken bool) {
	value, wanted := w.Fields[name]
	for _, other := range except(s[name].owners, w.Owner) {
		if wanted && !bytes.Equal(s[name].value, value) && !w.TakesFrom(other, name) {
			return other, true
		}
		if !wanted && w.Clears() && !w.ClearsFrom(other) {
			return other, true
		}
	}
	return "", false
}

// join makes owner an owner of a field, the only one when the value is new.
func (s secret) join(name string, value []byte, owner string) {
	f, exists := s[name]
	if !exists || !bytes.Equal(f.value, value) {
		f = field{value: append([]byte{}, value...)}
	}
	s[name] = field{value: f.value, owners: append(except(f.owners, owner), owner)}
}

// leave takes owner out of a field, and the field away with its last owner, or at once by force.
func (s secret) leave(name, owner string, force bool) {
	f := s[name]
	remaining := except(f.owners, owner)
	if force || len(remaining) == 0 {
		delete(s, name)
		return
	}
	s[name] = field{value: f.value, owners: remaining}
}

func except(owners []string, owner string) []string {
	return slices.DeleteFunc(slices.Clone(owners), func(o string) bool { return o == owner })
}
