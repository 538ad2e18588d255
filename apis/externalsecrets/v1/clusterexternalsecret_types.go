package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterExternalSecretSpec is one ExternalSecret and the namespaces that get it. A namespace gets it when one of the
// selectors matches, or when it is named; without any of them, none does.
type ClusterExternalSecretSpec struct {
	// ExternalSecretSpec is the spec of every ExternalSecret.
	ExternalSecretSpec ExternalSecretSpec `json:"externalSecretSpec"`
	// ExternalSecretName is the name of every ExternalSecret. That of the ClusterExternalSecret when empty.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ExternalSecretName string `json:"externalSecretName,omitempty"`
	// ExternalSecretMetadata are the labels and annotations of every ExternalSecret.
	// +optional
	ExternalSecretMetadata ChildMetadata `json:"externalSecretMetadata,omitempty,omitzero"`
	// NamespaceSelector selects namespaces by label. Deprecated: use namespaceSelectors.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// NamespaceSelectors select namespaces by label: one that matches is enough. An empty one matches all.
	// +optional
	NamespaceSelectors []metav1.LabelSelector `json:"namespaceSelectors,omitempty"`
	// Namespaces selects namespaces by name. Deprecated: use namespaceSelectors with the label kubernetes.io/metadata.name.
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// RefreshTime is the time after which all namespaces are looked at again though nothing is known to have changed, as a Go
	// duration. 1h when empty; 0 is never. It is not the interval in which secrets are read: that is
	// externalSecretSpec.refreshInterval.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[-+]?(0|([0-9]{1,6}(\.[0-9]{1,9})?h)?([0-9]{1,8}(\.[0-9]{1,9})?m)?([0-9]{1,9}(\.[0-9]{1,9})?s)?([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|µs|ns))*)$`
	// +optional
	RefreshTime *metav1.Duration `json:"refreshTime,omitempty"`
}

// ClusterExternalSecretStatus is what the controller observed and did. Whether the ExternalSecrets themselves deliver is
// in their own status.
type ClusterExternalSecretStatus struct {
	// ExternalSecretName is the name of the ExternalSecrets.
	// +optional
	ExternalSecretName string `json:"externalSecretName,omitempty"`
	// FailedNamespaces are the namespaces where something failed, sorted; the first 500 of them.
	// +optional
	FailedNamespaces []NamespaceFailure `json:"failedNamespaces,omitempty"`
	// ProvisionedNamespaces are the namespaces that have the ExternalSecret as it should be, sorted.
	// +optional
	ProvisionedNamespaces []string `json:"provisionedNamespaces,omitempty"`
	// Conditions hold Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ObservedGeneration is the generation that the controller last acted on.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// ClusterExternalSecret asks for the same ExternalSecret in many namespaces.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Cluster,categories={external-secrets},shortName=ces
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.spec.externalSecretSpec.secretStoreRef.name`
// +kubebuilder:printcolumn:name="Refresh Interval",type=string,JSONPath=`.spec.refreshTime`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
type ClusterExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterExternalSecretSpec   `json:"spec,omitempty"`
	Status ClusterExternalSecretStatus `json:"status,omitempty"`
}

// ClusterExternalSecretList is a list of ClusterExternalSecrets.
// +kubebuilder:object:root=true
type ClusterExternalSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ClusterExternalSecret `json:"items"`
}
