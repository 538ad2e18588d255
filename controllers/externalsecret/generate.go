package externalsecret

import (
	"context"
	"errors"
	"maps"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/stores"
)

// errHeld says that the wanted change takes a new generated value, and that nobody asked for one.
var errHeld = errors.New("the change needs a generated value that only a new one could replace")

// collect reads the values that es asks for.
func (c *Controller) collect(ctx context.Context, es *esv1.ExternalSecret, w *observed, d plan.Decision) (fetch.Values, error) {
	sessions := map[esv1.SecretStoreRef]*stores.Session{}
	var options []stores.OpenOption
	if c.RequireReady {
		options = append(options, stores.RequireReady())
	}
	return c.Collector.Collect(ctx, &es.Spec, fetch.Sources{
		Store: func(ctx context.Context, ref esv1.SecretStoreRef) (fetch.Source, error) {
			if session, ok := sessions[ref]; ok {
				return session, nil
			}
			session, err := c.Stores.Open(ctx, es.Namespace, ref, options...)
			if err != nil {
				return nil, err
			}
			sessions[ref] = session
			return session, nil
		},
		Generate: func(ctx context.Context, _ int, ref esv1.GeneratorRef) (map[string][]byte, error) {
			return c.generate(ctx, es, w, d, ref)
		},
	})
}

// generate returns the values of a generator: those that were delivered before, unless a rotation was asked for, and
// new ones for what was never delivered or is lost. The target is read from the API server first, so that a stale cache
// cannot make a value look lost.
func (c *Controller) generate(
	ctx context.Context,
	es *esv1.ExternalSecret,
	w *observed,
	d plan.Decision,
	ref esv1.GeneratorRef,
) (map[string][]byte, error) {
	bound, err := c.Generators.Bind(ctx, es.Namespace, ref)
	if err != nil {
		return nil, err
	}
	if d.Rotate {
		return c.Generators.Run(ctx, es.Namespace, bound)
	}
	if w.target, err = c.liveTarget(ctx, es); err != nil {
		return nil, err
	}
	kept, complete, err := c.kept(ctx, es, w, bound)
	if err != nil || complete {
		return kept, err
	}
	values, err := c.Generators.Run(ctx, es.Namespace, bound)
	if err != nil {
		return nil, err
	}
	maps.Copy(values, kept)
	return values, nil
}

// kept returns the values of the generator that the target still holds, and whether these are all. It is errHeld when a
// template has used values up and what it made of them is still there.
func (c *Controller) kept(
	ctx context.Context,
	es *esv1.ExternalSecret,
	w *observed,
	bound generators.Bound,
) (map[string][]byte, bool, error) {
	values := map[string][]byte{}
	if w.target == nil || (!w.Delivered && w.fresh) {
		return values, false, nil
	}
	keys := bound.Keys()
	complete, usedUp := len(keys) > 0, len(keys) == 0
	for _, key := range keys {
		carrier, ok := plan.Carrier(&es.Spec, key)
		value, there := w.target.Data[carrier]
		switch {
		case ok && there:
			values[key] = value
		case ok:
			complete = false
		default:
			complete, usedUp = false, true
		}
	}
	if usedUp {
		wanted, err := c.wantedKeys(ctx, es)
		if err != nil {
			return nil, false, err
		}
		if hasAll(w.target.Data, wanted) {
			return nil, false, errHeld
		}
	}
	return values, complete, nil
}

func hasAll(data map[string][]byte, keys []string) bool {
	for _, key := range keys {
		if _, ok := data[key]; !ok {
			return false
		}
	}
	return true
}
