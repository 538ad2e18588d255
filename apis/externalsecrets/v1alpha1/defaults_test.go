package v1alpha1_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

func TestRefreshInterval(t *testing.T) {
	tests := []struct {
		reason   string
		interval *metav1.Duration
		want     time.Duration
	}{
		{"an hour, where none is written", nil, time.Hour},
		{"zero is not the same as none", &metav1.Duration{}, 0},
		{"what is written", &metav1.Duration{Duration: time.Minute}, time.Minute},
		{"a negative interval is none at all", &metav1.Duration{Duration: -time.Minute}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			spec := esv1alpha1.PushSecretSpec{RefreshInterval: tt.interval}
			if got := spec.RefreshIntervalOrDefault(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	var none esv1alpha1.PushSecretSpec
	written := esv1alpha1.PushSecretSpec{UpdatePolicy: esv1alpha1.UpdateIfNotExists, DeletionPolicy: esv1alpha1.DeletionDelete}
	tests := []struct{ reason, unset, set, wantUnset, wantSet string }{
		{"what is there is replaced", string(none.UpdatePolicyOrDefault()), string(written.UpdatePolicyOrDefault()), "Replace", "IfNotExists"},
		{"what was pushed stays", string(none.DeletionPolicyOrDefault()), string(written.DeletionPolicyOrDefault()), "None", "Delete"},
		{
			"a store is one of the namespace", (&esv1alpha1.PushSecretStoreRef{}).KindOrDefault(),
			(&esv1alpha1.PushSecretStoreRef{Kind: "ClusterSecretStore"}).KindOrDefault(), "SecretStore", "ClusterSecretStore",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if tt.unset != tt.wantUnset || tt.set != tt.wantSet {
				t.Errorf("got %q and %q, want %q and %q", tt.unset, tt.set, tt.wantUnset, tt.wantSet)
			}
		})
	}
}
