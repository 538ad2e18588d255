package apply

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/ownership"
)

// Foresee asks the API server what it would make of a Write of an object whose kind it alone knows: it adds defaults to the
// items of a list, writes a quantity in another way, or leaves an empty field out. The fingerprint is of what it makes, so
// that the object is not taken for one that somebody has changed, and a change that changes nothing becomes Keep. Any other
// change is returned as it is. Errors are as those of Do.
func Foresee(ctx context.Context, c client.Client, w Wish, target *Target, change Change) (Change, error) {
	m, manager := w.Owner.Spec.Target.Manifest, FieldManager(w.Owner.Name)
	if change.Action != Write || m.IsSecret() || m.IsConfigMap() {
		return change, nil
	}
	made := object(w.Owner, change.Desired)
	config := client.ApplyConfigurationFromUnstructured(made)
	err := writer(c, w.Owner).Apply(ctx, config, client.FieldOwner(manager), client.ForceOwnership, client.DryRunAll)
	if err != nil {
		return change, fault.OfWrite(err, "patch", placeOf(w.Owner))
	}
	foreseen := OfObject(w.Owner, made)
	applied, err := ownership.Applied(foreseen, manager)
	if err != nil {
		return change, err
	}
	hash := hashOf(w.Hasher, w.Owner, owned(w.Owner, foreseen, foreseen.parts(applied)))
	change.Desired.Annotations[HashAnnotation(w.Owner)] = stamp{w.Hasher.KeyID(), hash, w.InputHash}.String()
	if target == nil {
		return change, nil
	}
	before, err := ownership.Applied(target, manager)
	if err != nil {
		return change, err
	}
	stamped := made.GetAnnotations()
	maps.Copy(stamped, change.Desired.Annotations)
	made.SetAnnotations(stamped)
	if applied.Equals(before) && equality.Semantic.DeepEqual(unversioned(target.Object), unversioned(made)) {
		change.Action = Keep
	}
	return change, nil
}

// Rehearse asks the API server whether Do would succeed, and changes nothing. Errors are those of Do.
func Rehearse(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, target *Target, change Change) error {
	return Do(ctx, uncached{client.NewDryRunClient(c)}, owner, target, change)
}

// unversioned returns the content of an object without what the API server writes at each change; nil for a Secret.
func unversioned(o client.Object) map[string]any {
	object, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	object = object.DeepCopy()
	object.SetManagedFields(nil)
	object.SetResourceVersion("")
	object.SetGeneration(0)
	return object.Object
}
