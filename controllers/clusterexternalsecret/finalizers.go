package clusterexternalsecret

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// The finalizers that the reference implementation sets, on every ClusterExternalSecret and on each namespace that it
// selects. An owner reference does their work here; what comes from there must still be let go. That of a namespace ends
// with the name of the ClusterExternalSecret.
const (
	finalizerOfReference          = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"
	namespaceFinalizerOfReference = "externalsecrets.external-secrets.io/ces-"
)

// release lets a ClusterExternalSecret go that is being deleted.
func (c *Controller) release(ctx context.Context, ces *esv1.ClusterExternalSecret) error {
	err := c.releaseNamespaces(ctx, ces.Name)
	before := ces.DeepCopy()
	if !controllerutil.RemoveFinalizer(ces, finalizerOfReference) {
		return err
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return errors.Join(err, client.IgnoreNotFound(c.Client.Patch(ctx, ces, patch)))
}

// releaseNamespaces takes the finalizer of the ClusterExternalSecret of the name, which need not exist, off all namespaces.
func (c *Controller) releaseNamespaces(ctx context.Context, name string) error {
	var namespaces corev1.NamespaceList
	if err := c.Client.List(ctx, &namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	var all []error
	for i := range namespaces.Items {
		all = append(all, c.releaseNamespace(ctx, &namespaces.Items[i], name))
	}
	return errors.Join(all...)
}

// releaseNamespace takes the finalizer of the ClusterExternalSecret of the name off one namespace, which is left as it is
// in memory.
func (c *Controller) releaseNamespace(ctx context.Context, namespace *corev1.Namespace, name string) error {
	finalizer := namespaceFinalizerOfReference + name
	if !controllerutil.ContainsFinalizer(namespace, finalizer) {
		return nil
	}
	released := namespace.DeepCopy()
	controllerutil.RemoveFinalizer(released, finalizer)
	err := c.Client.Patch(ctx, released, client.MergeFromWithOptions(namespace, client.MergeFromWithOptimisticLock{}))
	switch {
	case client.IgnoreNotFound(err) == nil:
		return nil
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err, "namespace %q has the finalizer %s and cannot be deleted, and the operator may not take it "+
			"off: apply config/migration, or grant it the verb \"patch\" on namespaces", namespace.Name, finalizer)
	default:
		return fault.Wrap(fault.Unavailable, err, "finalizer %s could not be taken off namespace %q", finalizer, namespace.Name)
	}
}
