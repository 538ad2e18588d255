package v1

import metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"

// KubernetesProvider keeps secrets as Secrets in a namespace of this or another cluster.
// +kubebuilder:validation:XValidation:rule="!(has(self.auth) && has(self.authRef))",message="authRef and auth cannot both be set"
type KubernetesProvider struct {
	// Server is the API server. The one that the operator itself talks to when empty.
	// +optional
	Server KubernetesServer `json:"server,omitempty,omitzero"`
	// Auth is the identity that the store uses. Either it or AuthRef is needed.
	// +optional
	Auth *KubernetesAuth `json:"auth,omitempty"`
	// AuthRef is a Secret key that holds a kubeconfig. Server is ignored with it.
	// +optional
	AuthRef *metametav1.SecretKeySelector `json:"authRef,omitempty"`
	// RemoteNamespace holds the Secrets. The namespace default when empty.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	RemoteNamespace string `json:"remoteNamespace,omitempty"`
}

// KubernetesServer is the API server of a store.
type KubernetesServer struct {
	// URL of the API server. Empty, kubernetes.default or kubernetes.default.svc means the one that the operator itself talks to.
	// +optional
	URL string `json:"url,omitempty"`
	// CABundle is the PEM of the certificate authority, or Base64 of that PEM. It wins over CAProvider.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`
	// CAProvider names where the certificate authority's PEM is found. Without it and CABundle, those of the system are trusted.
	// +optional
	CAProvider *CAProvider `json:"caProvider,omitempty"`
}

// KubernetesAuth is the identity of a store: exactly one of its fields.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type KubernetesAuth struct {
	// Cert is a client certificate.
	// +optional
	Cert *KubernetesCertAuth `json:"cert,omitempty"`
	// Token is a bearer token.
	// +optional
	Token *KubernetesTokenAuth `json:"token,omitempty"`
	// ServiceAccount is a ServiceAccount of the operator's cluster, for which tokens are requested.
	// +optional
	ServiceAccount *metametav1.ServiceAccountSelector `json:"serviceAccount,omitempty"`
}

// KubernetesCertAuth is a client certificate and its key, both PEM.
type KubernetesCertAuth struct {
	// ClientCert is where the certificate is found.
	ClientCert metametav1.SecretKeySelector `json:"clientCert"`
	// ClientKey is where the private key is found.
	ClientKey metametav1.SecretKeySelector `json:"clientKey"`
}

// KubernetesTokenAuth is a bearer token.
type KubernetesTokenAuth struct {
	// BearerToken is where the token is found.
	BearerToken metametav1.SecretKeySelector `json:"bearerToken"`
}

// CAProviderType is the kind of object that holds a certificate authority.
// +kubebuilder:validation:Enum=Secret;ConfigMap
type CAProviderType string

// The kinds of objects that hold a certificate authority.
const (
	// CAProviderSecret is a Secret.
	CAProviderSecret CAProviderType = "Secret"
	// CAProviderConfigMap is a ConfigMap, such as kube-root-ca.crt.
	CAProviderConfigMap CAProviderType = "ConfigMap"
)

// CAProvider names where a certificate authority's PEM is found.
type CAProvider struct {
	// Type of the object.
	Type CAProviderType `json:"type"`
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// Key in the object's data, whose value is PEM, or Base64 of it. A store that names no key is not Ready.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +optional
	Key string `json:"key,omitempty"`
	// Namespace of the object. Required in a ClusterSecretStore, refused in a SecretStore.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Namespace *string `json:"namespace,omitempty"`
}
