package fake

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// List implements providers.Lister, by name alone: tags beside a name are ignored. Of a key with several versions it
// yields the last one in the order of their names. Keys are converted, so that rewrite operations see what they see in
// other implementations of the API.
func (c *client) List(ctx context.Context, query providers.Query) iter.Seq2[providers.Entry, error] {
	return func(yield func(providers.Entry, error) bool) {
		found, err := c.find(ctx, query)
		if err != nil {
			yield(providers.Entry{}, err)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(found)) {
			if !yield(providers.Entry{Key: key, Secret: found[key]}, nil) {
				return
			}
		}
	}
}

func (c *client) find(ctx context.Context, query providers.Query) (map[string]providers.Secret, error) {
	if err := cancelled(ctx); err != nil {
		return nil, err
	}
	switch {
	case query.Name == nil && query.Tags != nil:
		return nil, fault.New(fault.Unsupported, "the fake provider keeps no tags: set find.name in place of find.tags")
	case query.Name == nil:
		return nil, fault.New(fault.Invalid, "find.name must be set")
	}
	found := c.pushed.all()
	last := map[string]string{}
	for _, entry := range c.spec.Data {
		if version, seen := last[entry.Key]; !seen || entry.Version >= version {
			last[entry.Key] = entry.Version
			found[entry.Key] = providers.Secret{Value: []byte(entry.Value), Version: entry.Version}
		}
	}
	maps.DeleteFunc(found, func(key string, _ providers.Secret) bool { return !query.Name.MatchString(key) })
	return providers.ConvertKeys(query.Conversion, found)
}
