package v1alpha1

import (
	"cmp"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// ChildName returns the name of the PushSecrets: what the spec names, else the object's own.
func (c *ClusterPushSecret) ChildName() string {
	return cmp.Or(c.Spec.PushSecretName, c.Name)
}

// RefreshTimeOrDefault returns the refresh time, one hour when the spec names none. A negative one counts as zero.
func (s *ClusterPushSecretSpec) RefreshTimeOrDefault() time.Duration {
	if s.RefreshTime == nil {
		return esv1.DefaultRefreshInterval
	}
	return max(0, s.RefreshTime.Duration)
}
