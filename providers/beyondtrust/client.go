package beyondtrust

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// client serves one store.
type client struct {
	settings

	session *session
	// limits is what the store cannot do, for its status.
	limits string
	// accounts has a gate for each managed account, by its key: who checks in a request would end it for another reader too.
	accounts sync.Map
	// writing lets one write through at a time: Password Safe does not tell when a secret has changed since it was read.
	writing gate
}

var (
	_ providers.Reader  = (*client)(nil)
	_ providers.Locator = (*client)(nil)
	_ providers.Writer  = (*client)(nil)
	_ providers.Checker = (*client)(nil)
)

// Close implements providers.Client: it signs out.
func (c *client) Close(ctx context.Context) error { return c.session.close(ctx) }

// Check implements providers.Checker: the store is usable when it can sign in.
func (c *client) Check(ctx context.Context) (limits string, err error) {
	_, err = c.session.current(ctx, nil)
	return c.limits, err
}

// Get implements providers.Reader. There are no versions to choose from: Ref.Version is ignored.
func (c *client) Get(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	if !c.secrets {
		return c.account(ctx, ref.Key)
	}
	at, err := c.parseSecretKey(ref.Key)
	if err != nil {
		return providers.Secret{}, err
	}
	return c.secret(ctx, at)
}

// GetAt implements providers.Locator: what is pushed with options is in Secrets Safe, whatever the store reads otherwise.
func (c *client) GetAt(ctx context.Context, ref providers.Ref, options json.RawMessage) (providers.Secret, error) {
	if options == nil {
		return c.Get(ctx, ref)
	}
	destination, err := c.destination(ref.Key, options)
	if err != nil {
		return providers.Secret{}, err
	}
	folder, err := c.folder(ctx, destination)
	if err != nil {
		return providers.Secret{}, err
	}
	return c.secret(ctx, folder.holding(destination.title))
}

// Locate implements providers.Locator. A folder that is named by its name alone and the same folder by its path are two places to it.
func (c *client) Locate(key string, options json.RawMessage) (string, error) {
	if options == nil {
		if at, err := c.parseSecretKey(key); err == nil && c.secrets {
			return at.path + c.separator + at.title, nil
		}
		return key, nil // nothing can be pushed there, and a push elsewhere may have a key of any form
	}
	destination, err := c.destination(key, options)
	return destination.place, err
}

// gate lets one through at a time.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter waits until nobody else is inside.
func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the call to Password Safe was interrupted")
	}
}

func (g gate) leave() { <-g }
