package pushsecret

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// pass is one look at a PushSecret.
type pass struct {
	// ps is what is worked with, before what the API server is known to have.
	ps, before *esv1alpha1.PushSecret
	// facts are the world as this pass sees it, before anything secret is read.
	facts plan.Facts
	// stores are those that are pushed to.
	stores []selected
	// changes in stores that the PushSecret has not looked at.
	changes int
	// leases of the PushSecret, and the transaction in which more are obtained.
	leases []lease.State
	tx     *lease.Tx
}

// selected is a store that a PushSecret pushes to.
type selected struct {
	esv1.SecretStoreRef

	labels labels.Set
}

// id names the store as the status does.
func (s selected) id() string { return s.KindOrDefault() + "/" + s.Name }

func (c *Controller) observe(ctx context.Context, p *pass) error {
	ps := p.ps
	if ps.Status.ObservedGeneration == 0 {
		// A request that stood there before Sluice first looked was another operator's, which does not record what it handled.
		ps.Status.LastHandledForceSync, ps.Status.LastHandledRotate = plan.ForceSync(ps), rotateRequest(ps)
	}
	var inputs plan.Inputs
	stores, err := c.stores(ctx, ps, &inputs)
	if err != nil {
		return err
	}
	if err := c.sources(ctx, ps, &inputs); err != nil {
		return err
	}
	p.stores = stores
	c.followers.Follow(ctx, ps, refsOf(stores))
	p.facts = plan.Facts{
		Now:              c.Clock.Now(),
		Policy:           esv1.RefreshPeriodic,
		Interval:         ps.Spec.RefreshIntervalOrDefault(),
		IntervalWritten:  ps.Spec.RefreshInterval != nil,
		Identity:         string(ps.UID),
		RefreshTime:      c.refreshed.Latest(ps, ps.Status.RefreshTime),
		Version:          plan.Version(ps),
		SyncedVersion:    ps.Status.SyncedResourceVersion,
		Inputs:           inputs.Digest(),
		SyncedInputs:     ps.Status.SyncedInputs,
		ForceSync:        plan.ForceSync(ps),
		HandledForceSync: ps.Status.LastHandledForceSync,
		Rotate:           rotateRequest(ps),
		HandledRotate:    ps.Status.LastHandledRotate,
		SourceChanged:    p.changes > 0,
		Rotating:         ps.Status.Rotation != nil,
	}
	if rotates(ps) && ps.Status.LastRotationTime != nil {
		p.facts.Rotated = ps.Status.LastRotationTime.Time
	}
	p.facts.PreviousOver = previousOver(ps, p.facts.RefreshTime)
	return c.account(ctx, p)
}

func refsOf(stores []selected) []esv1.SecretStoreRef {
	refs := make([]esv1.SecretStoreRef, 0, len(stores))
	for _, store := range stores {
		refs = append(refs, store.SecretStoreRef)
	}
	return refs
}

// rotates says whether the interval of a PushSecret is one at which its generator makes new values.
func rotates(ps *esv1alpha1.PushSecret) bool {
	return ps.Spec.Selector.GeneratorRef != nil && ps.Spec.RefreshInterval != nil &&
		ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateReplace
}

func rotateRequest(ps *esv1alpha1.PushSecret) string {
	return ps.Annotations[esv1.AnnotationRotate]
}

// stores resolves secretStoreRefs: each store once, in the order of the references. A store that is named and does not
// exist is kept: opening it says so.
func (c *Controller) stores(ctx context.Context, ps *esv1alpha1.PushSecret, inputs *plan.Inputs) ([]selected, error) {
	var all []selected
	seen := map[string]bool{}
	for i := range ps.Spec.SecretStoreRefs {
		ref := &ps.Spec.SecretStoreRefs[i]
		found, err := c.matching(ctx, ps.Namespace, ref)
		if err != nil {
			return nil, fault.In(err, "spec.secretStoreRefs[%d]", i)
		}
		for _, store := range found {
			s := selected{SecretStoreRef: esv1.SecretStoreRef{Kind: ref.KindOrDefault(), Name: store.GetName()}, labels: store.GetLabels()}
			if seen[s.id()] {
				continue
			}
			seen[s.id()] = true
			all = append(all, s)
			inputs.Add(s.Kind, types.NamespacedName{Namespace: store.GetNamespace(), Name: s.Name}, store.GetUID(), plan.Generation(store))
		}
	}
	return all, nil
}

// matching returns the store that ref names, or those that it selects, sorted by name.
func (c *Controller) matching(ctx context.Context, namespace string, ref *esv1alpha1.PushSecretStoreRef) ([]client.Object, error) {
	if ref.KindOrDefault() == esv1.KindClusterSecretStore {
		namespace = ""
	}
	if ref.LabelSelector == nil {
		object := emptyStore(ref.KindOrDefault())
		if err := c.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, object); client.IgnoreNotFound(err) != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "%s %q could not be read", ref.KindOrDefault(), ref.Name)
		}
		object.SetName(ref.Name)
		return []client.Object{object}, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(ref.LabelSelector)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "labelSelector is not valid")
	}
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: selector}, client.InNamespace(namespace)}
	found, err := c.list(ctx, ref.KindOrDefault(), options)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "stores of kind %s could not be listed", ref.KindOrDefault())
	}
	slices.SortFunc(found, func(a, b client.Object) int { return strings.Compare(a.GetName(), b.GetName()) })
	return found, nil
}

func emptyStore(kind string) client.Object {
	if kind == esv1.KindClusterSecretStore {
		return &esv1.ClusterSecretStore{}
	}
	return &esv1.SecretStore{}
}

func (c *Controller) list(ctx context.Context, kind string, options []client.ListOption) ([]client.Object, error) {
	var found []client.Object
	if kind == esv1.KindClusterSecretStore {
		var list esv1.ClusterSecretStoreList
		err := c.Client.List(ctx, &list, options...)
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
		return found, err
	}
	var list esv1.SecretStoreList
	err := c.Client.List(ctx, &list, options...)
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	return found, err
}

// sources notes the state of the source Secrets and of the template sources, from their metadata.
func (c *Controller) sources(ctx context.Context, ps *esv1alpha1.PushSecret, inputs *plan.Inputs) error {
	if source := ps.Spec.Selector.Secret; source != nil && source.Selector != nil {
		selector, err := metav1.LabelSelectorAsSelector(source.Selector)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "spec.selector.secret.selector is not valid")
		}
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(wakeup.Metadata(wakeup.KindSecret).GroupVersionKind())
		err = c.Notices.List(ctx, list, client.InNamespace(ps.Namespace), client.MatchingLabelsSelector{Selector: selector})
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "secrets could not be listed")
		}
		for i := range list.Items {
			o := &list.Items[i]
			inputs.Add(wakeup.KindSecret, client.ObjectKeyFromObject(o), o.UID, o.ResourceVersion)
		}
	}
	refs := wakeup.TemplateSources(ps.Spec.Template)
	if source := ps.Spec.Selector.Secret; source != nil && source.Name != "" {
		refs = append(refs, wakeup.TemplateSource{Kind: wakeup.KindSecret, Name: source.Name})
	}
	for _, ref := range refs {
		name := types.NamespacedName{Namespace: ps.Namespace, Name: ref.Name}
		object := wakeup.Metadata(ref.Kind)
		if err := client.IgnoreNotFound(c.Notices.Get(ctx, name, object)); err != nil {
			return fault.Wrap(fault.Unavailable, err, "%s %q could not be read", ref.Kind, ref.Name)
		}
		inputs.Add(ref.Kind, name, object.UID, object.ResourceVersion)
	}
	return nil
}
