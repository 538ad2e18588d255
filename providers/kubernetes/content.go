package kubernetes

import (
	"bytes"
	"maps"

	corev1 "k8s.io/api/core/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// CreatedByAnnotation is on every Secret that a write created. Its value is the owner that did. Such a Secret is
// deleted with its last key.
const CreatedByAnnotation = "sluice.dev/created-by"

// content is a part of a Secret: what one field manager applies.
type content struct {
	data                map[string][]byte
	labels, annotations map[string]string
	// secretType is empty when the part does not have the type.
	secretType corev1.SecretType
}

func newContent() content {
	return content{data: map[string][]byte{}, labels: map[string]string{}, annotations: map[string]string{}}
}

func (c content) equal(other content) bool {
	return maps.EqualFunc(c.data, other.data, bytes.Equal) && maps.Equal(c.labels, other.labels) &&
		maps.Equal(c.annotations, other.annotations) && c.secretType == other.secretType
}

// configuration returns what is applied. Empty maps are left out: they would be owned themselves.
func (c content) configuration(at target) *corev1apply.SecretApplyConfiguration {
	applied := corev1apply.Secret(at.name, at.namespace)
	if len(c.data) > 0 {
		applied.WithData(c.data)
	}
	if len(c.labels) > 0 {
		applied.WithLabels(c.labels)
	}
	if len(c.annotations) > 0 {
		applied.WithAnnotations(c.annotations)
	}
	if c.secretType != "" {
		applied.WithType(c.secretType)
	}
	return applied
}

// desired returns what the owner of w shall apply, given what is there; live is nil when nothing is. The type is
// applied where it was already: when the Secret was created.
func desired(live *corev1.Secret, w providers.Write, meta metadata) content {
	want := newContent()
	for name, value := range w.Fields {
		want.data[name] = append([]byte{}, value...)
	}
	if meta.TargetMergePolicy != policyIgnore {
		if meta.SourceMergePolicy == policyMerge {
			maps.Copy(want.labels, w.Labels)
			maps.Copy(want.annotations, w.Annotations)
		}
		maps.Copy(want.labels, meta.Labels)
		maps.Copy(want.annotations, meta.Annotations)
		maps.DeleteFunc(want.annotations, func(name, value string) bool { return !portable(name, value) })
	}
	if live == nil {
		want.annotations[CreatedByAnnotation] = w.Owner
		if want.secretType = w.Type; want.secretType == "" {
			want.secretType = corev1.SecretTypeOpaque
		}
		return want
	}
	own := owned(live, w.Owner)
	if !w.Clears() && !w.Prune {
		data := maps.Clone(own.data)
		maps.Copy(data, want.data)
		want.data = data
	}
	if want.secretType = own.secretType; meta.TargetMergePolicy == policyIgnore {
		want.labels, want.annotations = own.labels, own.annotations
	}
	// The source may have been created by a push itself: what its annotation says is not true of the remote Secret.
	delete(want.annotations, CreatedByAnnotation)
	if live.Annotations[CreatedByAnnotation] == w.Owner || createdByReference(live, w) {
		want.annotations[CreatedByAnnotation] = w.Owner
	}
	return want
}

// writable checks what no write can change.
func writable(at target, live *corev1.Secret, w providers.Write) error {
	if refused(w.Type) {
		return refuse(at, w.Type)
	}
	if live == nil {
		return nil
	}
	if refused(live.Type) {
		return refuse(at, live.Type)
	}
	if w.Type != "" && w.Type != live.Type {
		return fault.New(
			fault.Invalid,
			"secret %q has type %s and the source has type %s: the type of a secret is immutable, delete the one or change the other",
			at,
			live.Type,
			w.Type,
		)
	}
	if live.Immutable != nil && *live.Immutable && changesData(live, w) {
		return fault.New(fault.Invalid, "secret %q is immutable: delete it, or push to another one", at)
	}
	return nil
}

func changesData(live *corev1.Secret, w providers.Write) bool {
	for name, value := range w.Fields {
		if current, exists := live.Data[name]; !exists || !bytes.Equal(current, value) {
			return true
		}
	}
	return w.Clears() && len(live.Data) != len(w.Fields)
}
