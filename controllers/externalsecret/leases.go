package externalsecret

import (
	"context"
	"fmt"
	"slices"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
)

// entry is what one sync did about the generator of one entry of spec.dataFrom.
type entry struct {
	// slot names the entry in the states of its leases.
	slot string
	// kept are values that were delivered before and stay; complete says that these are all.
	kept     map[string][]byte
	complete bool
}

// ownerOf returns es as the owner of leases.
func ownerOf(es *esv1.ExternalSecret) lease.Owner {
	return lease.Owner{Object: es, Kind: esv1.GroupVersion().WithKind(esv1.KindExternalSecret)}
}

// slotOf names spec.dataFrom[index] so that another order of the entries changes nothing: by the generator, and by which of
// those with the same generator it is.
func slotOf(spec *esv1.ExternalSecretSpec, index int) string {
	ref, same := *spec.DataFrom[index].SourceRef.GeneratorRef, 0
	for i := range spec.DataFrom[:index] {
		if source := spec.DataFrom[i].SourceRef; source != nil && source.GeneratorRef != nil &&
			source.GeneratorRef.Kind == ref.Kind && source.GeneratorRef.Name == ref.Name {
			same++
		}
	}
	return fmt.Sprintf("%s/%s#%d", ref.Kind, ref.Name, same)
}

// account completes the facts by what the leases of es tell. With certain it asks the API server, as it does when earlier
// syncs have left leases undelivered: those that the target has are delivered now.
func (c *Controller) account(ctx context.Context, es *esv1.ExternalSecret, w *observed, certain bool) error {
	if c.Generators.Ledger == nil {
		return nil
	}
	states, err := c.Generators.States(ctx, ownerOf(es))
	if err != nil {
		return err
	}
	delivered := w.delivered(es)
	if certain || lease.Missing(states, delivered) ||
		slices.ContainsFunc(states, lease.State.Undelivered) || slices.ContainsFunc(states, lease.State.Orphaned) {
		held, err := c.named(ctx, es)
		if err != nil {
			return err
		}
		if states, err = c.Generators.Settle(ctx, ownerOf(es), func(s lease.State) bool { return slices.Contains(held, s.Name) }); err != nil {
			return err
		}
	}
	w.leases = states
	w.facts.Lease, w.facts.LeaseGone = w.lease(), lease.Missing(states, delivered)
	c.witness(es, w)
	return nil
}

// delivered returns the names of the states whose values the target has as it was seen, where a policy replaces any.
func (w *observed) delivered(es *esv1.ExternalSecret) []string {
	if w.target == nil || plan.Frozen(w.facts) {
		return nil
	}
	return leasesIn(w.target.GetAnnotations()[apply.LeaseAnnotation(es)], "")
}

// witness takes a lease that is younger than the last refresh on record for what it is: the sign of a refresh that was
// carried out, and of which there was no time to write it down.
func (c *Controller) witness(es *esv1.ExternalSecret, w *observed) {
	recorded := es.Status.RefreshTime
	for _, s := range w.leases {
		if !s.Live() || recorded == nil || !s.Issued().After(recorded.Time) {
			continue
		}
		if s.Issued().After(w.facts.RefreshTime) {
			w.facts.RefreshTime = s.Issued()
		}
		if c.Generators.AskedFor(s, w.request()) {
			w.facts.HandledForceSync, w.facts.HandledRotate = w.facts.ForceSync, w.facts.Rotate
		}
	}
}

// named returns the names of the states whose values the target has, or the object that was the target before.
func (c *Controller) named(ctx context.Context, es *esv1.ExternalSecret) ([]string, error) {
	var held []string
	for _, owner := range []*esv1.ExternalSecret{es, former(es)} {
		if owner == nil {
			continue
		}
		target, err := c.live(ctx, owner)
		if err != nil {
			return nil, err
		}
		if target != nil {
			held = append(held, leasesIn(target.GetAnnotations()[apply.LeaseAnnotation(owner)], "")...)
		}
	}
	return held, nil
}

// leasesIn returns the names of the states in an annotation of a target, of one slot or of all for an empty one.
func leasesIn(annotation, slot string) []string {
	var names []string
	for part := range strings.SplitSeq(annotation, ",") {
		if of, name, ok := strings.Cut(part, "="); ok && (slot == "" || of == slot) {
			names = append(names, name)
		}
	}
	return names
}

// strays returns the names of the states in an annotation of a target whose slots no entry has: their values may be those of any entry
// that has got another place, or that names another generator.
func strays(spec *esv1.ExternalSecretSpec, annotation string) []string {
	var names []string
	for part := range strings.SplitSeq(annotation, ",") {
		if of, name, ok := strings.Cut(part, "="); ok && !slices.Contains(slots(spec), of) {
			names = append(names, name)
		}
	}
	return names
}

// slots returns the slots of all entries.
func slots(spec *esv1.ExternalSecretSpec) []string {
	var all []string
	for i := range spec.DataFrom {
		if source := spec.DataFrom[i].SourceRef; source != nil && source.GeneratorRef != nil {
			all = append(all, slotOf(spec, i))
		}
	}
	return all
}

// keysOf returns the keys that a generator has yielded for a slot. Where its spec does not tell, the lease in use does.
func (w *observed) keysOf(bound generators.Bound, slot string) []string {
	if keys := bound.Keys(); keys != nil {
		return keys
	}
	i := slices.IndexFunc(w.leases, func(s lease.State) bool { return s.Live() && s.Slot() == slot })
	if i < 0 {
		return nil
	}
	return w.leases[i].Keys()
}

// givenBack says whether the values that spec.dataFrom[index] has delivered are of no use any more, because the states that
// they belong to are gone: somebody has deleted them, or they went with an ExternalSecret of the same name.
func (c *Controller) givenBack(ctx context.Context, es *esv1.ExternalSecret, w *observed, index int, before past) (bool, error) {
	names := append(leasesIn(before.leases, slotOf(&es.Spec, index)), strays(&es.Spec, before.leases)...)
	if c.Generators.Ledger == nil || !lease.Missing(w.leases, names) {
		return false, nil
	}
	states, err := c.Generators.Current(ctx, ownerOf(es))
	return err == nil && lease.Missing(states, names), err
}

// lease returns the lease in use that is to be replaced first.
func (w *observed) lease() plan.Lease {
	var all []plan.Lease
	for _, s := range w.leases {
		if s.Live() {
			all = append(all, plan.Lease{From: s.Issued(), Until: s.Expires()})
		}
	}
	return plan.First(w.facts.Identity, all...)
}

// endless reports whether nothing is known of the end of a lease in use.
func (w *observed) endless() bool {
	return slices.ContainsFunc(w.leases, func(s lease.State) bool { return s.Live() && s.Expires().IsZero() })
}

// ending reports whether a lease in use is to be replaced, of those that is true for.
func (w *observed) ending(is func(lease.State) bool) bool {
	return !plan.Frozen(w.facts) && slices.ContainsFunc(w.leases, func(s lease.State) bool {
		l := plan.Lease{From: s.Issued(), Until: s.Expires()}
		return s.Live() && l.Ends(w.facts.Identity, w.facts.Now) && is(s)
	})
}

// still says whether values of a state are in use after this sync. What cannot be told apart is.
func (w *observed) still(s lease.State) bool {
	return slices.ContainsFunc(w.entries, func(e entry) bool {
		switch {
		case len(e.kept) == 0:
			return false
		case !e.complete, s.Slot() == "", s.Slot() == e.slot:
			return true
		default:
			return w.tx.Yielded(s, e.kept)
		}
	})
}

// outlived says whether the state of a name that the target has is of no value that it keeps: that is certain of one that is there, and of
// one that the API server did not find.
func (w *observed) outlived(name string) bool {
	i := slices.IndexFunc(w.leases, func(s lease.State) bool { return s.Name == name })
	if i < 0 {
		return w.facts.LeaseGone
	}
	return !w.still(w.leases[i])
}

// leaseNames is what a target says of the leases that its values come from. It is written together with the values, so that
// it is never wrong, whatever happens next.
func (w *observed) leaseNames() string {
	var parts []string
	if len(w.tx.Booked()) == 0 {
		for part := range strings.SplitSeq(w.carried, ",") {
			if _, name, ok := strings.Cut(part, "="); ok && !w.outlived(name) {
				parts = append(parts, part)
			}
		}
		return strings.Join(parts, ",")
	}
	for _, s := range w.leases {
		if s.Live() && w.still(s) {
			parts = append(parts, s.Slot()+"="+s.Name)
		}
	}
	for _, s := range w.tx.Booked() {
		parts = append(parts, s.Slot()+"="+s.Name)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// conclude ends the transaction of a sync that has succeeded: what was generated is in the target, or nobody has it.
func (c *Controller) conclude(ctx context.Context, es *esv1.ExternalSecret, w *observed, out *outcome) error {
	nowhere := out.change.Action == apply.Wait || out.change.Retained || es.Spec.Target.CreationPolicyOrDefault() == esv1.CreateNone
	if nowhere {
		return w.tx.Close(ctx)
	}
	booked := w.tx.Booked()
	err := w.tx.Deliver(ctx, w.leases, w.still)
	w.leases = append(w.leases, booked...)
	out.facts.Lease, out.endless = w.lease(), w.endless()
	return err
}

// nowhere reports whether there is no target to deliver to, and somebody else is to make it: no generator runs for that.
func (c *Controller) nowhere(ctx context.Context, es *esv1.ExternalSecret, w *observed) (bool, error) {
	if w.target != nil || es.Spec.Target.CreationPolicyOrDefault() != esv1.CreateMerge || len(generatorRefs(&es.Spec)) == 0 {
		return false, nil
	}
	target, err := c.live(ctx, es)
	return err == nil && target == nil, err
}

// replaceable returns an error when the values of another generator than that of spec.dataFrom[index] cannot be had again,
// so that nothing is obtained that could not be delivered.
func (c *Controller) replaceable(ctx context.Context, es *esv1.ExternalSecret, w *observed, index int) error {
	for i := range es.Spec.DataFrom {
		source := es.Spec.DataFrom[i].SourceRef
		if i == index || source == nil || source.GeneratorRef == nil || w.ends(slotOf(&es.Spec, i)) {
			continue
		}
		bound, err := c.Generators.Bind(ctx, es.Namespace, *source.GeneratorRef)
		if err != nil {
			return err
		}
		if _, _, err := c.kept(ctx, es, w, i, bound); err != nil {
			return err
		}
	}
	return nil
}

// ends reports whether a lease of the given slot is to be replaced.
func (w *observed) ends(slot string) bool {
	return w.ending(func(s lease.State) bool { return s.Slot() == slot })
}

// lasting says when the values end, and where the policy keeps them until then and beyond.
func lasting(es *esv1.ExternalSecret, out outcome) string {
	switch {
	case out.endless && !out.facts.IntervalWritten && plan.Follows(out.facts):
		return "; nothing is known of the end of what was generated: it is replaced on request, or at a refreshInterval that is written"
	case plan.Frozen(out.facts):
		return report.Ends(out.facts.Lease.Until, frozenBy(&es.Spec))
	default:
		return report.Ends(out.facts.Lease.Until, "")
	}
}
