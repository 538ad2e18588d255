package v1alpha1

import (
	"cmp"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// KindOrDefault returns the kind of the store, SecretStore when the reference names none.
func (r *PushSecretStoreRef) KindOrDefault() string { return cmp.Or(r.Kind, esv1.KindSecretStore) }

// RefreshIntervalOrDefault returns the refresh interval, one hour when the spec names none. A negative interval counts as zero.
func (s *PushSecretSpec) RefreshIntervalOrDefault() time.Duration {
	if s.RefreshInterval == nil {
		return esv1.DefaultRefreshInterval
	}
	return max(0, s.RefreshInterval.Duration)
}

// UpdatePolicyOrDefault returns the update policy, Replace when the spec names none.
func (s *PushSecretSpec) UpdatePolicyOrDefault() PushSecretUpdatePolicy {
	return cmp.Or(s.UpdatePolicy, UpdateReplace)
}

// DeletionPolicyOrDefault returns the deletion policy, None when the spec names none.
func (s *PushSecretSpec) DeletionPolicyOrDefault() PushSecretDeletionPolicy {
	return cmp.Or(s.DeletionPolicy, DeletionNone)
}
