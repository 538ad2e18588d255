package clusterexternalsecret

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// ownerIndex is the name of the cache index that holds which ClusterExternalSecret controls an ExternalSecret.
const ownerIndex = "sluice.clusterexternalsecret"

// owners returns the name of the ClusterExternalSecret that controls an object; none when something else does, or nothing.
func owners(o client.Object) []string {
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.Kind != esv1.KindClusterExternalSecret {
		return nil
	}
	if version, err := schema.ParseGroupVersion(owner.APIVersion); err != nil || version.Group != esv1.Group {
		return nil
	}
	return []string{owner.Name}
}

// externalSecretChanges leaves out the changes of the status of an ExternalSecret, which are the business of its own
// controller.
func externalSecretChanges() predicate.Predicate {
	return predicate.Or(
		predicate.GenerationChangedPredicate{},
		predicate.LabelChangedPredicate{},
		predicate.AnnotationChangedPredicate{},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return !equality.Semantic.DeepEqual(e.ObjectOld.GetOwnerReferences(), e.ObjectNew.GetOwnerReferences())
		}},
	)
}

// concernedByExternalSecret names the ClusterExternalSecrets that an ExternalSecret is, or stands in the way of.
func (c *Controller) concernedByExternalSecret(ctx context.Context, o client.Object) []reconcile.Request {
	owner := strings.Join(owners(o), "")
	return c.pick(ctx, func(ces *esv1.ClusterExternalSecret) bool {
		return ces.Name == owner || ces.ChildName() == o.GetName()
	})
}

// namespaceChanges leaves out what no selection depends on.
func namespaceChanges() predicate.Predicate {
	return predicate.Or(
		predicate.LabelChangedPredicate{},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
		}},
	)
}

// concernedByNamespace names the ClusterExternalSecrets that select a namespace, and those whose finalizer it has, whether
// they exist or not.
func (c *Controller) concernedByNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	requests := c.pick(ctx, func(ces *esv1.ClusterExternalSecret) bool {
		chosen, err := selection(ces)
		return err == nil && chosen.Matches(o)
	})
	for _, finalizer := range o.GetFinalizers() {
		if name, ok := strings.CutPrefix(finalizer, namespaceFinalizerOfReference); ok {
			requests = append(requests, request(name))
		}
	}
	return requests
}

// pick names the ClusterExternalSecrets that accept is true for.
func (c *Controller) pick(ctx context.Context, accept func(*esv1.ClusterExternalSecret) bool) []reconcile.Request {
	var all esv1.ClusterExternalSecretList
	if err := c.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		logf.FromContext(ctx).Error(err, "find the ClusterExternalSecrets that a change concerns")
		return nil
	}
	var requests []reconcile.Request
	for i := range all.Items {
		if accept(&all.Items[i]) {
			requests = append(requests, request(all.Items[i].Name))
		}
	}
	return requests
}

func request(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}
