package pushsecret

import (
	"context"
	"slices"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

const (
	kind = "PushSecret"
	// slot names the only generator of a PushSecret in the states of its leases.
	slot = "source"
)

func ownerOf(ps *esv1alpha1.PushSecret) lease.Owner {
	return lease.Owner{Object: ps, Kind: esv1alpha1.GroupVersion().WithKind(kind)}
}

// account notes the leases of a PushSecret, and begins the transaction in which more are obtained. The status names those whose
// values the stores have or may have, before they have them: what it does not name nobody has received. Where the status was
// lost all of them may be in use.
func (c *Controller) account(ctx context.Context, p *pass) error {
	ps, owner := p.ps, ownerOf(p.ps)
	p.tx = c.Generators.Begin(owner, request(ps, p.facts.ForceSync, p.facts.Rotate))
	if c.Generators.Ledger == nil {
		return nil
	}
	states, err := c.Generators.States(ctx, owner)
	if err != nil {
		return err
	}
	lost, wanted := ps.Status.ObservedGeneration == 0, p.replaceable()
	if lease.Missing(states, wanted) ||
		slices.ContainsFunc(states, lease.State.Undelivered) || slices.ContainsFunc(states, lease.State.Orphaned) {
		named := ps.Status.Leases
		if ps.Status.Rotation != nil {
			named = slices.Concat(named, ps.Status.Rotation.Leases)
		}
		if states, err = c.Generators.Settle(ctx, owner, func(s lease.State) bool { return lost || slices.Contains(named, s.Name) }); err != nil {
			return err
		}
	}
	if lost && len(ps.Status.Leases) == 0 {
		ps.Status.Leases = namesOf(slices.DeleteFunc(slices.Clone(states), func(s lease.State) bool { return !s.Live() }))
	}
	p.leases = states
	p.facts.Lease, p.facts.LeaseGone = p.lease(func(lease.State) bool { return true }), lease.Missing(states, wanted)
	return nil
}

// replaceable returns the names of the states in use, where others take their place when they are gone.
func (p *pass) replaceable() []string {
	if p.facts.Interval == 0 || p.ps.Spec.UpdatePolicyOrDefault() != esv1alpha1.UpdateReplace {
		return nil
	}
	return p.ps.Status.Leases
}

// lease returns the lease in use that is to be replaced first, of those that is true for.
func (p *pass) lease(is func(lease.State) bool) plan.Lease {
	var all []plan.Lease
	for _, s := range p.leases {
		if s.Live() && is(s) {
			all = append(all, plan.Lease{From: s.Issued(), Until: s.Expires()})
		}
	}
	return plan.First(p.facts.Identity, all...)
}

// keeps says whether the leases of the given names are there, and nobody is to give them back.
func (p *pass) keeps(names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(p.leases, func(s lease.State) bool { return s.Name == name && (s.Live() || s.Undelivered()) }) {
			return false
		}
	}
	return true
}

// lapsed says whether values that belong to a lease are to be obtained anew: the stores do not have all of them, or the lease is
// gone. That is also so when they were pushed by a PushSecret that is gone, and whose leases went with it.
func (c *Controller) lapsed(ctx context.Context, p *pass, keys []string, targets []*target) (bool, error) {
	known, wanted := held(targets, keys, c.belief(p.ps, nil))
	if len(known) < len(wanted) {
		return true, unread(targets)
	}
	first := p.facts.RefreshTime.IsZero()
	if len(p.ps.Status.Leases) == 0 && !first {
		return false, nil
	}
	inUse := func(s lease.State) bool { return s.Live() && (first || slices.Contains(p.ps.Status.Leases, s.Name)) }
	if slices.ContainsFunc(p.leases, inUse) {
		return false, nil
	}
	current, err := c.Generators.Current(ctx, ownerOf(p.ps))
	return !slices.ContainsFunc(current, inUse), err
}

// conclude ends the transaction of a sync that has succeeded: the stores have the values, and what they had before is given back
// when nobody can be using it any more.
func (c *Controller) conclude(ctx context.Context, p *pass, round *esv1alpha1.PushSecretRotation, out *outcome) error {
	if p.ps.Spec.Selector.GeneratorRef != nil {
		out.leases = p.ps.Status.Leases
	}
	if round != nil && len(round.Keys) == 0 {
		out.leases = round.Leases // all values are of this round, which has none when the generator lends no more
	}
	inUse := out.leases
	if waiting := p.ps.Status.Rotation; waiting != nil && waits(p.ps) {
		inUse = slices.Concat(inUse, waiting.Leases)
	}
	named := func(s lease.State) bool { return slices.Contains(inUse, s.Name) }
	if len(p.tx.Booked()) > 0 || slices.ContainsFunc(p.leases, func(s lease.State) bool { return s.Undelivered() || (s.Live() && !named(s)) }) {
		states, err := c.Generators.Settle(ctx, ownerOf(p.ps), named)
		if err != nil {
			return err
		}
		if err := p.tx.Deliver(ctx, states, named); err != nil {
			return err
		}
		p.leases = states
	}
	out.facts.Lease, out.undecided = p.lease(named), lease.Undecided(p.leases, p.facts.Now)
	return nil
}

// endless says whether values end at some time that nothing replaces then.
func endless(ps *esv1alpha1.PushSecret, f plan.Facts) bool {
	return !f.Lease.Until.IsZero() && (f.Interval == 0 || ps.Spec.UpdatePolicyOrDefault() != esv1alpha1.UpdateReplace)
}

func namesOf(states []lease.State) []string {
	var names []string
	for _, s := range states {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}
