package v1

import metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"

// BeyondtrustProvider keeps secrets in BeyondTrust Password Safe: managed accounts, or Secrets Safe.
type BeyondtrustProvider struct {
	// Auth is how the store signs in: with an API key, or with a client ID and secret.
	Auth *BeyondtrustAuth `json:"auth"`
	// Server is the Password Safe server, and what is read there.
	Server *BeyondtrustServer `json:"server"`
}

// BeyondtrustAuth is how a store signs in to Password Safe.
// +kubebuilder:validation:XValidation:rule="has(self.apiKey) || (has(self.clientId) && has(self.clientSecret))",message="set apiKey, or clientId and clientSecret"
type BeyondtrustAuth struct {
	// APIKey is the key of an API registration, followed by ";runas=<user>;" where the registration does not say which user signs in. It
	// wins over ClientID and ClientSecret.
	// +optional
	APIKey *BeyondtrustValue `json:"apiKey,omitempty"`
	// ClientID is the OAuth client ID of an application user.
	// +optional
	ClientID *BeyondtrustValue `json:"clientId,omitempty"`
	// ClientSecret is the OAuth client secret that belongs to ClientID.
	// +optional
	ClientSecret *BeyondtrustValue `json:"clientSecret,omitempty"`
	// Certificate is a client certificate, as PEM, for servers that ask for one. It is of no use without CertificateKey.
	// +optional
	Certificate *BeyondtrustValue `json:"certificate,omitempty"`
	// CertificateKey is the private key that belongs to Certificate, as PEM.
	// +optional
	CertificateKey *BeyondtrustValue `json:"certificateKey,omitempty"`
}

// BeyondtrustValue is a value that stands here, or in a Secret.
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) != (has(self.value) && size(self.value) > 0)",message="set either value or secretRef"
type BeyondtrustValue struct {
	// Value itself, for everybody to see who may read the store.
	// +optional
	Value string `json:"value,omitempty"`
	// SecretRef is where the value is found.
	// +optional
	SecretRef *metametav1.SecretKeySelector `json:"secretRef,omitempty"`
}

// BeyondtrustServer is a Password Safe server, and what is read there.
type BeyondtrustServer struct {
	// APIURL is the address of the public API, such as https://example.com/BeyondTrust/api/public/v3.
	// +kubebuilder:validation:Pattern=`^\s*https://[^/\s]+/(\S*/)?BeyondTrust/api/public/v\S*\s*$`
	APIURL string `json:"apiUrl"`
	// APIVersion is the version of the answers of Secrets Safe: 3.0, 3.1 or 3.2. The server's own, which is 3.0, when empty.
	// +kubebuilder:validation:Pattern=`^([0-9]\.[0-9])?$`
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// RetrievalType says what is read: SECRET is Secrets Safe, in upper or lower case, and everything else, also nothing, are managed
	// accounts.
	// +optional
	RetrievalType string `json:"retrievalType,omitempty"`
	// Separator is the one character between the parts of a key. / when empty.
	// +kubebuilder:validation:MaxLength=1
	// +optional
	Separator string `json:"separator,omitempty"`
	// Decrypt says whether Secrets Safe gives the values of credentials and texts; they are empty otherwise. True when empty.
	// +optional
	Decrypt *bool `json:"decrypt,omitempty"`
	// VerifyCA says whether the certificate of the server must be signed by a certificate authority that is trusted. Whoever is between
	// the operator and a server that is not verified can take the credentials.
	VerifyCA bool `json:"verifyCA"`
	// ClientTimeOutSeconds is how long one call may take, in seconds, at most 300. 45 when empty or 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	// +optional
	ClientTimeOutSeconds int32 `json:"clientTimeOutSeconds,omitempty"`
	// CABundle is the PEM of the certificate authority, or Base64 of that PEM. It wins over CAProvider.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`
	// CAProvider names where the certificate authority's PEM is found. Without it and CABundle, those of the system are trusted.
	// +optional
	CAProvider *CAProvider `json:"caProvider,omitempty"`
}
