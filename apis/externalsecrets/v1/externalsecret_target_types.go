package v1

import corev1 "k8s.io/api/core/v1"

// ExternalSecretCreationPolicy says who makes and owns the target.
// +kubebuilder:validation:Enum=Owner;Orphan;Merge;None;CreateOrMerge
type ExternalSecretCreationPolicy string

// The creation policies.
const (
	// CreateOwner makes the target and owns it: it goes with the ExternalSecret. The default.
	CreateOwner ExternalSecretCreationPolicy = "Owner"
	// CreateOrphan makes the target and leaves it when the ExternalSecret goes. Between refreshes it lets others edit and
	// delete it.
	CreateOrphan ExternalSecretCreationPolicy = "Orphan"
	// CreateMerge adds keys to a target that something else makes.
	CreateMerge ExternalSecretCreationPolicy = "Merge"
	// CreateNone writes nothing.
	CreateNone ExternalSecretCreationPolicy = "None"
	// CreateOrMerge makes the target if it is missing and adds keys to it otherwise.
	CreateOrMerge ExternalSecretCreationPolicy = "CreateOrMerge"
)

// ExternalSecretDeletionPolicy says what happens to the target when its sources are gone.
// +kubebuilder:validation:Enum=Retain;Delete;Merge
type ExternalSecretDeletionPolicy string

// The deletion policies.
const (
	// DeleteRetain keeps the target as it is; the default.
	DeleteRetain ExternalSecretDeletionPolicy = "Retain"
	// DeleteDelete deletes the target.
	DeleteDelete ExternalSecretDeletionPolicy = "Delete"
	// DeleteMerge keeps the target and removes the keys whose sources are gone.
	DeleteMerge ExternalSecretDeletionPolicy = "Merge"
)

// ExternalSecretTarget is the Secret to be made.
// +kubebuilder:validation:XValidation:rule="!(has(self.deletionPolicy) && self.deletionPolicy == 'Delete' && has(self.creationPolicy) && self.creationPolicy in ['Merge', 'None', 'CreateOrMerge'])",message="deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner"
// +kubebuilder:validation:XValidation:rule="!(has(self.deletionPolicy) && self.deletionPolicy == 'Merge' && has(self.creationPolicy) && self.creationPolicy == 'None')",message="deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with"
type ExternalSecretTarget struct {
	// Name of the target. That of the ExternalSecret when empty.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Name string `json:"name,omitempty"`
	// CreationPolicy says who makes and owns the target. Owner when empty.
	// +optional
	CreationPolicy ExternalSecretCreationPolicy `json:"creationPolicy,omitempty"`
	// DeletionPolicy says what happens to the target when its sources are gone. Retain when empty.
	// +optional
	DeletionPolicy ExternalSecretDeletionPolicy `json:"deletionPolicy,omitempty"`
	// Template shapes the target. Without one, it gets the values as they are, and the labels and annotations of the ExternalSecret.
	// +optional
	Template *ExternalSecretTemplate `json:"template,omitempty"`
	// Manifest makes the target an object of another kind than Secret, such as a ConfigMap. The operator has to be started with
	// --unsafe-allow-generic-targets for that, and needs rights to the kind.
	// +optional
	Manifest *ManifestReference `json:"manifest,omitempty"`
	// Immutable makes the target immutable: values that change later are an error, until the target is deleted and made again. False when
	// empty.
	// +optional
	Immutable bool `json:"immutable,omitempty"`
}

// ManifestReference names the kind of a target, which must be one of namespaced objects.
type ManifestReference struct {
	// APIVersion of the target.
	// +kubebuilder:validation:MinLength=1
	APIVersion string `json:"apiVersion"`
	// Kind of the target.
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
}

// TemplateMergePolicy says whether fetched keys stay beside the template's output.
// +kubebuilder:validation:Enum=Replace;Merge
type TemplateMergePolicy string

// The merge policies.
const (
	// MergePolicyReplace keeps only what the template puts out; the default.
	MergePolicyReplace TemplateMergePolicy = "Replace"
	// MergePolicyMerge keeps the fetched keys too.
	MergePolicyMerge TemplateMergePolicy = "Merge"
)

// TemplateEngineVersion is the version of the template engine.
// +kubebuilder:validation:Enum=v2
type TemplateEngineVersion string

// The engine versions.
const (
	// TemplateEngineV2 is the only engine there is; the default.
	TemplateEngineV2 TemplateEngineVersion = "v2"
)

// ExternalSecretTemplate shapes a Secret.
type ExternalSecretTemplate struct {
	// Type of the Secret, such as kubernetes.io/tls. The type that it has, or else Opaque, when empty.
	// +optional
	Type corev1.SecretType `json:"type,omitempty"`
	// EngineVersion is v2, also when empty.
	// +optional
	EngineVersion TemplateEngineVersion `json:"engineVersion,omitempty"`
	// Metadata of the Secret. The values of labels and annotations are templates too.
	// +optional
	Metadata ExternalSecretTemplateMetadata `json:"metadata,omitempty,omitzero"`
	// MergePolicy says whether the fetched keys stay beside the template's output. Replace when empty.
	// +optional
	MergePolicy TemplateMergePolicy `json:"mergePolicy,omitempty"`
	// Data are the keys of the Secret, each with a template for its value. In a template, each value is a variable with the name of its
	// key. With neither Data nor TemplateFrom, the values are taken as they are.
	// +optional
	Data map[string]string `json:"data,omitempty"`
	// TemplateFrom takes templates from ConfigMaps, Secrets or literals. Later entries win over earlier ones, and Data over all.
	// +optional
	TemplateFrom []TemplateFrom `json:"templateFrom,omitempty"`
	// Delimiters replace {{ and }}, so that a Helm chart can hold the template as it is. Those of the operator, which are {{ and }} unless
	// a flag says otherwise, when empty.
	// +optional
	Delimiters *TemplateDelimiters `json:"delimiters,omitempty"`
}

// TemplateDelimiters mark the actions in a template.
type TemplateDelimiters struct {
	// Left opens an action, for example [[.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=8
	Left string `json:"left"`
	// Right closes an action, for example ]].
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=8
	Right string `json:"right"`
}

// ExternalSecretTemplateMetadata is the metadata of the Secret.
type ExternalSecretTemplateMetadata struct {
	// Annotations of the Secret.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Labels of the Secret.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Finalizers of the Secret, as they are.
	// +optional
	Finalizers []string `json:"finalizers,omitempty"`
}

// TemplateFrom takes templates from one place: a ConfigMap, a Secret or a literal.
type TemplateFrom struct {
	// ConfigMap holds the templates.
	// +optional
	ConfigMap *TemplateRef `json:"configMap,omitempty"`
	// Secret holds the templates.
	// +optional
	Secret *TemplateRef `json:"secret,omitempty"`
	// Target is Data, Labels or Annotations, in any letter case. With target.manifest it may also be the path of a field, such as
	// spec.database or spec.rules[0]: what the template renders to is read as YAML and put there. Data when empty.
	// +optional
	Target string `json:"target,omitempty"`
	// Literal is a template that renders to a YAML map of keys and values.
	// +optional
	Literal *string `json:"literal,omitempty"`
	// ValuesDecodingStrategy decodes the rendered values. None when empty.
	// +optional
	ValuesDecodingStrategy ExternalSecretDecodingStrategy `json:"valuesDecodingStrategy,omitempty"`
}

// TemplateRef names the object that holds templates, in the same namespace.
type TemplateRef struct {
	// Name of the ConfigMap or Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// Items are the keys to take.
	Items []TemplateRefItem `json:"items"`
}

// TemplateScope says what a template text yields.
// +kubebuilder:validation:Enum=Values;KeysAndValues
type TemplateScope string

// The template scopes.
const (
	// TemplateScopeValues renders the text to the value of its key; the default.
	TemplateScopeValues TemplateScope = "Values"
	// TemplateScopeKeysAndValues renders the text to a YAML map of keys and values.
	TemplateScopeKeysAndValues TemplateScope = "KeysAndValues"
)

// TemplateRefItem is one key of a TemplateRef.
type TemplateRefItem struct {
	// Key in the ConfigMap or Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`
	// TemplateAs says what the text yields. Values when empty.
	// +optional
	TemplateAs TemplateScope `json:"templateAs,omitempty"`
}
