package v1

// ExternalSecretData takes one value from a store.
type ExternalSecretData struct {
	// SecretKey is the key that the value gets.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	SecretKey string `json:"secretKey"`
	// RemoteRef is the value in the store.
	RemoteRef ExternalSecretDataRemoteRef `json:"remoteRef"`
	// SourceRef names another store for this entry. The store of spec.secretStoreRef when empty.
	// +optional
	SourceRef *StoreSourceRef `json:"sourceRef,omitempty"`
}

// StoreSourceRef names the store of one entry.
type StoreSourceRef struct {
	// StoreRef is the store.
	StoreRef SecretStoreRef `json:"storeRef"`
}

// ExternalSecretMetadataPolicy says whether a value's metadata is read in place of the value.
// +kubebuilder:validation:Enum=None;Fetch
type ExternalSecretMetadataPolicy string

// The metadata policies.
const (
	// MetadataPolicyNone reads the secret's data; the default.
	MetadataPolicyNone ExternalSecretMetadataPolicy = "None"
	// MetadataPolicyFetch reads the secret's labels and annotations.
	MetadataPolicyFetch ExternalSecretMetadataPolicy = "Fetch"
)

// ExternalSecretConversionStrategy says how keys that a Secret cannot hold are changed.
// +kubebuilder:validation:Enum=Default;Unicode
type ExternalSecretConversionStrategy string

// The conversion strategies.
const (
	// ConversionDefault puts _ for every character that is not allowed; the default.
	ConversionDefault ExternalSecretConversionStrategy = "Default"
	// ConversionUnicode puts _Uxxxx_, with the character's code point.
	ConversionUnicode ExternalSecretConversionStrategy = "Unicode"
)

// ExternalSecretDecodingStrategy says how a fetched value is decoded.
// +kubebuilder:validation:Enum=Auto;Base64;Base64URL;None
type ExternalSecretDecodingStrategy string

// The decoding strategies.
const (
	// DecodingAuto decodes what is Base64 or Base64URL and keeps the rest.
	DecodingAuto ExternalSecretDecodingStrategy = "Auto"
	// DecodingBase64 decodes Base64 and refuses what is not.
	DecodingBase64 ExternalSecretDecodingStrategy = "Base64"
	// DecodingBase64URL decodes Base64 with the alphabet for URLs and refuses what is not.
	DecodingBase64URL ExternalSecretDecodingStrategy = "Base64URL"
	// DecodingNone keeps values as they are; the default.
	DecodingNone ExternalSecretDecodingStrategy = "None"
)

// ExternalSecretNullBytePolicy says whether a value may hold a null byte.
// +kubebuilder:validation:Enum=Ignore;Fail
type ExternalSecretNullBytePolicy string

// The null byte policies.
const (
	// NullByteIgnore lets null bytes pass; the default.
	NullByteIgnore ExternalSecretNullBytePolicy = "Ignore"
	// NullByteFail refuses a value that holds one.
	NullByteFail ExternalSecretNullBytePolicy = "Fail"
)

// ExternalSecretDataRemoteRef names a value, or a group of values, in a store.
type ExternalSecretDataRemoteRef struct {
	// Key of the secret in the store, in the form that its provider knows.
	Key string `json:"key"`
	// MetadataPolicy Fetch reads the secret's labels and annotations in place of its data. None when empty.
	// +optional
	MetadataPolicy ExternalSecretMetadataPolicy `json:"metadataPolicy,omitempty"`
	// Property within the secret: a key of exactly this name, or else a path into a JSON value, such as users.0.name. The whole secret when
	// empty.
	// +optional
	Property string `json:"property,omitempty"`
	// Version of the secret, where the store has versions. The latest when empty.
	// +optional
	Version string `json:"version,omitempty"`
	// ConversionStrategy changes keys that a Secret cannot hold, unless there is a rewrite. Default when empty.
	// +optional
	ConversionStrategy ExternalSecretConversionStrategy `json:"conversionStrategy,omitempty"`
	// DecodingStrategy decodes the values, once the keys are final. None when empty.
	// +optional
	DecodingStrategy ExternalSecretDecodingStrategy `json:"decodingStrategy,omitempty"`
	// NullBytePolicy says whether a value may hold a null byte. Ignore when empty.
	// +optional
	NullBytePolicy ExternalSecretNullBytePolicy `json:"nullBytePolicy,omitempty"`
}

// ExternalSecretDataFromRemoteRef takes several values from a store or a generator.
// +kubebuilder:validation:XValidation:rule="!(has(self.extract) && has(self.find)) && !((has(self.extract) || has(self.find)) && has(self.sourceRef) && has(self.sourceRef.generatorRef))",message="extract, find, or generatorRef cannot be set at the same time"
// +kubebuilder:validation:XValidation:rule="has(self.extract) || has(self.find) || has(self.sourceRef)",message="either extract, find, or sourceRef must be set to dataFrom"
type ExternalSecretDataFromRemoteRef struct {
	// Extract takes every key of one secret, or every member of one property.
	// +optional
	Extract *ExternalSecretDataRemoteRef `json:"extract,omitempty"`
	// Find takes every secret that matches, each as one value under its name.
	// +optional
	Find *ExternalSecretFind `json:"find,omitempty"`
	// Rewrite changes the keys, one operation after the other. No conversion takes place then.
	// +optional
	Rewrite []ExternalSecretRewrite `json:"rewrite,omitempty"`
	// SourceRef names another store for this entry, or a generator, which then stands alone. The store of spec.secretStoreRef when empty.
	// +optional
	SourceRef *StoreGeneratorSourceRef `json:"sourceRef,omitempty"`
}

// StoreGeneratorSourceRef names the store or the generator of one entry: one of its fields.
// +kubebuilder:validation:MaxProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.storeRef) || has(self.generatorRef)",message="generatorRef or storeRef must be set when using sourceRef in dataFrom"
type StoreGeneratorSourceRef struct {
	// StoreRef is the store.
	// +optional
	StoreRef *SecretStoreRef `json:"storeRef,omitempty"`
	// GeneratorRef is the generator, whose whole result is taken.
	// +optional
	GeneratorRef *GeneratorRef `json:"generatorRef,omitempty"`
}

// GeneratorRef names a generator.
type GeneratorRef struct {
	// APIVersion of the generator. generators.external-secrets.io/v1alpha1 when empty.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind of the generator, such as Password or ClusterGenerator.
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
	// Name of the generator, in the namespace of the object that refers to it unless it is a ClusterGenerator.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// ExternalSecretFind selects secrets of a store.
type ExternalSecretFind struct {
	// Path to search in, where the store has paths. Everywhere when empty.
	// +optional
	Path *string `json:"path,omitempty"`
	// Name selects by name.
	// +optional
	Name *FindName `json:"name,omitempty"`
	// Tags selects by tags, or labels, all of which must be there with exactly these values.
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
	// ConversionStrategy changes keys that a Secret cannot hold, unless there is a rewrite. Default when empty.
	// +optional
	ConversionStrategy ExternalSecretConversionStrategy `json:"conversionStrategy,omitempty"`
	// DecodingStrategy decodes the values, once the keys are final. None when empty.
	// +optional
	DecodingStrategy ExternalSecretDecodingStrategy `json:"decodingStrategy,omitempty"`
	// NullBytePolicy says whether a value may hold a null byte. Ignore when empty.
	// +optional
	NullBytePolicy ExternalSecretNullBytePolicy `json:"nullBytePolicy,omitempty"`
}

// FindName selects secrets by name.
type FindName struct {
	// RegExp that a part of the name matches, in Go's syntax.
	// +optional
	RegExp string `json:"regexp,omitempty"`
}

// ExternalSecretRewrite is one change of keys.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type ExternalSecretRewrite struct {
	// Merge joins the values, which must be JSON objects, into one.
	// +optional
	Merge *ExternalSecretRewriteMerge `json:"merge,omitempty"`
	// Regexp replaces parts of the keys.
	// +optional
	Regexp *ExternalSecretRewriteRegexp `json:"regexp,omitempty"`
	// Transform renders each key with a template.
	// +optional
	Transform *ExternalSecretRewriteTransform `json:"transform,omitempty"`
}

// ExternalSecretRewriteRegexp replaces what matches Source by Target.
type ExternalSecretRewriteRegexp struct {
	// Source is a regular expression in Go's syntax.
	Source string `json:"source"`
	// Target is the replacement, with $1 or ${name} for submatches.
	Target string `json:"target"`
}

// ExternalSecretRewriteTransform renders each key with a template.
type ExternalSecretRewriteTransform struct {
	// Template yields the new key. It has the old one as .value, and all functions of the engine.
	Template string `json:"template"`
}

// The ways to merge, to resolve conflicts and to treat missing priority keys.
const (
	// MergeStrategyExtract makes the merged members the keys; the default.
	MergeStrategyExtract = "Extract"
	// MergeStrategyJSON keeps the inputs and adds the merged object under Into.
	MergeStrategyJSON = "JSON"
	// MergeConflictError refuses a member that two inputs have; the default.
	MergeConflictError = "Error"
	// MergeConflictIgnore lets the later input win.
	MergeConflictIgnore = "Ignore"
	// MergePriorityStrict refuses a priority key that is not among the inputs; the default.
	MergePriorityStrict = "Strict"
	// MergePriorityIgnoreNotFound passes over such a key.
	MergePriorityIgnoreNotFound = "IgnoreNotFound"
)

// ExternalSecretRewriteMerge joins JSON objects. Inputs are merged in alphabetical order, those named in Priority last.
type ExternalSecretRewriteMerge struct {
	// Strategy says what becomes of the merged object: with Extract its members become the keys, with JSON the inputs stay and it is added
	// under Into. Extract when empty.
	// +kubebuilder:validation:Enum=Extract;JSON
	// +optional
	Strategy string `json:"strategy,omitempty"`
	// Into is the key of the merged object with strategy JSON, which needs it.
	// +optional
	Into string `json:"into,omitempty"`
	// Priority lists inputs that are merged last, in this order. With conflictPolicy Ignore they win, the last one over all.
	// +optional
	Priority []string `json:"priority,omitempty"`
	// PriorityPolicy says what happens when Priority names an input that is not there: Strict fails, IgnoreNotFound passes over it.
	// Strict when empty.
	// +kubebuilder:validation:Enum=Strict;IgnoreNotFound
	// +optional
	PriorityPolicy string `json:"priorityPolicy,omitempty"`
	// ConflictPolicy says what happens when two inputs that are not in Priority have the same member: Error fails, Ignore lets the later
	// one win. Error when empty.
	// +kubebuilder:validation:Enum=Error;Ignore
	// +optional
	ConflictPolicy string `json:"conflictPolicy,omitempty"`
}
