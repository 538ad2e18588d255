package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// PushSecretStoreRef names a store, or selects stores by label.
// +kubebuilder:validation:XValidation:rule="!(has(self.name) && has(self.labelSelector))",message="name and labelSelector cannot both be set"
type PushSecretStoreRef struct {
	// Name of the store.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Name string `json:"name,omitempty"`
	// LabelSelector selects stores of the given kind by label.
	// +optional
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// Kind of the store: SecretStore (of the same namespace) or ClusterSecretStore. SecretStore when empty.
	// +kubebuilder:validation:Enum=SecretStore;ClusterSecretStore
	// +optional
	Kind string `json:"kind,omitempty"`
}

// PushSecretUpdatePolicy says what happens to a remote value that is already there.
// +kubebuilder:validation:Enum=Replace;IfNotExists
type PushSecretUpdatePolicy string

// The update policies.
const (
	// UpdateReplace writes over what is there. The default; what somebody else owns, with another value, is taken only when it is written.
	UpdateReplace PushSecretUpdatePolicy = "Replace"
	// UpdateIfNotExists leaves what is there.
	UpdateIfNotExists PushSecretUpdatePolicy = "IfNotExists"
)

// PushSecretDeletionPolicy says what happens to pushed values when the PushSecret, or one of its entries, goes.
// +kubebuilder:validation:Enum=None;Delete
type PushSecretDeletionPolicy string

// The deletion policies.
const (
	// DeletionNone leaves pushed values; the default.
	DeletionNone PushSecretDeletionPolicy = "None"
	// DeletionDelete removes what this PushSecret wrote.
	DeletionDelete PushSecretDeletionPolicy = "Delete"
)

// PushSecretConversionStrategy says how the source's keys are changed before they are pushed.
// +kubebuilder:validation:Enum=None;ReverseUnicode
type PushSecretConversionStrategy string

// The conversion strategies.
const (
	// ConversionNone keeps keys as they are; the default.
	ConversionNone PushSecretConversionStrategy = "None"
	// ConversionReverseUnicode turns _Uxxxx_ back into the character.
	ConversionReverseUnicode PushSecretConversionStrategy = "ReverseUnicode"
)

// PushSecretSpec says what is pushed, and where to.
type PushSecretSpec struct {
	// RefreshInterval is the time between two pushes, as a Go duration such as 1h or 15m30s. 1h when empty; 0 pushes only until
	// the first success. A generator runs again at an interval only when the interval is written here and is not 0.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[-+]?(0|([0-9]{1,6}(\.[0-9]{1,9})?h)?([0-9]{1,8}(\.[0-9]{1,9})?m)?([0-9]{1,9}(\.[0-9]{1,9})?s)?([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|µs|ns))*)$`
	// +optional
	RefreshInterval *metav1.Duration `json:"refreshInterval,omitempty"`
	// SecretStoreRefs are the stores to push to. Each of them gets every entry of data.
	SecretStoreRefs []PushSecretStoreRef `json:"secretStoreRefs"`
	// UpdatePolicy says what happens to a remote value that is already there. Replace when empty.
	// +optional
	UpdatePolicy PushSecretUpdatePolicy `json:"updatePolicy,omitempty"`
	// DeletionPolicy says what happens to pushed values when the PushSecret, or one of its entries, goes. None when empty.
	// +optional
	DeletionPolicy PushSecretDeletionPolicy `json:"deletionPolicy,omitempty"`
	// Selector is the source of the values.
	Selector PushSecretSelector `json:"selector"`
	// Data are the entries to push, each to every store.
	// +optional
	Data []PushSecretData `json:"data,omitempty"`
	// DataTo pushes all keys of the source that match, without naming each. Data wins over it for the same source key.
	// +optional
	DataTo []PushSecretDataTo `json:"dataTo,omitempty"`
	// Template shapes the source before it is pushed. Its keys are added to those of the source.
	// +optional
	Template *esv1.ExternalSecretTemplate `json:"template,omitempty"`
}

// PushSecretSelector is the source of the values: exactly one of its fields.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type PushSecretSelector struct {
	// Secret is a Secret of the same namespace, or several.
	// +optional
	Secret *PushSecretSecret `json:"secret,omitempty"`
	// GeneratorRef is a generator. When it runs again is said at refreshInterval.
	// +optional
	GeneratorRef *esv1.GeneratorRef `json:"generatorRef,omitempty"`
}

// PushSecretSecret names a Secret, or selects Secrets by label.
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.selector)",message="exactly one of name and selector must be set"
type PushSecretSecret struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Name string `json:"name,omitempty"`
	// Selector selects Secrets by label.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// PushSecretData is one entry to push.
// +kubebuilder:validation:XValidation:rule="!has(self.previousProperty) || (has(self.match.secretKey) && has(self.match.remoteRef.property))",message="previousProperty needs match.secretKey and match.remoteRef.property: it keeps one value beside another"
// +kubebuilder:validation:XValidation:rule="!has(self.previousFor) || has(self.previousProperty)",message="previousFor needs previousProperty"
type PushSecretData struct {
	// Match pairs a key of the source with a place in the store.
	Match PushSecretMatch `json:"match"`
	// Metadata is for the provider: which labels, annotations or settings the remote secret gets.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Metadata *runtime.RawExtension `json:"metadata,omitempty"`
	// ConversionStrategy changes the source's keys. None when empty.
	// +optional
	ConversionStrategy PushSecretConversionStrategy `json:"conversionStrategy,omitempty"`
	// PreviousProperty is where a value that a push replaces goes on to stand, beside the new one in the same remote secret, so that
	// those who have not read the new one yet can be let in with both. The two are written at once.
	// +kubebuilder:validation:MinLength=1
	// +optional
	PreviousProperty string `json:"previousProperty,omitempty"`
	// PreviousFor is how long the previous value stays, as a Go duration such as 1h or 15m30s. Until the next value replaces it when
	// empty.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[-+]?(0|([0-9]{1,6}(\.[0-9]{1,9})?h)?([0-9]{1,8}(\.[0-9]{1,9})?m)?([0-9]{1,9}(\.[0-9]{1,9})?s)?([0-9]{1,9}(\.[0-9]{1,9})?(ms|us|µs|ns))*)$`
	// +optional
	PreviousFor *metav1.Duration `json:"previousFor,omitempty"`
}

// PushSecretMatch pairs a key of the source with a place in the store.
type PushSecretMatch struct {
	// SecretKey is the key of the source. All of its keys when empty.
	// +optional
	SecretKey string `json:"secretKey,omitempty"`
	// RemoteRef is the place in the store.
	RemoteRef PushSecretRemoteRef `json:"remoteRef"`
}

// PushSecretRemoteRef is a place in a store.
type PushSecretRemoteRef struct {
	// RemoteKey is the name of the secret in the store.
	// +kubebuilder:validation:MinLength=1
	RemoteKey string `json:"remoteKey"`
	// Property within that secret. The whole secret when empty.
	// +optional
	Property string `json:"property,omitempty"`
}

// PushSecretDataTo pushes all keys of the source that match.
// +kubebuilder:validation:XValidation:rule="!(has(self.remoteKey) && has(self.rewrite) && size(self.rewrite) > 0)",message="remoteKey and rewrite are mutually exclusive: rewrite names a remote key for each source key, remoteKey one for all"
type PushSecretDataTo struct {
	// StoreRef is the store to push to; it must be among secretStoreRefs.
	// +kubebuilder:validation:XValidation:rule="has(self.name) || has(self.labelSelector)",message="storeRef must specify either name or labelSelector"
	StoreRef PushSecretStoreRef `json:"storeRef"`
	// RemoteKey is the one secret that gets all matching keys, as a JSON object. Each key is a secret of its own when empty.
	// +optional
	RemoteKey string `json:"remoteKey,omitempty"`
	// Match selects the keys; all when empty.
	// +optional
	Match *PushSecretDataToMatch `json:"match,omitempty"`
	// Rewrite changes the keys into the names of the remote secrets, one operation after the other.
	// +optional
	Rewrite []PushSecretRewrite `json:"rewrite,omitempty"`
	// Metadata is for the provider: which labels, annotations or settings the remote secrets get.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Metadata *runtime.RawExtension `json:"metadata,omitempty"`
	// ConversionStrategy changes the source's keys. None when empty.
	// +optional
	ConversionStrategy PushSecretConversionStrategy `json:"conversionStrategy,omitempty"`
}

// PushSecretDataToMatch selects keys of the source.
type PushSecretDataToMatch struct {
	// RegExp that a part of the key matches, in Go's syntax; all keys when empty.
	// +optional
	RegExp string `json:"regexp,omitempty"`
}

// PushSecretRewrite is one change of keys.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type PushSecretRewrite struct {
	// Regexp replaces parts of the keys.
	// +optional
	Regexp *esv1.ExternalSecretRewriteRegexp `json:"regexp,omitempty"`
	// Transform renders each key anew.
	// +optional
	Transform *esv1.ExternalSecretRewriteTransform `json:"transform,omitempty"`
}

// SyncedPushSecretsMap is what was pushed: store (Kind/name) -> remote key, with /property where one was given, and @place where the
// entry goes elsewhere than usual -> the entry.
type SyncedPushSecretsMap map[string]map[string]PushSecretData

// PushSecretRotation is one round of new values. It is written down before the first of them reaches a store, so that
// whoever goes on with it knows them again there.
type PushSecretRotation struct {
	// ForceSync is the value of the force-sync annotation when the rotation began.
	// +optional
	ForceSync string `json:"forceSync,omitempty"`
	// Rotate is the value of the annotation sluice.dev/rotate when the rotation began.
	// +optional
	Rotate string `json:"rotate,omitempty"`
	// Keys are the keys of the source that get new values; all when empty.
	// +optional
	Keys []string `json:"keys,omitempty"`
	// Generated holds a keyed hash of each value of the round, by its key in the source.
	// +optional
	Generated map[string]string `json:"generated,omitempty"`
	// Leases are the names of the GeneratorStates of the round's values.
	// +listType=set
	// +optional
	Leases []string `json:"leases,omitempty"`
}

// PushSecretStatus is what the controller observed and did.
type PushSecretStatus struct {
	// RefreshTime is when the values were last pushed. It moves at most once a minute.
	// +nullable
	// +optional
	RefreshTime *metav1.Time `json:"refreshTime,omitempty"`
	// SyncedResourceVersion is the generation that was last pushed and a hash of the labels and annotations it had.
	// +optional
	SyncedResourceVersion string `json:"syncedResourceVersion,omitempty"`
	// SyncedInputs is a hash of the versions of the objects that the last push was made from: source, stores and template sources. It
	// holds nothing of their content.
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
	// Rotation is the rotation that has begun and has not reached every store yet.
	// +optional
	Rotation *PushSecretRotation `json:"rotation,omitempty"`
	// LastRotationTime is when the last rotation was complete. The next interval of a generator counts from there.
	// +optional
	LastRotationTime *metav1.Time `json:"lastRotationTime,omitempty"`
	// LastReplacedTimes is when a push last replaced the value of an entry with previousProperty, by remote key with /property.
	// +optional
	LastReplacedTimes map[string]metav1.Time `json:"lastReplacedTimes,omitempty"`
	// Generated holds a keyed hash of each generated value that every store was given, by its key in the source; of a Secret those of
	// values that previousProperty may keep. It tells which of two stores that differ is right, and nothing of the value.
	// +optional
	Generated map[string]string `json:"generated,omitempty"`
	// Leases are the names of the GeneratorStates of the values that the stores have.
	// +listType=set
	// +optional
	Leases []string `json:"leases,omitempty"`
	// SyncedPushSecrets is what was pushed and not removed since, by store.
	// +optional
	SyncedPushSecrets SyncedPushSecretsMap `json:"syncedPushSecrets,omitempty"`
	// Conditions hold Ready. Its reasons are Synced when it is True, and Errored and SourceDeleted when it is False; the message says what
	// is missing.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PushSecret asks for values of a Secret or a generator to be written into stores.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets},shortName=ps
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Last Sync",type=date,JSONPath=`.status.refreshTime`
type PushSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   PushSecretSpec   `json:"spec,omitempty"`
	Status PushSecretStatus `json:"status,omitempty"`
}

// PushSecretList is a list of PushSecrets.
// +kubebuilder:object:root=true
type PushSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []PushSecret `json:"items"`
}
