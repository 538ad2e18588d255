package fanout

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
)

// ownerIndex is the name of the cache index that holds which parent controls a child.
func (k *kinds) ownerIndex() string { return "sluice." + k.name }

// owners returns the name of the parent that controls an object; none when something else does, or nothing.
func (k *kinds) owners(o client.Object) []string {
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.Kind != k.parentKind.Kind {
		return nil
	}
	if version, err := schema.ParseGroupVersion(owner.APIVersion); err != nil || version.Group != k.parentKind.Group {
		return nil
	}
	return []string{owner.Name}
}

// childChanges leaves out the changes of the status of a child, which are the business of its own controller.
func childChanges() predicate.Predicate {
	return predicate.Or(
		predicate.GenerationChangedPredicate{},
		predicate.LabelChangedPredicate{},
		predicate.AnnotationChangedPredicate{},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return !equality.Semantic.DeepEqual(e.ObjectOld.GetOwnerReferences(), e.ObjectNew.GetOwnerReferences())
		}},
	)
}

// concernedByChild names the parents whose child an object is, or in whose way it stands.
func (c *Controller) concernedByChild(ctx context.Context, o client.Object) []reconcile.Request {
	owner := strings.Join(c.kinds.owners(o), "")
	return c.pick(ctx, func(parent client.Object, ask asked) bool {
		return parent.GetName() == owner || ask.childName == o.GetName()
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

// concernedByNamespace names the parents that select a namespace, and those whose finalizer it has, whether they exist or
// not.
func (c *Controller) concernedByNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	requests := c.pick(ctx, func(_ client.Object, ask asked) bool {
		chosen, err := ask.selection()
		return err == nil && chosen.Matches(o)
	})
	for _, name := range c.kinds.former.parents(o) {
		requests = append(requests, request(name))
	}
	return requests
}

// pick names the parents that accept is true for.
func (c *Controller) pick(ctx context.Context, accept func(parent client.Object, ask asked) bool) []reconcile.Request {
	all := c.kinds.newParents()
	if err := c.Client.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		logf.FromContext(ctx).Error(err, "find the objects that a change concerns", "kind", c.kinds.parentKind.Kind)
		return nil
	}
	var requests []reconcile.Request
	for _, parent := range items(all) {
		if accept(parent, c.kinds.ask(parent)) {
			requests = append(requests, request(parent.GetName()))
		}
	}
	return requests
}

func request(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}
