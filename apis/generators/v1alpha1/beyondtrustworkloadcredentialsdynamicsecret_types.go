package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// BeyondtrustWorkloadCredentialsDynamicSecretSpec says which dynamic secret is generated.
type BeyondtrustWorkloadCredentialsDynamicSecretSpec struct {
	// Controller names the controller class that serves this generator, as in the operator's flag --controller-class. Every class when empty.
	// +optional
	Controller string `json:"controller,omitempty"`
	// Provider is the site, how to sign in there, and in folderPath the folder and the name of the dynamic secret.
	Provider esv1.BeyondtrustWorkloadCredentialsProvider `json:"provider"`
	// RetrySettings limit the retries of a call that was answered with 429, 500 or 503. A call is not retried when empty, the whole refresh
	// always is.
	// +optional
	RetrySettings *esv1.SecretStoreRetrySettings `json:"retrySettings,omitempty"`
}

// BeyondtrustWorkloadCredentialsDynamicSecret obtains credentials that live for a time from BeyondTrust Workload Credentials.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets,external-secrets-generators}
type BeyondtrustWorkloadCredentialsDynamicSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec BeyondtrustWorkloadCredentialsDynamicSecretSpec `json:"spec,omitempty"`
}

// BeyondtrustWorkloadCredentialsDynamicSecretList is a list of BeyondtrustWorkloadCredentialsDynamicSecrets.
// +kubebuilder:object:root=true
type BeyondtrustWorkloadCredentialsDynamicSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []BeyondtrustWorkloadCredentialsDynamicSecret `json:"items"`
}
