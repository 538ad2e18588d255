package pushsecret

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/providers"
)

// outcome is what one sync did.
type outcome struct {
	// facts and decision are what it rested on.
	facts    plan.Facts
	decision plan.Decision
	// synced are the entries that are in the stores now, by store.
	synced esv1alpha1.SyncedPushSecretsMap
	// generated are the keyed hashes of the generated values that were delivered; nil for a source that is a Secret.
	generated map[string]string
	// leases are the names of the states of those values.
	leases []string
	// undecided is how long until something may be given back that nobody has received; zero when there is nothing.
	undecided time.Duration
	// unchanged says that some value was there already and was left because of updatePolicy IfNotExists.
	unchanged bool
	// sourceGone says that the source Secret is gone, and with it what was pushed from it.
	sourceGone bool
}

var (
	// errSourceGone says that the source Secret does not exist.
	errSourceGone = errors.New("the source secret does not exist")
	// errOutdated says that the PushSecret changed while it was worked on, before anything was done that counts.
	errOutdated = errors.New("the object changed meanwhile")
)

func (c *Controller) sync(ctx context.Context, p *pass) (outcome, error) {
	out := outcome{synced: p.ps.Status.SyncedPushSecrets}
	if err := c.decide(ctx, p, &out); err != nil || !out.decision.Due {
		return out, err
	}
	if p.ps.Spec.Selector.GeneratorRef != nil {
		// Whether a generator may run hangs on the status: one from a stale cache must not make it run.
		if err := c.refetch(ctx, p); err != nil {
			return out, err
		}
		if err := c.decide(ctx, p, &out); err != nil || !out.decision.Due {
			return out, err
		}
	}
	ps := p.ps
	c.followers.Begin(client.ObjectKeyFromObject(ps))
	err := c.deliver(ctx, p, &out)
	if errors.Is(err, errSourceGone) && ps.Spec.DeletionPolicyOrDefault() == esv1alpha1.DeletionDelete && (len(out.synced) > 0 || cleaned(ps)) {
		out.sourceGone = true
		out.synced, err = c.prune(ctx, ps, ps.Status.SyncedPushSecrets, nil)
	}
	return out, err
}

// decide observes and plans.
func (c *Controller) decide(ctx context.Context, p *pass, out *outcome) error {
	if err := c.observe(ctx, p); err != nil {
		return err
	}
	generated := p.ps.Spec.Selector.GeneratorRef != nil
	replaces := p.ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateReplace
	out.facts, out.decision, out.undecided = p.facts, plan.Push(p.facts, generated, replaces), lease.Undecided(p.leases, p.facts.Now)
	logf.FromContext(ctx).V(1).Info("planned", out.decision.Fields()...)
	return nil
}

// refetch takes the PushSecret from the API server.
func (c *Controller) refetch(ctx context.Context, p *pass) error {
	var live esv1alpha1.PushSecret
	err := c.Live.Get(ctx, client.ObjectKeyFromObject(p.ps), &live)
	switch {
	case apierrors.IsNotFound(err) || (err == nil && (live.UID != p.ps.UID || !live.DeletionTimestamp.IsZero())):
		return errOutdated
	case err != nil:
		return fault.Wrap(fault.Unavailable, err, "PushSecret %q could not be read", p.ps.Name)
	}
	*p.ps, p.before = live, live.DeepCopy()
	return nil
}

// cleaned says whether what was pushed was removed before, because the source is gone.
func cleaned(ps *esv1alpha1.PushSecret) bool {
	ready := meta.FindStatusCondition(ps.Status.Conditions, esv1.ConditionReady)
	return ready != nil && ready.Reason == esv1alpha1.ReasonSourceDeleted
}

// deliver brings the source into every store, and takes away what is not wanted any more. It goes on after a failure, so
// that one store that is out of reach does not keep the value from the others; a store with a failure loses nothing.
func (c *Controller) deliver(ctx context.Context, p *pass, out *outcome) error {
	ps := p.ps
	load, err := c.prepare(ctx, p, out.decision)
	if err != nil {
		return err
	}
	var replaced []string
	for _, t := range load.targets {
		t.plan(ps, load.source)
		replaced = append(replaced, t.replaced()...)
	}
	if err := c.announce(ctx, p, load.round, replaced); err != nil {
		return err
	}
	out.generated = load.hashes
	pushed := esv1alpha1.SyncedPushSecretsMap{}
	wanted := map[string]*target{}
	failures := []error{load.refused}
	for _, t := range load.targets {
		err := c.push(ctx, ps, t)
		if errors.Is(err, providers.ErrChanged) {
			// Somebody else is at it: what is there now may be what all are to have.
			return errOutdated
		}
		failures = append(failures, err)
		t.failed = err != nil
		out.unchanged = out.unchanged || t.left
		pushed[t.id()] = t.pushed()
		wanted[t.id()] = t
	}
	out.synced = merged(ps.Status.SyncedPushSecrets, pushed)
	if ps.Spec.DeletionPolicyOrDefault() == esv1alpha1.DeletionNone {
		out.synced = merged(unreached(ps, wanted), pushed)
	} else {
		var err error
		out.synced, err = c.prune(ctx, ps, out.synced, wanted)
		failures = append(failures, err)
	}
	if err := combined(failures); err != nil {
		return err
	}
	return c.conclude(ctx, p, load.round, out)
}

// announce writes down what is about to happen before it does: the values of a rotation, by which they are known again in
// a store, and that values are replaced which an entry keeps for a time.
func (c *Controller) announce(ctx context.Context, p *pass, round *esv1alpha1.PushSecretRotation, replaced []string) error {
	if round == nil && waits(p.ps) {
		round = p.ps.Status.Rotation
	}
	p.ps.Status.Rotation = round
	if len(replaced) > 0 {
		noteReplaced(p.ps, replaced, p.facts.Now)
	}
	if equality.Semantic.DeepEqual(p.before.Status.Rotation, round) && len(replaced) == 0 {
		return nil
	}
	err := c.Client.Status().Patch(ctx, p.ps, client.MergeFromWithOptions(p.before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errors.Join(errOutdated, err)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the status could not be written, without which nothing is replaced")
	}
	p.before = p.ps.DeepCopy()
	return nil
}

// push writes to one store what was planned, and notes at each place what became of it.
func (c *Controller) push(ctx context.Context, ps *esv1alpha1.PushSecret, t *target) error {
	if t.err != nil {
		return t.err
	}
	before := ps.Status.SyncedPushSecrets[t.id()]
	var failures []error
	for _, write := range t.writes {
		write.Pushed, write.Rival = pushedBefore(before, write), c.rival(ctx, ps, write.Key)
		err := t.session.Push(ctx, write)
		failures = append(failures, fault.In(err, "set secret failed: could not write remote ref %s to target secretstore %s", write.Key, t.Name))
		t.note(write, err == nil)
	}
	failures = append(failures, c.dropPrevious(ctx, ps, t))
	return combined(failures)
}

// pushedBefore returns the fields of a write that the status says were pushed before. An entry for the whole source stands
// for all of them.
func pushedBefore(synced map[string]esv1alpha1.PushSecretData, write providers.Write) []string {
	var fields []string
	for _, id := range slices.Sorted(maps.Keys(synced)) {
		match := synced[id].Match
		switch {
		case match.RemoteRef.RemoteKey != write.Key:
		case match.RemoteRef.Property == "" && match.SecretKey == "":
			return slices.Sorted(maps.Keys(write.Fields))
		default:
			fields = append(fields, match.RemoteRef.Property)
			if previous := synced[id].PreviousProperty; previous != "" {
				fields = append(fields, previous)
			}
		}
	}
	return fields
}

// merged returns what is in the stores after a push: what was there before, and what is there now.
func merged(before, now esv1alpha1.SyncedPushSecretsMap) esv1alpha1.SyncedPushSecretsMap {
	all := esv1alpha1.SyncedPushSecretsMap{}
	for _, from := range []esv1alpha1.SyncedPushSecretsMap{before, now} {
		for store, entries := range from {
			if all[store] == nil && len(entries) > 0 {
				all[store] = map[string]esv1alpha1.PushSecretData{}
			}
			maps.Copy(all[store], entries)
		}
	}
	return all
}

// unreached returns what the status lists for stores to which something could not be written.
func unreached(ps *esv1alpha1.PushSecret, wanted map[string]*target) esv1alpha1.SyncedPushSecretsMap {
	before := esv1alpha1.SyncedPushSecretsMap{}
	for id, entries := range ps.Status.SyncedPushSecrets {
		if t := wanted[id]; t != nil && t.failed {
			before[id] = entries
		}
	}
	return before
}

// combined joins errors into one. Its kind is that of the first error that waiting may mend, else of the first.
func combined(all []error) error {
	var messages []string
	var first *fault.Error
	for _, err := range all {
		if err == nil {
			continue
		}
		messages = append(messages, fault.Message(err))
		kind := fault.KindOf(err)
		if first == nil || (first.Kind.Lasting() && !kind.Lasting()) {
			first = &fault.Error{Kind: kind, RetryAfter: fault.RetryAfter(err), Cause: err}
		}
	}
	if first == nil {
		return nil
	}
	first.Message = strings.Join(messages, "; ")
	return first
}
