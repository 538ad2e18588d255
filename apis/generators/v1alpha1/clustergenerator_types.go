package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterGeneratorSpec is a generator that every namespace may use.
type ClusterGeneratorSpec struct {
	// Kind of the generator; its spec stands in the field of Generator that belongs to it.
	// +kubebuilder:validation:Enum=Password;SSHKey;UUID;MFA;Webhook;Fake;BeyondtrustWorkloadCredentialsDynamicSecret
	Kind string `json:"kind"`
	// Generator holds the spec.
	Generator GeneratorSpec `json:"generator"`
}

// GeneratorSpec is the spec of one generator: exactly one of its fields.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type GeneratorSpec struct {
	// PasswordSpec is the spec of a Password.
	// +optional
	PasswordSpec *PasswordSpec `json:"passwordSpec,omitempty"`
	// FakeSpec is the spec of a Fake.
	// +optional
	FakeSpec *FakeSpec `json:"fakeSpec,omitempty"`
	// UUIDSpec is the spec of a UUID.
	// +optional
	UUIDSpec *UUIDSpec `json:"uuidSpec,omitempty"`
	// SSHKeySpec is the spec of an SSHKey.
	// +optional
	SSHKeySpec *SSHKeySpec `json:"sshKeySpec,omitempty"`
	// MFASpec is the spec of an MFA.
	// +optional
	MFASpec *MFASpec `json:"mfaSpec,omitempty"`
	// WebhookSpec is the spec of a Webhook.
	// +optional
	WebhookSpec *WebhookSpec `json:"webhookSpec,omitempty"`
	// BeyondtrustWorkloadCredentialsDynamicSecretSpec is the spec of a BeyondtrustWorkloadCredentialsDynamicSecret.
	// +optional
	BeyondtrustWorkloadCredentialsDynamicSecretSpec *BeyondtrustWorkloadCredentialsDynamicSecretSpec `json:"beyondtrustWorkloadCredentialsDynamicSecretSpec,omitempty"` //nolint:lll // as long as the API has it
}

// ClusterGenerator is a generator that every namespace may use. What it refers to is looked up in the namespace of the object that uses it.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Cluster,categories={external-secrets,external-secrets-generators}
type ClusterGenerator struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ClusterGeneratorSpec `json:"spec,omitempty"`
}

// ClusterGeneratorList is a list of ClusterGenerators.
// +kubebuilder:object:root=true
type ClusterGeneratorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ClusterGenerator `json:"items"`
}
