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

func TestClusterPushSecret(t *testing.T) {
	var none, written esv1alpha1.ClusterPushSecret
	none.Name, written.Name = "app", "app"
	written.Spec.PushSecretName, written.Spec.RefreshTime = "child", &metav1.Duration{Duration: time.Minute}
	if none.ChildName() != "app" || written.ChildName() != "child" {
		t.Errorf("the PushSecrets are called %q and %q, want its own name and the one that is written", none.ChildName(), written.ChildName())
	}
	if got := none.Spec.RefreshTimeOrDefault(); got != time.Hour {
		t.Errorf("it looks again after %v, want an hour where nothing is written", got)
	}
	if got := written.Spec.RefreshTimeOrDefault(); got != time.Minute {
		t.Errorf("it looks again after %v, want what is written", got)
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
