package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// ClusterPushSecretSpec is one PushSecret and the namespaces that get it. A namespace gets it when one of the selectors
// matches; without any of them, none does.
type ClusterPushSecretSpec struct {
	// PushSecretSpec is the spec of every PushSecret.
	PushSecretSpec PushSecretSpec `json:"pushSecretSpec"`
	// PushSecretName is the name of every PushSecret. That of the ClusterPushSecret when empty.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	PushSecretName string `json:"pushSecretName,omitempty"`
	// PushSecretMetadata are the labels and annotations of every PushSecret.
	// +optional
	PushSecretMetadata esv1.ChildMetadata `json:"pushSecretMetadata,omitempty,omitzero"`
	// NamespaceSelectors select namespaces by label: one that matches is enough. An empty one matches all.
	// +optional
	NamespaceSelectors []metav1.LabelSelector `json:"namespaceSelectors,omitempty"`
	// RefreshTime is the time after which all namespaces are looked at again though nothing is known to have changed, as a Go
	// duration. 1h when empty; 0 is never. It is not the interval in which values are pushed: that is
	// pushSecretSpec.refreshInterval.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[-+]?(0|([0-9]{1,6}(\.[0-9]{1,9})?h)?([0-9]{1,8}(\.[0-9]{1,9})?m)?([0-9]{1,9}(\.[0-9]{1,9})?s)?([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|µs|ns))*)$`
	// +optional
	RefreshTime *metav1.Duration `json:"refreshTime,omitempty"`
}

// ClusterPushSecretStatus is what the controller observed and did. Whether the PushSecrets themselves push is in their own
// status.
type ClusterPushSecretStatus struct {
	// PushSecretName is the name of the PushSecrets.
	// +optional
	PushSecretName string `json:"pushSecretName,omitempty"`
	// FailedNamespaces are the namespaces where something failed, sorted; the first 500 of them.
	// +optional
	FailedNamespaces []esv1.NamespaceFailure `json:"failedNamespaces,omitempty"`
	// ProvisionedNamespaces are the namespaces that have the PushSecret as it should be, sorted.
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

// ClusterPushSecret asks for the same PushSecret in many namespaces.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Cluster,categories={external-secrets}
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
type ClusterPushSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterPushSecretSpec   `json:"spec,omitempty"`
	Status ClusterPushSecretStatus `json:"status,omitempty"`
}

// ClusterPushSecretList is a list of ClusterPushSecrets.
// +kubebuilder:object:root=true
type ClusterPushSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ClusterPushSecret `json:"items"`
}
