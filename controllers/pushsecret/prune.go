package pushsecret

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
)

// guard sets or removes the finalizer that deletionPolicy Delete needs.
func (c *Controller) guard(ctx context.Context, ps *esv1alpha1.PushSecret) error {
	before := ps.DeepCopy()
	var changed bool
	if ps.Spec.DeletionPolicyOrDefault() == esv1alpha1.DeletionDelete {
		changed = controllerutil.AddFinalizer(ps, esv1alpha1.FinalizerPushSecret)
	} else {
		changed = controllerutil.RemoveFinalizer(ps, esv1alpha1.FinalizerPushSecret)
	}
	if !changed {
		return nil
	}
	return client.IgnoreNotFound(c.Client.Patch(ctx, ps, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

// finalize removes what was pushed, then the finalizer.
func (c *Controller) finalize(ctx context.Context, ps *esv1alpha1.PushSecret) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(ps, esv1alpha1.FinalizerPushSecret) {
		return ctrl.Result{}, nil
	}
	c.pruneUnrecorded(ctx, ps)
	if _, err := c.prune(ctx, ps, ps.Status.SyncedPushSecrets, nil); err != nil {
		if c.Clock.Since(ps.DeletionTimestamp.Time) < report.CleanupPatience {
			return c.report(ctx, &pass{ps: ps, before: ps.DeepCopy()}, outcome{}, waiting(err))
		}
		c.Events.Eventf(ps, nil, corev1.EventTypeWarning, esv1alpha1.ReasonErrored, "Cleanup",
			"given up after %s: %s", report.CleanupPatience, fault.Message(err))
	}
	before := ps.DeepCopy()
	controllerutil.RemoveFinalizer(ps, esv1alpha1.FinalizerPushSecret)
	return ctrl.Result{}, client.IgnoreNotFound(
		c.Client.Patch(ctx, ps, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})),
	)
}

// pruneUnrecorded removes what the spec asks for and the status does not list: one that could not be written any more must
// leave nothing behind. What the PushSecret did not write stays. Most often there is nothing, so a failure holds nobody.
func (c *Controller) pruneUnrecorded(ctx context.Context, ps *esv1alpha1.PushSecret) {
	var inputs plan.Inputs
	stores, err := c.stores(ctx, ps, &inputs)
	unrecorded := esv1alpha1.SyncedPushSecretsMap{}
	for _, store := range stores {
		unrecorded[store.id()] = map[string]esv1alpha1.PushSecretData{}
		for _, data := range ps.Spec.Data {
			id := render.Entry{Data: data}.ID()
			if _, recorded := ps.Status.SyncedPushSecrets[store.id()][id]; !recorded {
				unrecorded[store.id()][id] = data
			}
		}
	}
	if err == nil {
		_, err = c.prune(ctx, ps, unrecorded, nil)
	}
	if err != nil {
		logf.FromContext(ctx).Info("what may have been pushed without being recorded could not be removed", "reason", fault.Message(err))
	}
}

// waiting makes every failure one that is tried again soon: a deletion does not wait for a change.
func waiting(err error) error {
	return &fault.Error{Kind: fault.Unavailable, Message: fault.Message(err), Cause: err}
}

// prune removes from the stores what synced lists and nothing in wanted asks for, and returns what is left. A store in
// which something failed keeps everything: what could not be written is still wanted.
func (c *Controller) prune(
	ctx context.Context,
	ps *esv1alpha1.PushSecret,
	synced esv1alpha1.SyncedPushSecretsMap,
	wanted map[string]*target,
) (esv1alpha1.SyncedPushSecretsMap, error) {
	left := esv1alpha1.SyncedPushSecretsMap{}
	var failures []error
	for _, id := range slices.Sorted(maps.Keys(synced)) {
		for _, entry := range slices.Sorted(maps.Keys(synced[id])) {
			data := synced[id][entry]
			err := c.remove(ctx, ps, id, data, wanted[id])
			if err == nil || (errors.Is(err, errWanted) && wanted[id].renamed(entry)) {
				continue
			}
			if !errors.Is(err, errWanted) {
				failures = append(failures, fault.In(err, "Failed to Delete Secrets from Provider: %s", entry))
			}
			if left[id] == nil {
				left[id] = map[string]esv1alpha1.PushSecretData{}
			}
			left[id][entry] = data
		}
	}
	return left, combined(failures)
}

// renamed says that what is wanted stands under another name in the status now.
func (t *target) renamed(entry string) bool {
	return !t.failed && !slices.ContainsFunc(t.places, func(p place) bool { return p.id == entry })
}

// errWanted says that an entry stays in its store.
var errWanted = errors.New("the entry is still wanted")

// remove takes one entry out of its store, but for what t still wants there; t is nil for a store that nothing is wanted in.
// A store that does not exist any more has nothing to be removed from.
func (c *Controller) remove(ctx context.Context, ps *esv1alpha1.PushSecret, storeID string, data esv1alpha1.PushSecretData, t *target) error {
	if t != nil && t.failed {
		return errWanted
	}
	session, err := c.reopen(ctx, ps, storeID)
	if errors.Is(err, stores.ErrOtherClass) {
		// The PushSecret is not another operator's for that: this one has to say that something stays.
		return fault.New(fault.Invalid, "%s is of another controller class by now, so that what was pushed there stays: "+
			"remove it there and set deletionPolicy None, or give the store back", storeID)
	}
	if err != nil || session == nil {
		return err
	}
	ref, options := data.Match.RemoteRef, render.Entry{Data: data}.Options()
	removal := providers.Removal{Key: ref.RemoteKey, Owner: owner(ps), Options: options}
	if ref.Property != "" {
		removal.Fields = []string{ref.Property}
		if data.PreviousProperty != "" {
			removal.Fields = append(removal.Fields, data.PreviousProperty)
		}
	}
	at, err := session.Locate(ctx, ref.RemoteKey, options)
	if err != nil {
		return err
	}
	if t != nil {
		keep, wanted := t.keeps(at, ref.Property)
		if wanted {
			return errWanted
		}
		removal.Keep = keep
	}
	return session.Delete(ctx, removal)
}

// keeps returns the fields of the remote secret at the given place that are wanted there, and whether the one of the given
// property is among them.
func (t *target) keeps(at, property string) (fields []string, wanted bool) {
	for i := range t.places {
		p := &t.places[i]
		if p.at != at {
			continue
		}
		own := p.Data.Match.RemoteRef.Property
		if own == property || (own == "" && p.fields == nil) {
			return nil, true
		}
		fields = append(append(fields, own), p.fields...)
		if p.Data.PreviousProperty != "" {
			fields = append(fields, p.Data.PreviousProperty)
		}
	}
	return fields, false
}

// reopen opens a store that the status names; nil when it does not exist any more.
func (c *Controller) reopen(ctx context.Context, ps *esv1alpha1.PushSecret, storeID string) (*stores.Session, error) {
	kind, name, _ := strings.Cut(storeID, "/")
	found, err := c.matching(ctx, ps.Namespace, &esv1alpha1.PushSecretStoreRef{Kind: kind, Name: name})
	if err != nil {
		return nil, err
	}
	if found[0].GetUID() == "" {
		return nil, nil //nolint:nilnil // no store is a value
	}
	return c.Stores.Open(ctx, ps.Namespace, esv1.SecretStoreRef{Kind: kind, Name: name})
}
