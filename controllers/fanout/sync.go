package fanout

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// outcome is what one sync did.
type outcome struct {
	// provisioned are the namespaces that have what they should, sorted.
	provisioned []string
	failed      failures
	missing     []string
	// raced is a write that came too late: something changed at the same moment.
	raced error
}

// sync brings every namespace into the wanted state; a failure in one does not keep it from the others. An error is of the
// whole: fault.Invalid when the spec does not say which namespaces are meant, another one when it has to be done again.
func (c *Controller) sync(ctx context.Context, want *wanted) (outcome, error) {
	chosen, err := want.selection()
	if err != nil {
		return outcome{}, err
	}
	w, err := c.observe(ctx, want, chosen)
	if err != nil {
		return outcome{}, err
	}
	d := decide(want, chosen, w)
	out := outcome{provisioned: d.keep, failed: d.failed, missing: d.missing}
	// Before what is written: under another name, the same target must not have two.
	for _, child := range d.remove {
		out.note(child.GetNamespace(), c.remove(ctx, child))
	}
	for _, p := range d.write {
		if out.failed[p.namespace] != nil {
			continue
		}
		err := c.write(ctx, want, p)
		switch {
		case going(err):
		case err != nil:
			out.note(p.namespace, fault.OfWrite(err, "patch", c.kinds.object(want.childName, p.namespace)))
		default:
			out.provisioned = append(out.provisioned, p.namespace)
		}
	}
	for i := range w.namespaces {
		out.note(w.namespaces[i].Name, c.releaseNamespace(ctx, &w.namespaces[i], want.parent.GetName()))
	}
	slices.Sort(out.provisioned)
	return out, out.raced
}

// note keeps the first failure of a namespace.
func (o *outcome) note(namespace string, err error) {
	switch {
	case err == nil:
	case apierrors.IsConflict(err):
		o.raced = err
	case o.failed[namespace] == nil:
		o.failed[namespace] = err
	}
}

// observe reads the world, from caches. Nothing in it may be changed: it is what the caches hold.
func (c *Controller) observe(ctx context.Context, want *wanted, chosen plan.Selection) (world, error) {
	var namespaces corev1.NamespaceList
	if err := c.Client.List(ctx, &namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return world{}, err
	}
	children, owned := c.kinds.newChildren(), client.MatchingFields{c.kinds.ownerIndex(): want.parent.GetName()}
	if err := c.Client.List(ctx, children, owned, client.UnsafeDisableDeepCopy); err != nil {
		return world{}, err
	}
	found := map[types.NamespacedName]client.Object{}
	for _, child := range items(children) {
		found[client.ObjectKeyFromObject(child)] = child
	}
	for i := range namespaces.Items {
		at := types.NamespacedName{Namespace: namespaces.Items[i].Name, Name: want.childName}
		if found[at] != nil || !eligible(chosen, &namespaces.Items[i]) {
			continue
		}
		child := c.kinds.newChild()
		switch err := c.Client.Get(ctx, at, child); {
		case err == nil:
			found[at] = child
		case !apierrors.IsNotFound(err):
			return world{}, err
		}
	}
	return world{namespaces: namespaces.Items, found: found}, nil
}

// items are the objects in a list, and no copies of them.
func items(list client.ObjectList) []client.Object {
	all := make([]client.Object, 0, meta.LenList(list))
	// It fails for what is no list alone.
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if object, ok := item.(client.Object); ok {
			all = append(all, object)
		}
		return nil
	})
	return all
}
