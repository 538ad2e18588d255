package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GenericStore is what SecretStore and ClusterSecretStore have in common.
// +kubebuilder:object:generate=false
type GenericStore interface {
	metav1.Object
	// StoreKind returns SecretStore or ClusterSecretStore.
	StoreKind() string
	// StoreSpec returns the spec, to be read only.
	StoreSpec() *SecretStoreSpec
	// StoreStatus returns the status, which may be changed in place.
	StoreStatus() *SecretStoreStatus
}

// StoreKind implements GenericStore.
func (*SecretStore) StoreKind() string { return KindSecretStore }

// StoreSpec implements GenericStore.
func (s *SecretStore) StoreSpec() *SecretStoreSpec { return &s.Spec }

// StoreStatus implements GenericStore.
func (s *SecretStore) StoreStatus() *SecretStoreStatus { return &s.Status }

// StoreKind implements GenericStore.
func (*ClusterSecretStore) StoreKind() string { return KindClusterSecretStore }

// StoreSpec implements GenericStore.
func (s *ClusterSecretStore) StoreSpec() *SecretStoreSpec { return &s.Spec }

// StoreStatus implements GenericStore.
func (s *ClusterSecretStore) StoreStatus() *SecretStoreStatus { return &s.Status }
