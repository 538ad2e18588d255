package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SSHKeyType is the algorithm of an SSH key.
// +kubebuilder:validation:Enum=rsa;ecdsa;ed25519
type SSHKeyType string

// The types of SSH keys.
const (
	// SSHKeyRSA is RSA; the default.
	SSHKeyRSA SSHKeyType = "rsa"
	// SSHKeyECDSA is ECDSA over a curve of NIST.
	SSHKeyECDSA SSHKeyType = "ecdsa"
	// SSHKeyEd25519 is Ed25519.
	SSHKeyEd25519 SSHKeyType = "ed25519"
)

// SSHKeySpec says what a generated SSH key looks like.
type SSHKeySpec struct {
	// KeyType is the algorithm. rsa when empty.
	// +optional
	KeyType SSHKeyType `json:"keyType,omitempty"`
	// KeySize in bits. For rsa at least 1024, and 2048 when empty. For ecdsa 256, 384 or 521; 256 when empty or any other number. An ed25519 key
	// has one size only.
	// +kubebuilder:validation:Minimum=256
	// +kubebuilder:validation:Maximum=8192
	// +optional
	KeySize *int `json:"keySize,omitempty"`
	// Comment stands in both keys: one line of text. None when empty.
	// +optional
	Comment string `json:"comment,omitempty"`
}

// SSHKey generates a pair of SSH keys under the keys privateKey and publicKey.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets,external-secrets-generators}
type SSHKey struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec SSHKeySpec `json:"spec,omitempty"`
}

// SSHKeyList is a list of SSHKeys.
// +kubebuilder:object:root=true
type SSHKeyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []SSHKey `json:"items"`
}
