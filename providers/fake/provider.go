package fake

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// The meanings of spec.provider.fake.validationResult.
const (
	resultReady   = 0
	resultUnknown = 1
)

// New returns the provider. What is pushed to one of its stores is kept by the returned value, under the store's kind,
// namespace and name, and is lost with the process.
func New() providers.Provider {
	var mu sync.Mutex
	pushed := map[providers.Store]*memory{}
	open := func(_ context.Context, spec *esv1.FakeProvider, env providers.Env) (providers.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if pushed[env.Store] == nil {
			pushed[env.Store] = &memory{secrets: map[string]secret{}}
		}
		return &client{spec: spec.DeepCopy(), pushed: pushed[env.Store]}, nil
	}
	return providers.Define("fake", func(p *esv1.SecretStoreProvider) *esv1.FakeProvider { return p.Fake }, open,
		providers.Validate(validate), providers.Capabilities[esv1.FakeProvider](esv1.CapabilityReadWrite))
}

func validate(spec *esv1.FakeProvider, _ providers.Store) error {
	for i, entry := range spec.Data {
		if entry.Key == "" {
			return fault.New(fault.Invalid, "spec.provider.fake.data[%d].key must not be empty", i)
		}
	}
	return nil
}

// client serves one store.
type client struct {
	spec   *esv1.FakeProvider
	pushed *memory
}

var (
	_ providers.Locator = (*client)(nil)
	_ providers.Reader  = (*client)(nil)
	_ providers.Lister  = (*client)(nil)
	_ providers.Writer  = (*client)(nil)
	_ providers.Checker = (*client)(nil)
)

// Close implements providers.Client. What was pushed stays.
func (*client) Close(context.Context) error { return nil }

// Get implements providers.Reader: a value of the spec, or else what was pushed. Only values of the spec have versions.
func (c *client) Get(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	if err := cancelled(ctx); err != nil {
		return providers.Secret{}, err
	}
	for _, entry := range slices.Backward(c.spec.Data) { // of a key and version that are listed twice, the last one counts
		if entry.Key == ref.Key && entry.Version == ref.Version {
			return providers.Secret{Value: []byte(entry.Value), Version: entry.Version}, nil
		}
	}
	if ref.Version != "" {
		return providers.Secret{}, fault.New(fault.NotFound, "version %q of key %q does not exist in the fake store", ref.Version, ref.Key)
	}
	if s, exists := c.pushed.get(ref.Key); exists {
		return s, nil
	}
	return providers.Secret{}, fault.New(fault.NotFound, "key %q does not exist in the fake store", ref.Key)
}

// Locate implements providers.Locator; a fake store has no options.
func (*client) Locate(key string, _ json.RawMessage) (string, error) { return key, nil }

// GetAt implements providers.Locator; a fake store has no options.
func (c *client) GetAt(ctx context.Context, ref providers.Ref, _ json.RawMessage) (providers.Secret, error) {
	return c.Get(ctx, ref)
}

// Check implements providers.Checker: it finds what the spec asks for.
func (c *client) Check(ctx context.Context) (limits string, err error) {
	if err := cancelled(ctx); err != nil {
		return "", err
	}
	result := int32(resultReady)
	if c.spec.ValidationResult != nil {
		result = *c.spec.ValidationResult
	}
	switch result {
	case resultReady:
		return "", nil
	case resultUnknown:
		return "", fault.New(fault.Unavailable, "spec.provider.fake.validationResult is %d: the state of the store is unknown", result)
	default:
		return "", fault.New(fault.Invalid, "spec.provider.fake.validationResult is %d: the store is not usable", result)
	}
}

// cancelled keeps to what a store behind a network would do.
func cancelled(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the call to the fake store was cancelled")
	}
	return nil
}
