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
	applied, err := ownership.Applied(target, FieldManager(owner.Name))
	if err != nil {
		return Observed{}, err
	}
	recorded, inputs := splitHashes(target.Annotations[HashAnnotation(owner)])
	o := Observed{State: plan.TargetDrifted, Delivered: recorded != ""}
	managed := target.Labels[esv1.LabelManaged] == esv1.LabelManagedValue
	if managed && recorded == hashOf(hasher, owned(owner, target, applied)) {
		o.State, o.InputHash = plan.TargetIntact, inputs
	}
	if policy == esv1.CreateOrphan && o.Delivered {
		o.State = plan.TargetIntact
	}
	return o, nil
}

// owned returns the part of target that owner is answerable for, without the fingerprints themselves.
func owned(owner *esv1.ExternalSecret, target *corev1.Secret, applied *fieldpath.Set) render.Desired {
	part := render.Desired{
		Data:        target.Data,
		Labels:      subset(target.Labels, ownership.Keys(applied, "metadata", "labels")),
		Annotations: subset(target.Annotations, ownership.Keys(applied, "metadata", "annotations")),
	}
	if !owns(owner.Spec.Target.CreationPolicyOrDefault()) {
		part.Data = subset(target.Data, ownership.Keys(applied, "data"))
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

func hashOf(h fingerprint.Hasher, part render.Desired) string {
	described := map[string][]byte{}
	for key, value := range part.Labels {
		described["label "+key] = []byte(value)
	}
	for key, value := range part.Annotations {
		described["annotation "+key] = []byte(value)
	}
	return h.Of([]map[string][]byte{part.Data, described})
}

func splitHashes(annotation string) (target, inputs string) {
	target, inputs, _ = strings.Cut(annotation, ".")
	return target, inputs
}
