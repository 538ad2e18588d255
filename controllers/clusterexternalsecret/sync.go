package clusterexternalsecret

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
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
func (c *Controller) sync(ctx context.Context, ces *esv1.ClusterExternalSecret) (outcome, error) {
	chosen, err := selection(ces)
	if err != nil {
		return outcome{}, err
	}
	w, err := c.observe(ctx, ces, chosen)
	if err != nil {
		return outcome{}, err
	}
	d := decide(ces, chosen, w)
	out := outcome{provisioned: d.keep, failed: d.failed, missing: d.missing}
	// Before what is written: under another name, the same target must not have two.
	for _, es := range d.remove {
		out.note(es.Namespace, c.remove(ctx, es))
	}
	want := newWanted(ces)
	for _, p := range d.write {
		if out.failed[p.namespace] != nil {
			continue
		}
		err := c.write(ctx, ces, &want, p)
		switch {
		case going(err):
		case err != nil:
			out.note(p.namespace, fault.OfWrite(err, "patch", called(want.name, p.namespace)))
		default:
			out.provisioned = append(out.provisioned, p.namespace)
		}
	}
	for i := range w.namespaces {
		out.note(w.namespaces[i].Name, c.releaseNamespace(ctx, &w.namespaces[i], ces.Name))
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
func (c *Controller) observe(ctx context.Context, ces *esv1.ClusterExternalSecret, chosen plan.Selection) (world, error) {
	var namespaces corev1.NamespaceList
	if err := c.Client.List(ctx, &namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return world{}, err
	}
	var children esv1.ExternalSecretList
	if err := c.Client.List(ctx, &children, client.MatchingFields{ownerIndex: ces.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return world{}, err
	}
	found := make(map[types.NamespacedName]*esv1.ExternalSecret, len(children.Items))
	for i := range children.Items {
		found[client.ObjectKeyFromObject(&children.Items[i])] = &children.Items[i]
	}
	for i := range namespaces.Items {
		at := types.NamespacedName{Namespace: namespaces.Items[i].Name, Name: ces.ChildName()}
		if found[at] != nil || !eligible(chosen, &namespaces.Items[i]) {
			continue
		}
		var es esv1.ExternalSecret
		switch err := c.Client.Get(ctx, at, &es); {
		case err == nil:
			found[at] = &es
		case !apierrors.IsNotFound(err):
			return world{}, err
		}
	}
	return world{namespaces: namespaces.Items, found: found}, nil
}
