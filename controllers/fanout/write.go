package fanout

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/internal/fault"
)

// write makes the child of a namespace what is wanted. The error is that of the API server.
func (c *Controller) write(ctx context.Context, want *wanted, p place) error {
	config, author := want.in(p.namespace, p.existing), client.FieldOwner(c.kinds.author)
	if p.existing == nil {
		// Nothing is forced: what somebody else has made meanwhile is left alone.
		return c.Client.Apply(ctx, config, author)
	}
	if err := c.Client.Apply(ctx, config, author, client.ForceOwnership); err != nil {
		return err
	}
	base, pruned := want.prune(config, c.kinds.written(p.existing))
	if equality.Semantic.DeepEqual(base, pruned) {
		return nil
	}
	return c.Client.Patch(ctx, pruned, client.MergeFrom(base), author)
}

// prune returns a child as applying has left it, and without what somebody else wrote too: any other field of its spec, and the
// labels and annotations that were once wanted.
func (w *wanted) prune(applied *configuration, before record) (base, pruned client.Object) {
	base, pruned = applied.child, w.child()
	for _, o := range []client.Object{base, pruned} {
		o.SetNamespace(*applied.Namespace)
		o.SetName(*applied.Name)
		o.SetLabels(maps.Clone(applied.Labels))
		o.SetAnnotations(maps.Clone(applied.Annotations))
	}
	for _, key := range without(before.labels, w.labels) {
		delete(pruned.GetLabels(), key)
	}
	for _, key := range without(before.annotations, w.annotations) {
		delete(pruned.GetAnnotations(), key)
	}
	return base, pruned
}

func (c *Controller) remove(ctx context.Context, child client.Object) error {
	uid := child.GetUID()
	at := c.kinds.newChild()
	at.SetNamespace(child.GetNamespace())
	at.SetName(child.GetName())
	err := c.Client.Delete(ctx, at, client.Preconditions{UID: &uid})
	return fault.OfWrite(client.IgnoreNotFound(err), "delete", c.kinds.object(child.GetName(), child.GetNamespace()))
}

// going says that a write failed because the namespace is being deleted, or is gone already.
func going(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// object is how errors and rights name a child.
func (k *kinds) object(name, namespace string) fault.Object {
	return fault.Object{Kind: k.called, Resource: k.resource, Namespace: namespace, Name: name}
}
