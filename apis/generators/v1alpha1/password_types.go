package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PasswordEncoding is how a generated password is written.
// +kubebuilder:validation:Enum=raw;base64;base64url;base32;hex
type PasswordEncoding string

// The encodings of a password.
const (
	// PasswordRaw writes the password as it is; the default.
	PasswordRaw PasswordEncoding = "raw"
	// PasswordBase64 writes it in Base64, with padding.
	PasswordBase64 PasswordEncoding = "base64"
	// PasswordBase64URL writes it in Base64 with the alphabet for URLs, with padding.
	PasswordBase64URL PasswordEncoding = "base64url"
	// PasswordBase32 writes it in Base32, with padding.
	PasswordBase32 PasswordEncoding = "base32"
	// PasswordHex writes it in hexadecimal digits, in lower case.
	PasswordHex PasswordEncoding = "hex"
)

// PasswordSpec says what a generated password looks like.
type PasswordSpec struct {
	// Length of the password in characters, before Encoding. 24 when empty.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +optional
	Length *int `json:"length,omitempty"`
	// Digits is the number of digits. A quarter of the length when empty.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Digits *int `json:"digits,omitempty"`
	// Symbols is the number of symbols. A quarter of the length when empty.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Symbols *int `json:"symbols,omitempty"`
	// SymbolCharacters are the symbols to choose from: printable characters of ASCII, of which each counts once. When empty they are
	// ~!@#$%^&*()_+`-={}|[]\:"<>?,./
	// +optional
	SymbolCharacters *string `json:"symbolCharacters,omitempty"`
	// NoUpper leaves out upper-case letters. False when empty.
	// +optional
	NoUpper bool `json:"noUpper,omitempty"`
	// AllowRepeat lets a character stand in the password more than once. False when empty.
	// +optional
	AllowRepeat bool `json:"allowRepeat,omitempty"`
	// SecretKeys are the keys of the result, all different; each gets a password of its own. The key password when empty.
	// +optional
	SecretKeys []string `json:"secretKeys,omitempty"`
	// Encoding is applied to the finished password. raw when empty.
	// +optional
	Encoding *PasswordEncoding `json:"encoding,omitempty"`
}

// Password generates passwords.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets,external-secrets-generators}
type Password struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PasswordSpec `json:"spec,omitempty"`
}

// PasswordList is a list of Passwords.
// +kubebuilder:object:root=true
type PasswordList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Password `json:"items"`
}
