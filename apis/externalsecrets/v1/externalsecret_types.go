package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretStoreRef names a store.
type SecretStoreRef struct {
	// Name of the store.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Name string `json:"name,omitempty"`
	// Kind of the store: SecretStore (of the same namespace) or ClusterSecretStore. SecretStore when empty.
	// +kubebuilder:validation:Enum=SecretStore;ClusterSecretStore
	// +optional
	Kind string `json:"kind,omitempty"`
}

// ExternalSecretRefreshPolicy says when an ExternalSecret reads its sources again.
// +kubebuilder:validation:Enum=CreatedOnce;Periodic;OnChange
type ExternalSecretRefreshPolicy string

// The refresh policies.
const (
	// RefreshCreatedOnce reads the sources until the target was made, and never again.
	RefreshCreatedOnce ExternalSecretRefreshPolicy = "CreatedOnce"
	// RefreshPeriodic reads the sources each refreshInterval and when the ExternalSecret changes; the default.
	RefreshPeriodic ExternalSecretRefreshPolicy = "Periodic"
	// RefreshOnChange reads the sources when the ExternalSecret itself changes.
	RefreshOnChange ExternalSecretRefreshPolicy = "OnChange"
)

// ExternalSecretSpec is the wanted Secret: where its values come from, how they are shaped and where they go.
// +kubebuilder:validation:XValidation:rule="(has(self.data) && size(self.data) > 0) || (has(self.dataFrom) && size(self.dataFrom) > 0)",message="either data or dataFrom should be specified"
type ExternalSecretSpec struct {
	// SecretStoreRef is the store of every entry that names none of its own.
	// +optional
	SecretStoreRef SecretStoreRef `json:"secretStoreRef,omitempty,omitzero"`
	// Target is the Secret to be made.
	// +optional
	Target ExternalSecretTarget `json:"target,omitempty,omitzero"`
	// RefreshPolicy says when the sources are read again. Periodic when empty.
	// +optional
	RefreshPolicy ExternalSecretRefreshPolicy `json:"refreshPolicy,omitempty"`
	// RefreshInterval is the time between two periodic refreshes, as a Go duration such as 1h or 15m30s. 1h when empty;
	// 0 refreshes only until the first success.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[-+]?(0|([0-9]{1,6}(\.[0-9]{1,9})?h)?([0-9]{1,8}(\.[0-9]{1,9})?m)?([0-9]{1,9}(\.[0-9]{1,9})?s)?([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|µs|ns))*)$`
	// +optional
	RefreshInterval *metav1.Duration `json:"refreshInterval,omitempty"`
	// SyncWindows limit the periodic refreshes to, or keep them out of, times of the day. Any time when empty.
	// +optional
	SyncWindows *SyncWindows `json:"syncWindows,omitempty"`
	// Data are single values, each under a key of its own. They win over DataFrom.
	// +optional
	Data []ExternalSecretData `json:"data,omitempty"`
	// DataFrom are sources that yield several keys. Later entries win over earlier ones.
	// +optional
	DataFrom []ExternalSecretDataFromRemoteRef `json:"dataFrom,omitempty"`
}

// SyncWindowKind says whether refreshes are allowed or denied within the windows.
// +kubebuilder:validation:Enum=allow;deny
type SyncWindowKind string

// The kinds of sync windows.
const (
	// SyncWindowAllow refreshes only within a window.
	SyncWindowAllow SyncWindowKind = "allow"
	// SyncWindowDeny never refreshes within a window.
	SyncWindowDeny SyncWindowKind = "deny"
)

// SyncWindows are recurring spans of time, in UTC.
type SyncWindows struct {
	// Kind says whether refreshes are allowed only within the windows, or denied there.
	Kind SyncWindowKind `json:"kind"`
	// Windows are the spans. Being in one of them is enough.
	// +kubebuilder:validation:MinItems=1
	Windows []SyncWindow `json:"windows"`
}

// SyncWindow is one recurring span of time.
type SyncWindow struct {
	// Schedule is the start of the span: five cron fields or a shorthand such as @daily, in UTC.
	// +kubebuilder:validation:MinLength=1
	Schedule string `json:"schedule"`
	// Duration is the length of the span, as a Go duration such as 1h or 15m30s.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^(0|([0-9]{1,6}(\.[0-9]{1,9})?h)?([0-9]{1,8}(\.[0-9]{1,9})?m)?([0-9]{1,9}(\.[0-9]{1,9})?s)?([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|µs|ns))*)$`
	Duration metav1.Duration `json:"duration"`
}

// ExternalSecretBinding names the Secret that an ExternalSecret is bound to, as the Service Binding specification asks.
type ExternalSecretBinding struct {
	// Name of the Secret, which is in the namespace of the ExternalSecret.
	// +optional
	Name string `json:"name,omitempty"`
}

// ExternalSecretStatus is what the controller observed and did.
type ExternalSecretStatus struct {
	// RefreshTime is when the sources were last read and delivered. It moves at most once a minute.
	// +nullable
	// +optional
	RefreshTime *metav1.Time `json:"refreshTime,omitempty"`
	// SyncedResourceVersion is the generation that was last delivered and a hash of the labels and annotations it had.
	// +optional
	SyncedResourceVersion string `json:"syncedResourceVersion,omitempty"`
	// SyncedInputs is a hash of the versions of the objects that the last delivery was made from: stores and template sources. It holds
	// nothing of their content.
	// +optional
	SyncedInputs string `json:"syncedInputs,omitempty"`
	// ObservedGeneration is the generation that the controller last acted on.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// LastHandledForceSync is the value of the force-sync annotation that was last acted on.
	// +optional
	LastHandledForceSync string `json:"lastHandledForceSync,omitempty"`
	// LastHandledRotate is the value of the annotation sluice.dev/rotate that was last acted on.
	// +optional
	LastHandledRotate string `json:"lastHandledRotate,omitempty"`
	// Conditions hold Ready. Its reasons are SecretSynced, SecretDeleted and SecretMissing when it is True, and SecretSyncedError when it is
	// False; the message says what is missing.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Binding names the target.
	// +optional
	Binding ExternalSecretBinding `json:"binding,omitempty,omitzero"`
	// Manifest is the kind of the target that was last delivered, when spec.target.manifest named one.
	// +optional
	Manifest *ManifestReference `json:"manifest,omitempty"`
}

// ExternalSecret asks for one Secret in its namespace that is filled from stores and generators.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets},shortName=es
// +kubebuilder:printcolumn:name="StoreType",type=string,JSONPath=`.spec.secretStoreRef.kind`
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.spec.secretStoreRef.name`
// +kubebuilder:printcolumn:name="Refresh Interval",type=string,JSONPath=`.spec.refreshInterval`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Last Sync",type=date,JSONPath=`.status.refreshTime`
// +kubebuilder:selectablefield:JSONPath=`.spec.secretStoreRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.secretStoreRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.target.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.refreshInterval`
type ExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ExternalSecretSpec   `json:"spec,omitempty"`
	Status ExternalSecretStatus `json:"status,omitempty"`
}

// ExternalSecretList is a list of ExternalSecrets.
// +kubebuilder:object:root=true
type ExternalSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ExternalSecret `json:"items"`
}
