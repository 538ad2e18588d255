package fanout

import (
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/sluice-operator/sluice/internal/fault"
)

// finalizers are those that the reference implementation sets, on every parent and on each namespace that it selects; empty
// where it sets none. An owner reference does their work here; what comes from there must still be let go. That of a namespace
// ends with the name of the parent.
type finalizers struct {
	parent, namespace string
}

// parents returns the names of the parents that have left their finalizer on a namespace.
func (f finalizers) parents(namespace client.Object) []string {
	if f.namespace == "" {
		return nil
	}
	var names []string
	for _, finalizer := range namespace.GetFinalizers() {
		if name, ok := strings.CutPrefix(finalizer, f.namespace); ok {
			names = append(names, name)
		}
	}
	return names
}

// release lets a parent go that is being deleted.
func (c *Controller) release(ctx context.Context, parent client.Object) error {
	err := c.releaseNamespaces(ctx, parent.GetName())
	released := copyOf(parent)
	if !controllerutil.RemoveFinalizer(released, c.kinds.former.parent) {
		return err
	}
	patch := client.MergeFromWithOptions(parent, client.MergeFromWithOptimisticLock{})
	return errors.Join(err, client.IgnoreNotFound(c.Client.Patch(ctx, released, patch)))
}

// releaseNamespaces takes the finalizer of the parent of the name, which need not exist, off all namespaces.
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

// releaseNamespace takes the finalizer of the parent of the name off one namespace, which is left as it is in memory.
func (c *Controller) releaseNamespace(ctx context.Context, namespace *corev1.Namespace, name string) error {
	if !slices.Contains(c.kinds.former.parents(namespace), name) {
		return nil
	}
	finalizer := c.kinds.former.namespace + name
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
