package apply

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/ownership"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// Observed is what can be said about a target before its sources are read.
type Observed struct {
	// State for the plan.
	State plan.Target
	// Delivered says that owner, or an ExternalSecret of the same name before it, has delivered to this target.
	Delivered bool
	// InputHash is the fingerprint of what the target was rendered from; empty when it is not known.
	InputHash string
	// Data is the part of the target's data that owner is answerable for.
	Data map[string][]byte
}

// Observe judges the target as it is, nil when there is none. A target that somebody changed since owner wrote it has
// drifted; what a policy lets others do to a target is no drift.
func Observe(owner *esv1.ExternalSecret, target *corev1.Secret, hasher fingerprint.Hasher) (Observed, error) {
	policy := owner.Spec.Target.CreationPolicyOrDefault()
	if policy == esv1.CreateNone {
		return Observed{State: plan.TargetIntact, Delivered: true}, nil
	}
	if target == nil {
		return Observed{State: plan.TargetMissing}, nil
	}
	written, err := ownership.Written(target, FieldManager(owner.Name))
	if err != nil {
		return Observed{}, err
	}
	part := owned(owner, target, written)
	recorded := splitStamp(target.Annotations[HashAnnotation(owner)])
	o := Observed{State: plan.TargetDrifted, Delivered: recorded.keyID != "", Data: part.Data}
	managed := target.Labels[esv1.LabelManaged] == esv1.LabelManagedValue
	switch {
	case o.Delivered && recorded.keyID != hasher.KeyID():
		o.State = plan.TargetUnknown
	case managed && recorded.target == hashOf(hasher, owner, part):
		o.State, o.InputHash = plan.TargetIntact, recorded.inputs
	}
	if policy == esv1.CreateOrphan && o.Delivered {
		o.State = plan.TargetIntact
	}
	return o, nil
}

// Restore returns w with the data and the fingerprint of the inputs as they were delivered to target, and whether target
// still has all of that data: then a write of it takes back only what others have changed around it.
func Restore(w Wish, target *corev1.Secret) (Wish, bool, error) {
	applied, err := ownership.Applied(target, FieldManager(w.Owner.Name))
	if err != nil {
		return w, false, err
	}
	annotation := HashAnnotation(w.Owner)
	recorded := splitStamp(target.Annotations[annotation])
	w.InputHash, w.Desired.Data = recorded.inputs, subset(target.Data, ownership.Keys(applied, "data"))
	anew := marked(w, w.Owner.Spec.Target.CreationPolicyOrDefault(), target)
	return w, anew.Annotations[annotation] == recorded.String(), nil
}

// owned returns the part of target that owner is answerable for, without the fingerprints themselves.
func owned(owner *esv1.ExternalSecret, target *corev1.Secret, written *fieldpath.Set) render.Desired {
	part := render.Desired{
		Data:        target.Data,
		Labels:      subset(target.Labels, ownership.Keys(written, "metadata", "labels")),
		Annotations: subset(target.Annotations, ownership.Keys(written, "metadata", "annotations")),
	}
	if !owns(owner.Spec.Target.CreationPolicyOrDefault()) {
		part.Data = subset(target.Data, ownership.Keys(written, "data"))
	}
	delete(part.Annotations, HashAnnotation(owner))
	return part
}

func subset[V any](m map[string]V, keys []string) map[string]V {
	part := make(map[string]V, len(keys))
	for _, key := range keys {
		if value, ok := m[key]; ok {
			part[key] = value
		}
	}
	return part
}

// hashOf is the fingerprint of what owner is answerable for. It is bound to the target, so that equal values in two
// Secrets do not look alike.
func hashOf(h fingerprint.Hasher, owner *esv1.ExternalSecret, part render.Desired) string {
	described := map[string][]byte{}
	for key, value := range part.Labels {
		described["label "+key] = []byte(value)
	}
	for key, value := range part.Annotations {
		described["annotation "+key] = []byte(value)
	}
	return h.Of([]map[string][]byte{part.Data, described}, owner.Namespace, owner.TargetName())
}

// stamp is what the annotation holds: which key the fingerprints were made with, that of the target, and that of what it was
// rendered from.
type stamp struct{ keyID, target, inputs string }

func (s stamp) String() string { return strings.Join([]string{s.keyID, s.target, s.inputs}, ".") }

// splitStamp reads an annotation. What the reference implementation writes there is a fingerprint under no key that we know.
func splitStamp(annotation string) stamp {
	keyID, rest, _ := strings.Cut(annotation, ".")
	target, inputs, _ := strings.Cut(rest, ".")
	return stamp{keyID: keyID, target: target, inputs: inputs}
}
