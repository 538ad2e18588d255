package v1_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

func every(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

func TestRefreshInterval(t *testing.T) {
	tests := []struct {
		reason   string
		interval *metav1.Duration
		want     time.Duration
	}{
		{"an hour, where none is written", nil, time.Hour},
		{"zero is not the same as none", every(0), 0},
		{"what is written", every(time.Minute), time.Minute},
		{"a negative interval is none at all", every(-time.Minute), 0},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			spec := esv1.ExternalSecretSpec{RefreshInterval: tt.interval}
			if got := spec.RefreshIntervalOrDefault(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	var none, written esv1.ExternalSecret
	none.Name, written.Name = "app", "app"
	written.Spec = esv1.ExternalSecretSpec{
		RefreshPolicy: esv1.RefreshCreatedOnce,
		Target: esv1.ExternalSecretTarget{
			Name: "target", CreationPolicy: esv1.CreateMerge, DeletionPolicy: esv1.DeleteMerge,
			Template: &esv1.ExternalSecretTemplate{MergePolicy: esv1.MergePolicyMerge},
		},
	}
	tests := []struct{ reason, unset, set, wantUnset, wantSet string }{
		{"the target has the object's name", none.TargetName(), written.TargetName(), "app", "target"},
		{
			"refreshed periodically", string(none.Spec.RefreshPolicyOrDefault()), string(written.Spec.RefreshPolicyOrDefault()),
			"Periodic", "CreatedOnce",
		},
		{
			"the target is owned", string(none.Spec.Target.CreationPolicyOrDefault()), string(written.Spec.Target.CreationPolicyOrDefault()),
			"Owner", "Merge",
		},
		{
			"and kept", string(none.Spec.Target.DeletionPolicyOrDefault()), string(written.Spec.Target.DeletionPolicyOrDefault()),
			"Retain", "Merge",
		},
		{
			"a template replaces the data", string((&esv1.ExternalSecretTemplate{}).MergePolicyOrDefault()),
			string(written.Spec.Target.Template.MergePolicyOrDefault()), "Replace", "Merge",
		},
		{
			"a store is one of the namespace", (&esv1.SecretStoreRef{}).KindOrDefault(),
			(&esv1.SecretStoreRef{Kind: esv1.KindClusterSecretStore}).KindOrDefault(), "SecretStore", "ClusterSecretStore",
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

func TestManifestKinds(t *testing.T) {
	tests := []struct {
		reason                string
		manifest              *esv1.ManifestReference
		isSecret, isConfigMap bool
		group, version, kind  string
	}{
		{"a Secret, where none is named", nil, true, false, "", "v1", "Secret"},
		{"a Secret that is named", &esv1.ManifestReference{APIVersion: "v1", Kind: "Secret"}, true, false, "", "v1", "Secret"},
		{"a ConfigMap", &esv1.ManifestReference{APIVersion: "v1", Kind: "ConfigMap"}, false, true, "", "v1", "ConfigMap"},
		{"a ConfigMap of another group", &esv1.ManifestReference{APIVersion: "x.io/v1", Kind: "ConfigMap"}, false, false, "x.io", "v1", "ConfigMap"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			gvk := tt.manifest.GroupVersionKind()
			if gvk.Group != tt.group || gvk.Version != tt.version || gvk.Kind != tt.kind {
				t.Errorf("kind %v", gvk)
			}
			if tt.manifest.IsSecret() != tt.isSecret || tt.manifest.IsConfigMap() != tt.isConfigMap {
				t.Errorf("is a Secret: %v, is a ConfigMap: %v", tt.manifest.IsSecret(), tt.manifest.IsConfigMap())
			}
		})
	}
}

func TestStoresHaveOneForm(t *testing.T) {
	for kind, store := range map[string]esv1.GenericStore{"SecretStore": &esv1.SecretStore{}, "ClusterSecretStore": &esv1.ClusterSecretStore{}} {
		store.StoreSpec().Controller = "ours"
		store.StoreStatus().ObservedGeneration = 3
		if store.StoreKind() != kind || store.StoreSpec().Controller != "ours" || store.StoreStatus().ObservedGeneration != 3 {
			t.Errorf("%s: kind %s, spec %+v, status %+v", kind, store.StoreKind(), store.StoreSpec(), store.StoreStatus())
		}
	}
}
