package v1

// ChildMetadata are the labels and annotations of the objects that a ClusterExternalSecret or a ClusterPushSecret asks for.
type ChildMetadata struct {
	// Annotations by name.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Labels by name.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// NamespaceFailure says why a namespace does not have what it should.
type NamespaceFailure struct {
	// Namespace is its name.
	Namespace string `json:"namespace"`
	// Reason says what failed, and what would mend it.
	// +optional
	Reason string `json:"reason,omitempty"`
}
