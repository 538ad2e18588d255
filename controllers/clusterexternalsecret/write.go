package clusterexternalsecret

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// author is the field manager of every write.
const author = client.FieldOwner(esv1.FieldManagerClusterExternalSecret)

// write makes the ExternalSecret of a namespace what is wanted. The error is that of the API server.
func (c *Controller) write(ctx context.Context, ces *esv1.ClusterExternalSecret, want *wanted, p place) error {
	config := want.in(p.namespace, ces, p.existing)
	if p.existing == nil {
		// Nothing is forced: what somebody else has made meanwhile is left alone.
		return c.Client.Apply(ctx, config, author)
	}
	if err := c.Client.Apply(ctx, config, author, client.ForceOwnership); err != nil {
		return err
	}
	return c.prune(ctx, want, config, written(p.existing))
}

// prune takes out of an ExternalSecret what applying leaves there because somebody else wrote it too: any other field of
// its spec, and the labels and annotations that were once wanted.
func (c *Controller) prune(ctx context.Context, want *wanted, applied *configuration, before record) error {
	base := &esv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: *applied.Namespace, Name: *applied.Name, Labels: applied.Labels, Annotations: applied.Annotations,
		},
		Spec: *applied.Spec,
	}
	pruned := base.DeepCopy()
	pruned.Spec = *want.spec.DeepCopy()
	for _, key := range without(before.labels, want.labels) {
		delete(pruned.Labels, key)
	}
	for _, key := range without(before.annotations, want.annotations) {
		delete(pruned.Annotations, key)
	}
	if equality.Semantic.DeepEqual(base, pruned) {
		return nil
	}
	return c.Client.Patch(ctx, pruned, client.MergeFrom(base), author)
}

func (c *Controller) remove(ctx context.Context, es *esv1.ExternalSecret) error {
	err := c.Client.Delete(ctx, es.DeepCopy(), client.Preconditions{UID: &es.UID})
	return fault.OfWrite(client.IgnoreNotFound(err), "delete", called(es.Name, es.Namespace))
}

// going says that a write failed because the namespace is being deleted, or is gone already.
func going(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// called is how errors and rights name an ExternalSecret.
func called(name, namespace string) fault.Object {
	return fault.Object{Kind: "external secret", Resource: "externalsecrets", Namespace: namespace, Name: name}
}
