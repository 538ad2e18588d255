package generators

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
)

// Registry is the set of generators that a build contains. It does not change after NewRegistry and is safe for concurrent use.
type Registry struct {
	byKind map[string]Generator
}

// NewRegistry returns a registry of the given generators. Two of the same kind are an error.
func NewRegistry(all ...Generator) (*Registry, error) {
	r := &Registry{byKind: make(map[string]Generator, len(all))}
	for _, g := range all {
		if _, exists := r.byKind[g.kind]; exists {
			return nil, fmt.Errorf("generator %q is defined twice", g.kind)
		}
		r.byKind[g.kind] = g
	}
	return r, nil
}

// Kinds returns the kinds of all generators, sorted.
func (r *Registry) Kinds() []string { return slices.Sorted(maps.Keys(r.byKind)) }

// For returns the generator of the given kind; one that this build lacks is fault.Invalid.
func (r *Registry) For(kind string) (Generator, error) {
	g, ok := r.byKind[kind]
	if !ok {
		return Generator{}, fault.New(fault.Invalid, "there is no generator of kind %q (this operator has %s)",
			kind, strings.Join(r.Kinds(), ", "))
	}
	return g, nil
}

// All returns all generators, sorted by kind.
func (r *Registry) All() []Generator {
	all := make([]Generator, 0, len(r.byKind))
	for _, kind := range r.Kinds() {
		all = append(all, r.byKind[kind])
	}
	return all
}
