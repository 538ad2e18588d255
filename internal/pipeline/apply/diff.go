package apply

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/ownership"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// Action is what is to be done with a target.
type Action uint8

// The actions.
const (
	// Keep leaves the target as it is.
	Keep Action = iota
	// Write makes or changes it.
	Write
	// Delete deletes it.
	Delete
	// Wait does nothing until somebody else has made it.
	Wait
)

// Change is what is to be done, and what to say about it.
type Change struct {
	// Action to take.
	Action Action
	// Desired is the target to write, with everything that Sluice adds.
	Desired render.Desired
	// Create says that the target does not exist yet.
	Create bool
	// Remove are keys of other owners that have to go; Lost are those of them that the target had before it was taken over.
	Remove, Lost []string
	// Retained says that the target keeps what it has because the sources are gone, Absent that there is none for that reason.
	Retained, Absent bool
}

// Wish is what an ExternalSecret wants.
type Wish struct {
	// Owner is the ExternalSecret.
	Owner *esv1.ExternalSecret
	// Desired is the rendered target.
	Desired render.Desired
	// Empty says that all sources are gone.
	Empty bool
	// InputHash is the fingerprint of what Desired was rendered from.
	InputHash string
	// Hasher makes the fingerprint of the target.
	Hasher fingerprint.Hasher
}

// owns says whether the policy makes the whole target, rather than adding to it.
func owns(policy esv1.ExternalSecretCreationPolicy) bool {
	return policy == esv1.CreateOwner || policy == esv1.CreateOrphan
}

// exact says whether the target is to hold what owner delivers and nothing else. Objects of kinds that we do not know have
// fields of their own.
func exact(owner *esv1.ExternalSecret) bool {
	m := owner.Spec.Target.Manifest
	return owns(owner.Spec.Target.CreationPolicyOrDefault()) && (m.IsSecret() || m.IsConfigMap())
}

// Diff compares the wish with the target as it is, nil when there is none.
//
//	policy          target missing    target exists
//	Owner           create, own       make equal, own
//	Orphan          create            make equal
//	CreateOrMerge   create            add keys
//	Merge           wait              add keys
//	None            -                 -
//
// A target that another controller owns is fault.Conflict, an immutable one or one of another type fault.Invalid.
func Diff(w Wish, target *Target) (Change, error) {
	policy := w.Owner.Spec.Target.CreationPolicyOrDefault()
	if policy == esv1.CreateNone {
		return Change{Action: Keep}, nil
	}
	if w.Empty {
		if change, decided, err := emptied(w, policy, target); decided {
			return change, err
		}
	}
	if target == nil {
		if policy == esv1.CreateMerge {
			return Change{Action: Wait}, nil
		}
		return Change{Action: Write, Create: true, Desired: marked(w, policy, nil)}, nil
	}
	if err := permitted(w, policy, target); err != nil {
		return Change{}, err
	}
	change := Change{Action: Write, Desired: marked(w, policy, target)}
	if exact(w.Owner) {
		change.Remove = foreignKeys(target.Data, change.Desired.Data)
		if target.GetLabels()[esv1.LabelManaged] != esv1.LabelManagedValue {
			change.Lost = change.Remove
		}
	}
	settled, err := matches(target, w.Owner, change.Desired)
	if err == nil && settled && len(change.Remove) == 0 {
		change.Action = Keep
	}
	return change, err
}

// emptied decides what becomes of the target when all sources are gone.
func emptied(w Wish, policy esv1.ExternalSecretCreationPolicy, target *Target) (Change, bool, error) {
	switch w.Owner.Spec.Target.DeletionPolicyOrDefault() {
	case esv1.DeleteDelete:
		if policy != esv1.CreateOwner {
			return Change{}, true, fault.New(fault.Invalid,
				"deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner")
		}
		if target == nil {
			return Change{Action: Keep, Absent: true}, true, nil
		}
		if !made(w.Owner, target) {
			return Change{}, true, fault.New(fault.Conflict, "%s is not deleted although all its sources are gone: ExternalSecret %q has not "+
				"made it: delete it, or choose another target.name", described(w.Owner), w.Owner.Name)
		}
		return Change{Action: Delete, Absent: true}, true, nil
	case esv1.DeleteRetain:
		return Change{Action: Keep, Retained: true}, true, nil
	default:
		return Change{}, false, nil
	}
}

// made says whether owner has made target. Somebody may have taken the owner reference away; the label tells then.
func made(owner *esv1.ExternalSecret, target *Target) bool {
	if controller := metav1.GetControllerOf(target); controller != nil {
		return controller.UID == owner.UID
	}
	return target.GetLabels()[esv1.LabelCreatedBy] == CreatedBy(owner.Namespace, owner.Name)
}

// permitted refuses targets that must not be touched or cannot be.
func permitted(w Wish, policy esv1.ExternalSecretCreationPolicy, target *Target) error {
	what := described(w.Owner)
	if owner := metav1.GetControllerOf(target); owner != nil && owner.UID != w.Owner.UID {
		switch {
		case owner.Kind == esv1.KindExternalSecret: // under every policy: it would take added keys away again
			return fault.New(fault.Conflict, "target is owned by another ExternalSecret: %s is owned by another ExternalSecret: %s",
				what, owner.Name)
		case owns(policy):
			return fault.New(fault.Conflict, "%s is controlled by %s %q: choose another target.name, or creationPolicy Merge to add keys to it",
				what, owner.Kind, owner.Name)
		}
	}
	if w.Desired.Type != "" && target.Type != w.Desired.Type {
		return fault.New(fault.Invalid, "%s has type %s, which cannot be changed to %s: delete the secret, or mend template.type",
			what, target.Type, w.Desired.Type)
	}
	if target.Type == corev1.SecretTypeServiceAccountToken || target.Type == corev1.SecretTypeBootstrapToken {
		return fault.New(fault.Invalid, "%s has type %s, which is a credential of the cluster itself: choose another target.name",
			what, target.Type)
	}
	if target.Immutable && !covers(target.Data, w.Desired.Data, exact(w.Owner)) {
		return fault.New(fault.Invalid,
			"could not update secret, target is immutable: %s is immutable: delete it, and it is made anew", what)
	}
	return nil
}

// marked adds what Sluice puts on every target.
func marked(w Wish, policy esv1.ExternalSecretCreationPolicy, target *Target) render.Desired {
	d := w.Desired
	d.Labels, d.Annotations = cloneOrEmpty(d.Labels), cloneOrEmpty(d.Annotations)
	d.Labels[esv1.LabelManaged] = esv1.LabelManagedValue
	if policy == esv1.CreateOwner {
		d.Labels[esv1.LabelCreatedBy] = CreatedBy(w.Owner.Namespace, w.Owner.Name)
	}
	delete(d.Annotations, HashAnnotation(w.Owner)) // a copy of it would be part of the fingerprint
	hash := hashOf(w.Hasher, w.Owner, portion{data: d.Data, fields: render.Fields(d.Content), labels: d.Labels, annotations: d.Annotations})
	d.Annotations[HashAnnotation(w.Owner)] = stamp{w.Hasher.KeyID(), hash, w.InputHash}.String()
	// What is immutable cannot be made mutable again.
	d.Immutable = w.Owner.Spec.Target.Immutable || (target != nil && target.Immutable)
	if d.Type == "" && w.Owner.Spec.Target.Manifest.IsSecret() {
		d.Type = corev1.SecretTypeOpaque
		if target != nil {
			d.Type = cmp.Or(target.Type, d.Type)
		}
	}
	return d
}

func cloneOrEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

func foreignKeys(have, want map[string][]byte) []string {
	var foreign []string
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, wanted := want[key]; !wanted {
			foreign = append(foreign, key)
		}
	}
	return foreign
}

// covers reports whether the target has all wanted values, and with exact nothing else.
func covers(have, want map[string][]byte, exact bool) bool {
	if exact && len(have) != len(want) {
		return false
	}
	for key, value := range want {
		if current, ok := have[key]; !ok || !bytes.Equal(current, value) {
			return false
		}
	}
	return true
}

func coversText(have, want map[string]string) bool {
	for key, value := range want {
		if current, ok := have[key]; !ok || current != value {
			return false
		}
	}
	return true
}

// matches reports whether the target holds exactly what this owner would apply, so that an apply would change nothing.
func matches(target *Target, owner *esv1.ExternalSecret, d render.Desired) (bool, error) {
	applied, err := ownership.Applied(target, FieldManager(owner.Name))
	if err != nil {
		return false, err
	}
	fields := render.Fields(d.Content)
	return covers(target.Data, d.Data, exact(owner)) &&
		covers(target.Fields, fields, false) &&
		coversText(target.GetLabels(), d.Labels) &&
		coversText(target.GetAnnotations(), d.Annotations) &&
		target.parts(applied).equal(d, fields) &&
		target.Immutable == d.Immutable &&
		(owner.Spec.Target.CreationPolicyOrDefault() != esv1.CreateOwner || metav1.IsControlledBy(target, owner)) &&
		!slices.ContainsFunc(d.Finalizers, func(f string) bool { return !slices.Contains(target.GetFinalizers(), f) }), nil
}
