package v1

import (
	"cmp"
	"time"
)

// DefaultRefreshInterval is the refresh interval of an object that names none.
const DefaultRefreshInterval = time.Hour

// KindOrDefault returns the kind of the store, SecretStore when the reference names none.
func (r *SecretStoreRef) KindOrDefault() string { return cmp.Or(r.Kind, KindSecretStore) }

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

// MergePolicyOrDefault returns the merge policy, Replace when the template names none.
func (t *ExternalSecretTemplate) MergePolicyOrDefault() TemplateMergePolicy {
	return cmp.Or(t.MergePolicy, MergePolicyReplace)
}
