package providers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Registry is the set of providers that a build contains. It does not change after NewRegistry and is safe for concurrent use.
type Registry struct {
	byName map[string]Provider
}

// NewRegistry returns a registry of the given providers. Two of the same name are an error.
func NewRegistry(all ...Provider) (*Registry, error) {
	r := &Registry{byName: make(map[string]Provider, len(all))}
	for _, p := range all {
		if _, exists := r.byName[p.name]; exists {
			return nil, fmt.Errorf("provider %q is defined twice", p.name)
		}
		r.byName[p.name] = p
	}
	return r, nil
}

// Names returns the names of all providers, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.byName)) }

// For returns the provider that spec selects. None, more than one, or one that this build lacks is fault.Invalid.
func (r *Registry) For(spec *esv1.SecretStoreProvider) (Provider, error) {
	var selected []string
	if spec != nil {
		for _, name := range r.Names() {
			if r.byName[name].selected(spec) {
				selected = append(selected, name)
			}
		}
	}
	switch len(selected) {
	case 1:
		return r.byName[selected[0]], nil
	case 0:
		return Provider{}, fault.New(fault.Invalid, "spec.provider names no provider that this operator has (it has %s)",
			strings.Join(r.Names(), ", "))
	default:
		return Provider{}, fault.New(fault.Invalid, "spec.provider names %s: exactly one must be set", strings.Join(selected, " and "))
	}
}
