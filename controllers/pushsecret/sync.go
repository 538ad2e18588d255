package pushsecret

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/providers"
)

// outcome is what one sync did.
type outcome struct {
	// facts and decision are what it rested on.
	facts    plan.Facts
	decision plan.Decision
	// synced are the entries that are in the stores now, by store.
	synced esv1alpha1.SyncedPushSecretsMap
	// unchanged says that some value was there already and was left because of updatePolicy IfNotExists.
	unchanged bool
	// sourceGone says that the source Secret is gone, and with it what was pushed from it.
	sourceGone bool
}

// next is how long until the next look.
func (o outcome) next() time.Duration {
	if o.decision.Due {
		return plan.After(o.facts)
	}
	return o.decision.Next
}

// errSourceGone says that the source Secret does not exist.
var errSourceGone = errors.New("the source secret does not exist")

func (c *Controller) sync(ctx context.Context, ps *esv1alpha1.PushSecret) (outcome, error) {
	out := outcome{synced: ps.Status.SyncedPushSecrets}
	w, err := c.observe(ctx, ps)
	if err != nil {
		return out, err
	}
	generated := ps.Spec.Selector.GeneratorRef != nil
	replaces := ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateReplace
	out.facts, out.decision = w.facts, plan.Push(w.facts, generated, replaces)
	logf.FromContext(ctx).V(1).Info("planned", out.decision.Fields()...)
	if !out.decision.Due {
		return out, nil
	}
	err = c.deliver(ctx, ps, w, &out)
	if errors.Is(err, errSourceGone) && ps.Spec.DeletionPolicyOrDefault() == esv1alpha1.DeletionDelete && (len(out.synced) > 0 || cleaned(ps)) {
		out.sourceGone = true
		out.synced, err = c.prune(ctx, ps, ps.Status.SyncedPushSecrets, nil)
	}
	return out, err
}

// cleaned says whether what was pushed was removed before, because the source is gone.
func cleaned(ps *esv1alpha1.PushSecret) bool {
	ready := meta.FindStatusCondition(ps.Status.Conditions, esv1.ConditionReady)
	return ready != nil && ready.Reason == esv1alpha1.ReasonSourceDeleted
}

// deliver brings the source into every store, and takes away what is not wanted any more. It goes on after a failure, so
// that one store that is out of reach does not keep the value from the others; a store with a failure loses nothing.
func (c *Controller) deliver(ctx context.Context, ps *esv1alpha1.PushSecret, w observed, out *outcome) error {
	source, targets, err := c.prepare(ctx, ps, w, out.decision.Rotate)
	if err != nil {
		return err
	}
	pushed := esv1alpha1.SyncedPushSecretsMap{}
	wanted := map[string]*target{}
	var failures []error
	for _, t := range targets {
		err := c.push(ctx, ps, t, source)
		failures = append(failures, err)
		t.failed = err != nil
		out.unchanged = out.unchanged || t.left
		pushed[t.id()] = t.pushed()
		wanted[t.id()] = t
	}
	out.synced = merged(ps.Status.SyncedPushSecrets, pushed)
	if ps.Spec.DeletionPolicyOrDefault() == esv1alpha1.DeletionDelete {
		var err error
		out.synced, err = c.prune(ctx, ps, out.synced, wanted)
		failures = append(failures, err)
	}
	return combined(failures)
}

// push writes to one store, and notes at each place what became of it.
func (c *Controller) push(ctx context.Context, ps *esv1alpha1.PushSecret, t *target, source render.Source) error {
	if t.err != nil {
		return t.err
	}
	before := ps.Status.SyncedPushSecrets[t.id()]
	var entries []render.Entry
	for i := range t.places {
		p := &t.places[i]
		if p.exists && ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateIfNotExists {
			t.left = true
			_, p.done = before[p.ID()]
			continue
		}
		entries = append(entries, p.Entry)
	}
	writes, err := render.Writes(entries, source, owner(ps), ps.Spec.UpdatePolicy == esv1alpha1.UpdateReplace)
	if err != nil {
		return fault.In(err, "set secret failed")
	}
	var failures []error
	for _, write := range writes {
		write.Pushed = pushedBefore(before, write)
		err := t.session.Push(ctx, write)
		failures = append(failures, fault.In(err, "set secret failed: could not write remote ref %s to target secretstore %s", write.Key, t.Name))
		t.note(write, err == nil)
	}
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

// owner returns the field manager under which a PushSecret writes. It is short enough for the API server and for no two
// PushSecrets the same.
func owner(ps metav1.Object) string {
	if name := esv1alpha1.FieldManagerPrefix + ps.GetNamespace() + "/" + ps.GetName(); len(name) <= maxFieldManager {
		return name
	}
	return esv1alpha1.FieldManagerPrefix + "sha3/" + plan.Digest(ps.GetNamespace()+"/"+ps.GetName())
}

// maxFieldManager is the longest field manager that an API server accepts.
const maxFieldManager = 128
