package v1

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// DefaultRefreshInterval is the refresh interval of an object that names none.
const DefaultRefreshInterval = time.Hour

// KindOrDefault returns the kind of the store, SecretStore when the reference names none.
func (r *SecretStoreRef) KindOrDefault() string { return cmp.Or(r.Kind, KindSecretStore) }

// StoreRefOr returns the store that the entry reads from: its own, and otherwise the one that is passed.
func (d *ExternalSecretData) StoreRefOr(otherwise SecretStoreRef) SecretStoreRef {
	if d.SourceRef != nil {
		return d.SourceRef.StoreRef
	}
	return otherwise
}

// StoreRefOr returns the store that the entry reads from: its own, and otherwise the one that is passed.
func (d *ExternalSecretDataFromRemoteRef) StoreRefOr(otherwise SecretStoreRef) SecretStoreRef {
	if d.SourceRef != nil && d.SourceRef.StoreRef != nil {
		return *d.SourceRef.StoreRef
	}
	return otherwise
}

// TargetName returns the name of the target Secret.
func (e *ExternalSecret) TargetName() string { return cmp.Or(e.Spec.Target.Name, e.Name) }

// RefreshPolicyOrDefault returns the refresh policy, Periodic when the spec names none.
func (s *ExternalSecretSpec) RefreshPolicyOrDefault() ExternalSecretRefreshPolicy {
	return cmp.Or(s.RefreshPolicy, RefreshPeriodic)
}

// RefreshIntervalOrDefault returns the refresh interval, DefaultRefreshInterval when the spec names none. A negative interval counts as zero.
func (s *ExternalSecretSpec) RefreshIntervalOrDefault() time.Duration {
	if s.RefreshInterval == nil {
		return DefaultRefreshInterval
	}
	return max(0, s.RefreshInterval.Duration)
}

// CreationPolicyOrDefault returns the creation policy, Owner when the target names none.
func (t *ExternalSecretTarget) CreationPolicyOrDefault() ExternalSecretCreationPolicy {
	return cmp.Or(t.CreationPolicy, CreateOwner)
}

// DeletionPolicyOrDefault returns the deletion policy, Retain when the target names none.
func (t *ExternalSecretTarget) DeletionPolicyOrDefault() ExternalSecretDeletionPolicy {
	return cmp.Or(t.DeletionPolicy, DeleteRetain)
}

// GroupVersionKind returns the kind of the target, that of Secrets for nil.
func (m *ManifestReference) GroupVersionKind() schema.GroupVersionKind {
	if m == nil {
		return corev1.SchemeGroupVersion.WithKind("Secret")
	}
	return schema.FromAPIVersionAndKind(m.APIVersion, m.Kind)
}

// IsSecret reports whether the target is a Secret.
func (m *ManifestReference) IsSecret() bool {
	return m.GroupVersionKind() == (*ManifestReference)(nil).GroupVersionKind()
}

// IsConfigMap reports whether the target is a ConfigMap.
func (m *ManifestReference) IsConfigMap() bool {
	return m.GroupVersionKind() == corev1.SchemeGroupVersion.WithKind("ConfigMap")
}

// MergePolicyOrDefault returns the merge policy, Replace when the template names none.
func (t *ExternalSecretTemplate) MergePolicyOrDefault() TemplateMergePolicy {
	return cmp.Or(t.MergePolicy, MergePolicyReplace)
}
