package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// SecretStoreSpec says where secrets are kept and how to sign in there.
type SecretStoreSpec struct {
	// Controller names the controller class that serves this store, as in the operator's flag --controller-class. Every class when empty.
	// +optional
	Controller string `json:"controller,omitempty"`
	// Provider is the system behind the store: exactly one of its fields.
	Provider *SecretStoreProvider `json:"provider"`
	// RetrySettings limit the retries of single calls to the provider. A call is not retried when empty, the whole refresh always is.
	// +optional
	RetrySettings *SecretStoreRetrySettings `json:"retrySettings,omitempty"`
	// RefreshInterval is the time between two checks of the store: seconds, or a Go duration. The operator's flag
	// --store-requeue-interval, which is 5m, counts when empty or 0.
	// +kubebuilder:validation:XIntOrString
	// +optional
	RefreshInterval *intstr.IntOrString `json:"refreshInterval,omitempty"`
	// Conditions limit the namespaces that may use a ClusterSecretStore: one that matches is enough. All namespaces when empty. A SecretStore
	// has no use for them.
	// +optional
	Conditions []ClusterSecretStoreCondition `json:"conditions,omitempty"`
}

// SecretStoreProvider is the system behind a store. The name of the field is the name of the provider.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type SecretStoreProvider struct {
	// Kubernetes keeps secrets as Secrets in a namespace of this or another cluster.
	// +optional
	Kubernetes *KubernetesProvider `json:"kubernetes,omitempty"`
	// Fake keeps the values that its own spec lists. For tests and demonstrations.
	// +optional
	Fake *FakeProvider `json:"fake,omitempty"`
	// Beyondtrust keeps secrets in BeyondTrust Password Safe.
	// +optional
	Beyondtrust *BeyondtrustProvider `json:"beyondtrust,omitempty"`
	// BeyondtrustWorkloadCredentials keeps static secrets in BeyondTrust Workload Credentials.
	// +optional
	BeyondtrustWorkloadCredentials *BeyondtrustWorkloadCredentialsProvider `json:"beyondtrustworkloadcredentials,omitempty"`
}

// SecretStoreRetrySettings limit the retries of single calls.
type SecretStoreRetrySettings struct {
	// MaxRetries is the number of tries after the first, of which there are 10 at most. 3 when empty.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxRetries *int32 `json:"maxRetries,omitempty"`
	// RetryInterval is the wait before the first retry, as a Go duration. It doubles with each retry, from 100ms at least up to 30s. 1s when empty.
	// +optional
	RetryInterval *string `json:"retryInterval,omitempty"`
}

// ClusterSecretStoreCondition selects namespaces: one of its fields that matches is enough.
type ClusterSecretStoreCondition struct {
	// NamespaceSelector selects namespaces by label.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// Namespaces selects namespaces by name.
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// NamespaceRegexes selects namespaces of which a part of the name matches one of these, in Go's syntax.
	// +optional
	NamespaceRegexes []string `json:"namespaceRegexes,omitempty"`
}

// SecretStoreCapabilities says what can be done with a store.
type SecretStoreCapabilities string

// The capabilities.
const (
	// CapabilityReadOnly is for ExternalSecrets alone.
	CapabilityReadOnly SecretStoreCapabilities = "ReadOnly"
	// CapabilityWriteOnly is for PushSecrets alone.
	CapabilityWriteOnly SecretStoreCapabilities = "WriteOnly"
	// CapabilityReadWrite is for both.
	CapabilityReadWrite SecretStoreCapabilities = "ReadWrite"
)

// SecretStoreStatus is what the controller found when it last checked the store.
type SecretStoreStatus struct {
	// Conditions hold Ready. The message says what is missing.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Capabilities says whether the store can be read, written or both.
	// +optional
	Capabilities SecretStoreCapabilities `json:"capabilities,omitempty"`
	// ObservedGeneration is the generation that was last checked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// SecretStore is a place where secrets are kept, for the objects of its namespace.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets},shortName=ss
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Capabilities",type=string,JSONPath=`.status.capabilities`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
type SecretStore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SecretStoreSpec   `json:"spec,omitempty"`
	Status SecretStoreStatus `json:"status,omitempty"`
}

// SecretStoreList is a list of SecretStores.
// +kubebuilder:object:root=true
type SecretStoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []SecretStore `json:"items"`
}

// ClusterSecretStore is a place where secrets are kept, for the objects of every namespace that its conditions allow.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Cluster,categories={external-secrets},shortName=css
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Capabilities",type=string,JSONPath=`.status.capabilities`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
type ClusterSecretStore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SecretStoreSpec   `json:"spec,omitempty"`
	Status SecretStoreStatus `json:"status,omitempty"`
}

// ClusterSecretStoreList is a list of ClusterSecretStores.
// +kubebuilder:object:root=true
type ClusterSecretStoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ClusterSecretStore `json:"items"`
}
