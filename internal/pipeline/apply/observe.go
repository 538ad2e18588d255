package apply

import (
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/ownership"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
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
	// Elsewhere says that there are other fields of an object that owner is answerable for.
	Elsewhere bool
}

// Observe judges the target as it is, nil when there is none. A target that somebody changed since owner wrote it has
// drifted; what a policy lets others do to a target is no drift.
func Observe(owner *esv1.ExternalSecret, target *Target, hasher fingerprint.Hasher) (Observed, error) {
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
	part := owned(owner, target, target.parts(written))
	recorded := splitStamp(target.GetAnnotations()[HashAnnotation(owner)])
	o := Observed{State: plan.TargetDrifted, Delivered: recorded.keyID != "", Data: part.data, Elsewhere: len(part.fields) > 0}
	managed := target.GetLabels()[esv1.LabelManaged] == esv1.LabelManagedValue
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
func Restore(w Wish, target *Target) (Wish, bool, error) {
	applied, err := ownership.Applied(target, FieldManager(w.Owner.Name))
	if err != nil {
		return w, false, err
	}
	annotation := HashAnnotation(w.Owner)
	recorded := splitStamp(target.GetAnnotations()[annotation])
	w.InputHash, w.Desired.Data = recorded.inputs, subset(target.Data, target.parts(applied).keys)
	anew := marked(w, w.Owner.Spec.Target.CreationPolicyOrDefault(), target)
	return w, anew.Annotations[annotation] == recorded.String(), nil
}

// portion is the part of a target that an owner is answerable for, without the fingerprints themselves.
type portion struct {
	data, fields        map[string][]byte
	labels, annotations map[string]string
}

// owned returns the part of target that owner is answerable for; mine is what it has written there.
func owned(owner *esv1.ExternalSecret, target *Target, mine parts) portion {
	part := portion{
		data:        target.Data,
		fields:      map[string][]byte{},
		labels:      subset(target.GetLabels(), mine.labels),
		annotations: subset(target.GetAnnotations(), mine.annotations),
	}
	if !exact(owner) {
		part.data = subset(target.Data, mine.keys)
	}
	for path, value := range target.Fields {
		if mine.ownsField(path) {
			part.fields[path] = value
		}
	}
	delete(part.annotations, HashAnnotation(owner))
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
func hashOf(h fingerprint.Hasher, owner *esv1.ExternalSecret, part portion) string {
	described := map[string][]byte{}
	for key, value := range part.labels {
		described["label "+key] = []byte(value)
	}
	for key, value := range part.annotations {
		described["annotation "+key] = []byte(value)
	}
	for path, value := range part.fields {
		described["field "+path] = value
	}
	return h.Of([]map[string][]byte{part.data, described}, owner.Namespace, owner.TargetName())
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
