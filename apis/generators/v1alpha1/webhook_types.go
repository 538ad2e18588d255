package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
)

// The label that a Secret must have before a Webhook may use it: it is sent to whatever address the Webhook names.
const (
	// LabelWebhookSecret is the name of the label.
	LabelWebhookSecret = "external-secrets.io/type"
	// LabelWebhookSecretValue is its value.
	LabelWebhookSecretValue = "webhook"
)

// WebhookSpec says which endpoint is called, and what of its answer is taken. URL, Headers and Body are templates; in them,
// {{ .name.key }} is the value under key in the Secret that Secrets lists under name.
type WebhookSpec struct {
	// Method of the request. GET when empty.
	// +optional
	Method string `json:"method,omitempty"`
	// URL of the endpoint, http or https. Values of Secrets are escaped in it.
	// +kubebuilder:validation:MinLength=1
	URL string `json:"url"`
	// Headers of the request, by name.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
	// Auth is how to sign in, beside what stands in Headers.
	// +optional
	Auth *WebhookAuth `json:"auth,omitempty"`
	// Body of the request. None when empty.
	// +optional
	Body string `json:"body,omitempty"`
	// Timeout for the whole request, as a Go duration. 30s when empty or 0, and never more than 5m.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// Result says what is taken of the answer. All of it when empty.
	// +optional
	Result WebhookResult `json:"result,omitempty"`
	// Secrets are those that the templates use.
	// +optional
	Secrets []WebhookSecret `json:"secrets,omitempty"`
	// CABundle is the PEM of the certificate authority, or Base64 of that PEM. It wins over CAProvider.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`
	// CAProvider names where the certificate authority's PEM is found. Without it and CABundle, those of the system are trusted.
	// +optional
	CAProvider *esv1.CAProvider `json:"caProvider,omitempty"`
}

// WebhookAuth is how to sign in: exactly one of its fields.
// +kubebuilder:validation:MaxProperties=1
type WebhookAuth struct {
	// NTLM signs in as a user of Windows.
	// +optional
	NTLM *WebhookNTLM `json:"ntlm,omitempty"`
}

// WebhookNTLM is a user name and a password, in Secrets that have the label external-secrets.io/type: webhook.
type WebhookNTLM struct {
	// UserName is where the name is found: user, DOMAIN\user or user@domain.
	UserName metametav1.SecretKeySelector `json:"usernameSecret"`
	// Password is where the password is found.
	Password metametav1.SecretKeySelector `json:"passwordSecret"`
}

// WebhookResult says what is taken of an answer.
type WebhookResult struct {
	// JSONPath leads to the object, or to a text that is the object as JSON, whose members are the result: $.data, for example (RFC 9535).
	// The whole answer when empty.
	// +optional
	JSONPath string `json:"jsonPath,omitempty"`
}

// WebhookSecret is a Secret that templates use. It must have the label external-secrets.io/type: webhook.
type WebhookSecret struct {
	// Name of the Secret in templates.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// SecretRef is the Secret. All of its keys can be used; the key that is named here does not matter.
	SecretRef metametav1.SecretKeySelector `json:"secretRef"`
}

// Webhook takes values from an answer in JSON of an endpoint.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets,external-secrets-generators}
type Webhook struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec WebhookSpec `json:"spec,omitempty"`
}

// WebhookList is a list of Webhooks.
// +kubebuilder:object:root=true
type WebhookList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Webhook `json:"items"`
}
