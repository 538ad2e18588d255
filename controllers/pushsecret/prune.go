package pushsecret

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/providers"
)

// cleanupPatience is how long the deletion of a PushSecret waits for a store that cannot be cleaned. After it the
// PushSecret goes, so that its namespace can.
const cleanupPatience = 2 * time.Minute

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
	if _, err := c.prune(ctx, ps, ps.Status.SyncedPushSecrets, nil); err != nil {
		if c.Clock.Since(ps.DeletionTimestamp.Time) < cleanupPatience {
			return ctrl.Result{}, err
		}
		c.Events.Eventf(ps, nil, corev1.EventTypeWarning, esv1alpha1.ReasonErrored, "Cleanup",
			"given up after %s: %s", cleanupPatience, fault.Message(err))
	}
	before := ps.DeepCopy()
	controllerutil.RemoveFinalizer(ps, esv1alpha1.FinalizerPushSecret)
	return ctrl.Result{}, client.IgnoreNotFound(
		c.Client.Patch(ctx, ps, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})),
	)
}

// prune removes from the stores what synced lists and desired does not, and returns what is left.
func (c *Controller) prune(
	ctx context.Context,
	ps *esv1alpha1.PushSecret,
	synced, desired esv1alpha1.SyncedPushSecretsMap,
) (esv1alpha1.SyncedPushSecretsMap, error) {
	left := esv1alpha1.SyncedPushSecretsMap{}
	var failures []error
	for _, id := range slices.Sorted(maps.Keys(synced)) {
		for _, entry := range slices.Sorted(maps.Keys(synced[id])) {
			data := synced[id][entry]
			if _, wanted := desired[id][entry]; !wanted {
				err := c.remove(ctx, ps, id, data)
				if err == nil {
					continue
				}
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

// remove takes one entry out of its store. A store that does not exist any more has nothing to be removed from.
func (c *Controller) remove(ctx context.Context, ps *esv1alpha1.PushSecret, storeID string, data esv1alpha1.PushSecretData) error {
	kind, name, _ := strings.Cut(storeID, "/")
	found, err := c.matching(ctx, ps.Namespace, &esv1alpha1.PushSecretStoreRef{Kind: kind, Name: name})
	if err != nil {
		return err
	}
	if found[0].GetUID() == "" {
		return nil
	}
	session, err := c.Stores.Open(ctx, ps.Namespace, esv1.SecretStoreRef{Kind: kind, Name: name})
	if err != nil {
		return err
	}
	removal := providers.Removal{Key: data.Match.RemoteRef.RemoteKey, Owner: owner(ps), Options: render.Entry{Data: data}.Options()}
	if property := data.Match.RemoteRef.Property; property != "" {
		removal.Fields = []string{property}
	}
	return session.Delete(ctx, removal)
}
