package externalsecret

import (
	"context"
	"errors"
	"maps"
	"slices"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/stores"
)

// errHeld says that the wanted change takes a new generated value, and that nobody asked for one.
var errHeld = errors.New("the change needs a generated value that only a new one could replace")

// collect reads the values that es asks for.
func (c *Controller) collect(ctx context.Context, es *esv1.ExternalSecret, w *observed, d plan.Decision) (fetch.Values, error) {
	sessions := map[esv1.SecretStoreRef]*stores.Session{}
	options := c.openOptions()
	if !plan.Follows(w.facts) || plan.NewRequest(w.facts.ForceSync, w.facts.HandledForceSync) {
		options = append(options, stores.Live())
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
		Generate: func(ctx context.Context, index int, ref esv1.GeneratorRef) (map[string][]byte, error) {
			return c.generate(ctx, es, w, d, index, ref)
		},
	})
}

// openOptions are those that every store is opened with.
func (c *Controller) openOptions() []stores.OpenOption {
	if c.RequireReady {
		return []stores.OpenOption{stores.RequireReady()}
	}
	return nil
}

// generate returns the values of the generator in spec.dataFrom[index]: those that were delivered before, unless a
// rotation was asked for or their lease ends, and new ones for what was never delivered or is lost.
func (c *Controller) generate(
	ctx context.Context,
	es *esv1.ExternalSecret,
	w *observed,
	d plan.Decision,
	index int,
	ref esv1.GeneratorRef,
) (map[string][]byte, error) {
	bound, err := c.Generators.Bind(ctx, es.Namespace, ref)
	if err != nil {
		return nil, err
	}
	e := entry{slot: slotOf(&es.Spec, index)}
	rotates := d.Rotate && w.renews(bound)
	if rotates {
		err = c.spare(ctx, es, w, index, bound, &e)
	} else {
		err = c.reuse(ctx, es, w, index, bound, &e)
	}
	if err != nil {
		return nil, err
	}
	if e.complete {
		w.entries = append(w.entries, e)
		return e.kept, c.note(es, w, index, e.kept)
	}
	values, err := w.tx.Run(ctx, e.slot, bound)
	if err != nil {
		return nil, err
	}
	w.rotated = w.rotated || rotates
	maps.Copy(values, e.kept)
	w.entries = append(w.entries, e)
	return values, c.note(es, w, index, values)
}

// reuse notes the values that were delivered before and stay; none when their lease ends.
func (c *Controller) reuse(
	ctx context.Context, es *esv1.ExternalSecret, w *observed, index int, bound generators.Bound, e *entry,
) (err error) {
	ends := w.ends(e.slot)
	if !ends {
		if e.kept, e.complete, err = c.kept(ctx, es, w, index, bound); err != nil {
			return err
		}
		if err := whole(bound, e); err != nil {
			return fault.In(err, "spec.dataFrom[%d]", index)
		}
		ends = e.complete && w.ending(func(s lease.State) bool { return w.tx.Yielded(s, e.kept) })
	}
	switch {
	case ends:
		e.kept, e.complete = nil, false
	case e.complete || !bound.Revocable():
		return nil
	}
	return c.replaceable(ctx, es, w, index)
}

// whole sees to it that what belongs together comes from one run.
func whole(bound generators.Bound, e *entry) error {
	if e.complete || len(e.kept) == 0 || !bound.Together() {
		return nil
	}
	if bound.Revocable() {
		e.kept = nil
		return nil
	}
	return fault.New(fault.Invalid, "the target holds a part of what one run of generator %s %q has made, and the rest of another one would "+
		"not belong to it: change annotation %s to rotate all, or delete the target", bound.Kind(), bound.Object().GetName(), esv1.AnnotationForceSync)
}

// spare notes the values that a rotation of single keys leaves as they are, where they do not belong together.
func (c *Controller) spare(
	ctx context.Context, es *esv1.ExternalSecret, w *observed, index int, bound generators.Bound, e *entry,
) (err error) {
	if len(w.keys) == 0 || bound.Together() {
		return nil
	}
	e.kept, _, err = c.kept(ctx, es, w, index, bound)
	maps.DeleteFunc(e.kept, func(key string, _ []byte) bool { return slices.Contains(w.keys, key) })
	return err
}

// note writes down the names that generated values have before they are rendered.
func (c *Controller) note(es *esv1.ExternalSecret, w *observed, index int, values map[string][]byte) error {
	names, _, err := c.Collector.Renamed(es.Spec.DataFrom[index].Rewrite, slices.Collect(maps.Keys(values)))
	w.generated = slices.AppendSeq(w.generated, maps.Values(names))
	return err
}

// delivered returns what was delivered before, to the target or to the Secret that was the target under its former name.
// The API server is asked, so that a stale cache cannot make a value look lost.
func (c *Controller) delivered(ctx context.Context, es *esv1.ExternalSecret, w *observed) (past, error) {
	var err error
	if w.target, err = c.live(ctx, es); err != nil {
		return past{}, err
	}
	if w.Observed, err = apply.Observe(es, w.target, c.Hasher); err != nil {
		return past{}, err
	}
	if w.target != nil && w.Delivered {
		return recall(es, w.target, w.Observed), nil
	}
	before, err := c.deliveredBefore(ctx, es)
	if err == nil && before.none() && w.target != nil && !w.fresh {
		before = recall(es, w.target, w.Observed)
	}
	return before, err
}

// deliveredBefore returns what was delivered to the target that there was before it got another name or kind.
func (c *Controller) deliveredBefore(ctx context.Context, es *esv1.ExternalSecret) (past, error) {
	before := former(es)
	if before == nil {
		return past{}, nil
	}
	target, err := c.live(ctx, before)
	if err != nil || target == nil {
		return past{}, err
	}
	seen, err := apply.Observe(before, target, c.Hasher)
	if err != nil || !seen.Delivered {
		return past{}, err
	}
	return recall(before, target, seen), nil
}

// kept returns the values of the generator that are still there, and whether these are all. It is errHeld when a value was
// used up, by a template or by a rewrite that merges, and the object has changed since or what was made of it is there.
func (c *Controller) kept(
	ctx context.Context,
	es *esv1.ExternalSecret,
	w *observed,
	index int,
	bound generators.Bound,
) (map[string][]byte, bool, error) {
	values := map[string][]byte{}
	before, err := c.delivered(ctx, es, w)
	if err != nil || before.none() {
		return values, false, err
	}
	if gone, err := c.givenBack(ctx, es, w, index, before); err != nil || gone {
		return values, false, err
	}
	w.carried = before.leases
	names, known, err := c.Collector.Renamed(es.Spec.DataFrom[index].Rewrite, w.keysOf(bound, slotOf(&es.Spec, index)))
	if err != nil {
		return nil, false, err
	}
	usedUp := !known || len(names) == 0
	complete := !usedUp
	for key, name := range names {
		value, used := before.find(&es.Spec, name)
		if value != nil && !used {
			values[key] = value
			continue
		}
		complete, usedUp = false, usedUp || used
	}
	if usedUp {
		err = c.hold(ctx, es, before)
	}
	return values, complete, err
}

// hold returns errHeld unless it is certain that what was made of a value is lost with it.
func (c *Controller) hold(ctx context.Context, es *esv1.ExternalSecret, before past) error {
	if synced := plan.SyncedGeneration(es.Status.SyncedResourceVersion); synced != 0 && synced != es.Generation {
		return errHeld
	}
	wanted, err := c.wantedKeys(ctx, es)
	if err != nil {
		return err
	}
	if hasAll(before.data, wanted) {
		return errHeld
	}
	return nil
}

// mend repairs a target that still has the data that was delivered, and of which others have changed only what stands around
// it: that takes no new value. Where nobody can tell what was delivered, the data is taken as it is.
func (c *Controller) mend(ctx context.Context, es *esv1.ExternalSecret, w *observed, out *outcome) error {
	unknown := w.State == plan.TargetUnknown && w.applied(es)
	if w.target == nil || !adoptable(&es.Spec.Target) || (out.decision.Reason != plan.ReasonTargetDrifted && !unknown) {
		return nil
	}
	desired, err := c.bare(es, w, w.Data)
	if err != nil {
		return nil //nolint:nilerr // the metadata is made from values too: nothing can be made again without a new one
	}
	wish := apply.Wish{Owner: es, Hasher: c.Hasher, Desired: desired}
	if !unknown {
		var whole bool
		if wish, whole, err = apply.Restore(wish, w.target); err != nil || !whole {
			return err
		}
	}
	if out.change, err = c.deliver(ctx, wish, w); err != nil {
		return err
	}
	w.State, out.facts.Target = plan.TargetIntact, plan.TargetIntact
	return nil
}

func hasAll(data map[string][]byte, keys []string) bool {
	for _, key := range keys {
		if _, ok := data[key]; !ok {
			return false
		}
	}
	return true
}
