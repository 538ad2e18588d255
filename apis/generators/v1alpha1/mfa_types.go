package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
)

// MFASpec says which one-time password is computed.
type MFASpec struct {
	// Secret holds the seed in Base32, as it is shown beside a QR code. Case, spaces and padding do not matter.
	Secret metametav1.SecretKeySelector `json:"secret"`
	// Length of the token in digits. 6 when empty or 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10
	// +optional
	Length int `json:"length,omitempty"`
	// TimePeriod is for how many seconds a token is valid. 30 when empty or 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	// +optional
	TimePeriod int `json:"timePeriod,omitempty"`
	// Algorithm is sha1, sha256 or sha512, in any letter case. sha1 when empty.
	// +optional
	Algorithm string `json:"algorithm,omitempty"`
	// When is the time for which the token is computed. The time of the run when empty.
	// +optional
	When *metav1.Time `json:"when,omitempty"`
}

// MFA computes one-time passwords from a seed and the time (TOTP, RFC 6238) under the keys token and timeLeft.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets,external-secrets-generators}
type MFA struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec MFASpec `json:"spec,omitempty"`
}

// MFAList is a list of MFAs.
// +kubebuilder:object:root=true
type MFAList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []MFA `json:"items"`
}
