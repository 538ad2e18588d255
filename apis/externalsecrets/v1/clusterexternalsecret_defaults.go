package v1

import (
	"cmp"
	"time"
)

// ChildName returns the name of the ExternalSecrets: what the spec names, else the object's own.
func (c *ClusterExternalSecret) ChildName() string {
	return cmp.Or(c.Spec.ExternalSecretName, c.Name)
}

// RefreshTimeOrDefault returns the refresh time, DefaultRefreshInterval when the spec names none. A negative one counts as zero.
func (s *ClusterExternalSecretSpec) RefreshTimeOrDefault() time.Duration {
	if s.RefreshTime == nil {
		return DefaultRefreshInterval
	}
	return max(0, s.RefreshTime.Duration)
}
