package beyondtrustworkloadcredentials

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"

	"k8s.io/utils/keymutex"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/sdk/workloadcredentials"
	"github.com/sluice-operator/sluice/providers"
)

// client serves one store.
type client struct {
	api *workloadcredentials.Client
	// folder is where keys are; empty for the root of the site.
	folder  string
	site    string
	observe func(call string, err error)
	writing keymutex.KeyMutex
}

var (
	_ providers.Locator = (*client)(nil)
	_ providers.Reader  = (*client)(nil)
	_ providers.Lister  = (*client)(nil)
	_ providers.Writer  = (*client)(nil)
	_ providers.Checker = (*client)(nil)
)

// Close implements providers.Client.
func (c *client) Close(context.Context) error {
	c.api.Close()
	return nil
}

// Check implements providers.Checker, by asking whether the token is valid. What it may do shows only when it is tried.
func (c *client) Check(ctx context.Context) (limits string, err error) {
	err = c.api.Check(ctx)
	c.observe("CheckSession", err)
	return "", err
}

// path returns the path of a key: below the folder of the store, or below the root of the site if it begins with a slash.
func (c *client) path(key string) (workloadcredentials.Path, error) {
	full := key
	if !strings.HasPrefix(key, "/") && c.folder != "" {
		full = c.folder + "/" + key
	}
	at := workloadcredentials.ParsePath(full)
	if !at.Valid() {
		return at, fault.New(fault.Invalid, "key %q must be the name of a static secret, or folders and a name (folder/name)", key)
	}
	return at, nil
}

// Get implements providers.Reader. Ref.Version is ignored: the service tells the latest alone.
func (c *client) Get(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	at, err := c.path(ref.Key)
	if err != nil {
		return providers.Secret{}, err
	}
	s, err := c.get(ctx, at)
	if err != nil {
		return providers.Secret{}, err
	}
	return export(s), nil
}

// GetAt implements providers.Locator.
func (c *client) GetAt(ctx context.Context, ref providers.Ref, options json.RawMessage) (providers.Secret, error) {
	if err := noOptions(options); err != nil {
		return providers.Secret{}, err
	}
	return c.Get(ctx, ref)
}

// Locate implements providers.Locator.
func (c *client) Locate(key string, options json.RawMessage) (string, error) {
	if err := noOptions(options); err != nil {
		return "", err
	}
	at, err := c.path(key)
	return at.String(), err
}

func noOptions(options json.RawMessage) error {
	if options != nil && string(options) != "null" {
		return fault.New(fault.Invalid, "metadata has no meaning in a push to BeyondTrust Workload Credentials: remove it")
	}
	return nil
}

func (c *client) get(ctx context.Context, at workloadcredentials.Path) (workloadcredentials.Static, error) {
	s, err := c.api.Get(ctx, at)
	c.observe("GetStatic", err)
	return s, err
}

// List implements providers.Lister: each value of each secret that matches is an entry, under the path of the secret, as the service
// tells it, and the name of the value. The name of the query matches the last part of the path, and counts together with the tags.
func (c *client) List(ctx context.Context, query providers.Query) iter.Seq2[providers.Entry, error] {
	return func(yield func(providers.Entry, error) bool) {
		for s, err := range c.find(ctx, query) {
			if err != nil {
				yield(providers.Entry{}, err)
				return
			}
			for _, name := range slices.Sorted(maps.Keys(s.Values)) {
				entry := providers.Entry{Key: s.Listed + "/" + name, Secret: providers.Secret{Value: s.Values[name], Labels: s.Tags, Version: s.Version}}
				if !yield(entry, nil) {
					return
				}
			}
		}
	}
}

// find yields the secrets that match, or one error and nothing after it. A folder that is not there has none.
func (c *client) find(ctx context.Context, query providers.Query) iter.Seq2[workloadcredentials.Static, error] {
	return func(yield func(workloadcredentials.Static, error) bool) {
		if query.Name == nil && query.Tags == nil && query.Path == "" {
			yield(workloadcredentials.Static{}, fault.New(fault.Invalid, "find must have a name, tags or a path"))
			return
		}
		folder := c.folder
		if query.Path != "" {
			folder = strings.Trim(query.Path, "/")
		}
		listed, err := c.api.List(ctx, folder)
		c.observe("ListStatic", err)
		if err != nil && !fault.Is(err, fault.NotFound) {
			yield(workloadcredentials.Static{}, err)
			return
		}
		for _, s := range listed {
			if !matches(s, query) {
				continue
			}
			found, err := c.get(ctx, s.Path)
			if fault.Is(err, fault.NotFound) {
				continue // it went after it was listed
			}
			found.Listed = s.Listed
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

func matches(s workloadcredentials.Static, query providers.Query) bool {
	if query.Name != nil && !query.Name.MatchString(s.Path.Name) {
		return false
	}
	for tag, value := range query.Tags {
		if has, ok := s.Tags[tag]; !ok || has != value {
			return false
		}
	}
	return true
}

// export returns a secret in the contract's terms.
func export(s workloadcredentials.Static) providers.Secret {
	labels := maps.Clone(s.Tags)
	delete(labels, tagName)
	return providers.Secret{Fields: s.Values, Labels: labels, Version: s.Version}
}
