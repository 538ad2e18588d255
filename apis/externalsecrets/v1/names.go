package v1

// Types of conditions, which are the same for every kind.
const (
	// ConditionReady says whether the object does what it is there for. It is always there.
	ConditionReady = "Ready"
	// ConditionStalled is True when the object cannot become Ready unless somebody changes something, and absent otherwise.
	// Tools that judge by kstatus, such as Flux, need not wait any longer then.
	ConditionStalled = "Stalled"
)

// Reasons of an ExternalSecret's Ready condition.
const (
	ReasonSecretSynced      = "SecretSynced"
	ReasonSecretSyncedError = "SecretSyncedError"
	ReasonSecretDeleted     = "SecretDeleted"
	ReasonSecretMissing     = "SecretMissing"
)

// The same for a target that is named by target.manifest.
const (
	ReasonResourceSynced      = "ResourceSynced"
	ReasonResourceSyncedError = "ResourceSyncedError"
	ReasonResourceDeleted     = "ResourceDeleted"
	ReasonResourceMissing     = "ResourceMissing"
)

// Reasons of the Ready condition of a ClusterExternalSecret and a ClusterPushSecret.
const (
	ReasonProvisioned      = "Provisioned"
	ReasonNamespacesFailed = "NamespacesFailed"
	ReasonInvalidSelector  = "InvalidSelector"
)

// Reasons of a store's Ready condition.
const (
	ReasonStoreValid            = "Valid"
	ReasonInvalidProviderConfig = "InvalidProviderConfig"
)

// Labels and annotations on the Secrets that an ExternalSecret manages.
const (
	// LabelManaged marks every Secret that is the target of an ExternalSecret.
	LabelManaged = "reconcile.external-secrets.io/managed"
	// LabelManagedValue is the value of LabelManaged.
	LabelManagedValue = "true"
	// LabelCreatedBy names, as a hash, the ExternalSecret that created a Secret under creationPolicy Owner.
	LabelCreatedBy = "reconcile.external-secrets.io/created-by"
	// AnnotationDataHash holds a keyed hash of the data that was written; it is opaque to users.
	AnnotationDataHash = "reconcile.external-secrets.io/data-hash"
)

// Annotations that users write.
const (
	// AnnotationForceSync asks for one refresh each time its value changes.
	AnnotationForceSync = "external-secrets.io/force-sync"
	// AnnotationForceSyncShort is the other spelling of AnnotationForceSync.
	AnnotationForceSyncShort = "force-sync"
)

// FieldManagerPrefix precedes the ExternalSecret's name in the field manager of its writes.
const FieldManagerPrefix = "externalsecrets.external-secrets.io/"

// FieldManagerClusterExternalSecret is the field manager of the ExternalSecrets that a ClusterExternalSecret writes.
const FieldManagerClusterExternalSecret = "clusterexternalsecrets.external-secrets.io"

// AnnotationRotate asks for new generated values of single keys: their names as the generator has them, separated by commas, and
// behind an @ anything that makes the value another one, as in "password,token@2026-11-26". Each new value of the annotation is one
// request.
const AnnotationRotate = "sluice.dev/rotate"
