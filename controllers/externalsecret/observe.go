package externalsecret

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// observed is the world as one sync sees it.
type observed struct {
	target *apply.Target // nil when there is none
	apply.Observed
	facts plan.Facts
	// fresh says that no delivery by this very object is on record.
	fresh bool
	// generated are the names of the generated values that were read, after rewrites.
	generated []string
	// leases are what generators have obtained for this object so far, tx is what they obtain now.
	leases []lease.State
	tx     *lease.Tx
	// entries are what was done about each generator, carried what the target said of leases before.
	entries []entry
	carried string
	// keys are those of which a rotation is asked for; all when empty. rotated says that there was one.
	keys    []string
	rotated bool
}

// fillsOnly says that the target was there before an object that is delivered only once: the values that it has stay.
func (w *observed) fillsOnly() bool {
	return w.fresh && plan.Frozen(w.facts) && w.target != nil
}

// shared returns the target as an object of another kind than Secret that others write too; nil when it is not such.
func (w *observed) shared(es *esv1.ExternalSecret) map[string]any {
	policy := es.Spec.Target.CreationPolicyOrDefault()
	if w.target == nil || (policy != esv1.CreateMerge && policy != esv1.CreateOrMerge) {
		return nil
	}
	if object, ok := w.target.Object.(*unstructured.Unstructured); ok {
		return object.Object
	}
	return nil
}

// holds says that the target is what es makes of the inputs with the given fingerprint, so that nothing need be rendered.
func (w *observed) holds(es *esv1.ExternalSecret, inputHash string) bool {
	owned := es.Spec.Target.CreationPolicyOrDefault() != esv1.CreateOwner || (w.target != nil && metav1.IsControlledBy(w.target, es))
	return owned && w.State == plan.TargetIntact && w.InputHash == inputHash
}

// complete says whether the target has everything though nothing can be rendered, because a template has used a generated
// value up: it is intact, the spec is the one that it was made from, or nobody knows another one, and neither a source nor
// a lease that ends has a part in what is due.
func (w *observed) complete(es *esv1.ExternalSecret, d plan.Decision) bool {
	if w.State != plan.TargetIntact || es.Spec.Target.Template == nil || plan.Renews(w.facts) {
		return false
	}
	about := slices.Contains([]plan.Reason{plan.ReasonObjectChanged, plan.ReasonTargetDrifted, plan.ReasonTargetUnknown}, d.Reason)
	touched := w.fresh || (about && w.facts.Inputs == w.facts.SyncedInputs)
	return w.applied(es) && (touched || onlyGenerated(&es.Spec))
}

// applied says whether the spec is the one that the target was made from, as far as anybody knows.
func (w *observed) applied(es *esv1.ExternalSecret) bool {
	return w.fresh || plan.SyncedGeneration(w.facts.SyncedVersion) == es.Generation
}

func (c *Controller) observe(ctx context.Context, es *esv1.ExternalSecret) (observed, error) {
	windows, err := plan.ParseWindows(es.Spec.SyncWindows)
	if err != nil {
		return observed{}, err
	}
	inputs, err := c.inputs(ctx, es)
	if err != nil {
		return observed{}, err
	}
	target, err := c.target(ctx, es)
	if err != nil {
		return observed{}, err
	}
	seen, err := apply.Observe(es, target, c.Hasher)
	if err != nil {
		return observed{}, err
	}
	w := observed{
		target:   target,
		Observed: seen,
		fresh:    es.Status.SyncedResourceVersion == "" || es.Status.RefreshTime == nil,
		facts: plan.Facts{
			Now:              c.Clock.Now(),
			Policy:           es.Spec.RefreshPolicyOrDefault(),
			Interval:         es.Spec.RefreshIntervalOrDefault(),
			IntervalWritten:  es.Spec.RefreshInterval != nil,
			Identity:         string(es.UID),
			Windows:          windows,
			RefreshTime:      c.refreshed.Latest(es, es.Status.RefreshTime),
			Version:          plan.Version(es),
			SyncedVersion:    es.Status.SyncedResourceVersion,
			Inputs:           inputs,
			SyncedInputs:     es.Status.SyncedInputs,
			ForceSync:        plan.ForceSync(es),
			HandledForceSync: c.refreshed.Handled(es, es.Status.LastHandledForceSync),
			Rotate:           es.Annotations[esv1.AnnotationRotate],
			HandledRotate:    es.Status.LastHandledRotate,
			Target:           state(es, target, seen),
		},
	}
	w.tx = c.Generators.Begin(ownerOf(es), w.request())
	w.tx.Patient()
	return w, c.account(ctx, es, &w, false)
}

// state is that of the target for the plan. One that has lost its owner is not intact: nobody would delete it. An orphan is
// let go once it is delivered: that somebody deletes it is no more a reason for a refresh than that somebody edits it.
func state(es *esv1.ExternalSecret, target *apply.Target, seen apply.Observed) plan.Target {
	policy := es.Spec.Target.CreationPolicyOrDefault()
	switch {
	case policy == esv1.CreateOwner && seen.State == plan.TargetIntact && !metav1.IsControlledBy(target, es):
		return plan.TargetDrifted
	case policy == esv1.CreateOrphan && target == nil && former(es) == nil:
		return plan.TargetIntact
	default:
		return seen.State
	}
}

// inputs returns the state of the stores and template sources that es refers to.
func (c *Controller) inputs(ctx context.Context, es *esv1.ExternalSecret) (string, error) {
	var inputs plan.Inputs
	for _, ref := range storeRefs(&es.Spec) {
		store, name := storeObject(ref, es.Namespace)
		if err := client.IgnoreNotFound(c.Client.Get(ctx, name, store)); err != nil {
			return "", fault.Wrap(fault.Unavailable, err, "%s %q could not be read", ref.KindOrDefault(), ref.Name)
		}
		inputs.Add(ref.KindOrDefault(), name, store.GetUID(), plan.Generation(store))
	}
	for _, ref := range wakeup.TemplateSources(es.Spec.Target.Template) {
		name := types.NamespacedName{Namespace: es.Namespace, Name: ref.Name}
		object := wakeup.Metadata(ref.Kind)
		if err := client.IgnoreNotFound(c.Notices.Get(ctx, name, object)); err != nil {
			return "", fault.Wrap(fault.Unavailable, err, "%s %q could not be read", ref.Kind, ref.Name)
		}
		inputs.Add(ref.Kind, name, object.UID, object.ResourceVersion)
	}
	return inputs.Digest(), nil
}

func storeObject(ref esv1.SecretStoreRef, namespace string) (client.Object, types.NamespacedName) {
	if ref.KindOrDefault() == esv1.KindClusterSecretStore {
		return &esv1.ClusterSecretStore{}, types.NamespacedName{Name: ref.Name}
	}
	return &esv1.SecretStore{}, types.NamespacedName{Namespace: namespace, Name: ref.Name}
}
