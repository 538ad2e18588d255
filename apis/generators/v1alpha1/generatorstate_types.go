package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Names that a GeneratorState carries.
const (
	// LabelOwnerKey names, as a hash, the object and the place in it that the state belongs to.
	LabelOwnerKey = "generators.external-secrets.io/owner-key"
	// FinalizerGeneratorState keeps a state until what it describes was given back.
	FinalizerGeneratorState = "generatorstate.externalsecrets.io/finalizer"

	// AnnotationUndelivered is on a state whose values nobody is known to have. Only its owner decides what becomes of it.
	AnnotationUndelivered = "lease.sluice.dev/undelivered"
	// AnnotationSlot names the place in the owner that the values are for.
	AnnotationSlot = "lease.sluice.dev/slot"
	// AnnotationValues is a keyed fingerprint of the values, by which they are recognised.
	AnnotationValues = "lease.sluice.dev/values"
	// AnnotationKeys lists the keys of the values, as JSON.
	AnnotationKeys = "lease.sluice.dev/keys"
	// AnnotationRequest is a keyed fingerprint of what asked for the values.
	AnnotationRequest = "lease.sluice.dev/request"
	// AnnotationIssuedAt and AnnotationExpiresAt say from when until when the values are good, as RFC 3339 has it. Without
	// the second they do not end by themselves.
	AnnotationIssuedAt  = "lease.sluice.dev/issued-at"
	AnnotationExpiresAt = "lease.sluice.dev/expires-at"
)

// Reasons of the Ready condition of a state.
const (
	// ReasonStateCreated says that the state is kept.
	ReasonStateCreated = "Created"
	// ReasonStateError says that what it describes could not be given back.
	ReasonStateError = "Error"
)

// GeneratorStateSpec is what is needed to give back something that a generator obtained.
type GeneratorStateSpec struct {
	// GarbageCollectionDeadline is when the state is collected; never when empty.
	// +optional
	GarbageCollectionDeadline *metav1.Time `json:"garbageCollectionDeadline,omitempty"`
	// Resource is the generator as it was when it ran.
	// +kubebuilder:pruning:PreserveUnknownFields
	Resource runtime.RawExtension `json:"resource"`
	// State is what the generator returned. It never holds a secret value.
	// +kubebuilder:pruning:PreserveUnknownFields
	State runtime.RawExtension `json:"state"`
}

// GeneratorStateStatus is what the controller did.
type GeneratorStateStatus struct {
	// Conditions hold Ready. It is False while what the generator obtained cannot be given back, and says why.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ObservedGeneration is the generation that the controller last acted on.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// GeneratorState remembers something that a generator obtained and that has to be given back. Sluice makes and deletes these objects.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets,external-secrets-generators},shortName=gs
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.resource.kind`
// +kubebuilder:printcolumn:name="Generator",type=string,JSONPath=`.spec.resource.metadata.name`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.metadata.ownerReferences[0].name`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.metadata.annotations.lease\.sluice\.dev/expires-at`
// +kubebuilder:printcolumn:name="GC Deadline",type=string,JSONPath=`.spec.garbageCollectionDeadline`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type GeneratorState struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   GeneratorStateSpec   `json:"spec,omitempty"`
	Status GeneratorStateStatus `json:"status,omitempty"`
}

// GeneratorStateList is a list of GeneratorStates.
// +kubebuilder:object:root=true
type GeneratorStateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GeneratorState `json:"items"`
}
