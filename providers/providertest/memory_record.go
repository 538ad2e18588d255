package providertest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sluice-operator/sluice/providers"
)

// whole is the name of a field that stands for the value as a whole.
const whole = ""

// record is one secret in a Memory.
type record struct {
	fields              map[string]field
	labels, annotations map[string]string
	version             int
	// ours says that a write created the record, so that it goes with its last field.
	ours bool
}

type field struct {
	value  []byte
	owners []string
}

// secret returns a copy.
func (r *record) secret() providers.Secret {
	s := providers.Secret{Labels: maps.Clone(r.labels), Annotations: maps.Clone(r.annotations), Version: strconv.Itoa(r.version)}
	if f, exists := r.fields[whole]; exists {
		s.Value = slices.Clone(f.value)
		return s
	}
	s.Fields = make(map[string][]byte, len(r.fields))
	for name, f := range r.fields {
		s.Fields[name] = slices.Clone(f.value)
	}
	return s
}

// put checks everything before it changes anything.
func (r *record) put(w providers.Write) (changed bool, err error) {
	if err := r.check(w); err != nil {
		return false, err
	}
	for name := range r.fields {
		if _, wanted := w.Fields[name]; !wanted && (w.Prune || w.Clears()) {
			changed = r.drop(name, w.Owner, w.Clears()) || changed
		}
	}
	for name, value := range w.Fields {
		changed = r.set(name, value, w.Owner) || changed
	}
	return r.describe(w) || changed, nil
}

// check returns an error when w is not to be carried out.
func (r *record) check(w providers.Write) error {
	current := make(map[string][]byte, len(r.fields))
	for name, f := range r.fields {
		current[name] = f.value
	}
	if err := w.Unchanged(fmt.Sprintf("secret %q", w.Key), current); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if others := r.protectors(name, w); len(others) > 0 {
			return w.Refusal(fmt.Sprintf("field %q of secret %q", name, w.Key), others[0])
		}
	}
	return nil
}

// protectors returns the owners of a field that w would change or remove without being allowed to.
func (r *record) protectors(name string, w providers.Write) []string {
	f := r.fields[name]
	value, wanted := w.Fields[name]
	return slices.DeleteFunc(without(f.owners, w.Owner), func(other string) bool {
		if wanted {
			return bytes.Equal(f.value, value) || w.TakesFrom(other, name)
		}
		return !w.Clears() || w.ClearsFrom(other)
	})
}

func (r *record) set(name string, value []byte, owner string) (changed bool) {
	f, exists := r.fields[name]
	switch {
	case !exists || !bytes.Equal(f.value, value):
		r.fields[name] = field{value: slices.Clone(value), owners: []string{owner}}
	case !slices.Contains(f.owners, owner):
		r.fields[name] = field{value: f.value, owners: append(slices.Clone(f.owners), owner)}
	default:
		return false
	}
	return true
}

// drop takes the owner's part in a field away, and the field when nobody is left; force takes it from everybody.
func (r *record) drop(name, owner string, force bool) (changed bool) {
	f, exists := r.fields[name]
	if !exists || (!force && !slices.Contains(f.owners, owner)) {
		return false
	}
	f.owners = without(f.owners, owner)
	if r.fields[name] = f; force || len(f.owners) == 0 {
		delete(r.fields, name)
	}
	return true
}

func (r *record) describe(w providers.Write) (changed bool) {
	labels, annotations := maps.Clone(r.labels), maps.Clone(r.annotations)
	for _, pair := range []struct{ to, from *map[string]string }{{&r.labels, &w.Labels}, {&r.annotations, &w.Annotations}} {
		if *pair.to == nil && len(*pair.from) > 0 {
			*pair.to = map[string]string{}
		}
		maps.Copy(*pair.to, *pair.from)
	}
	return !maps.Equal(labels, r.labels) || !maps.Equal(annotations, r.annotations)
}

func (r *record) remove(removal providers.Removal) (changed bool) {
	for name := range r.fields {
		if removal.Removes(name) {
			changed = r.drop(name, removal.Owner, false) || changed
		}
	}
	return changed
}

func without(owners []string, owner string) []string {
	return slices.DeleteFunc(slices.Clone(owners), func(o string) bool { return o == owner })
}
