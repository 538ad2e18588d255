package v1alpha1

// Reasons of a PushSecret's Ready condition.
const (
	ReasonSynced        = "Synced"
	ReasonErrored       = "Errored"
	ReasonSourceDeleted = "SourceDeleted"
)

// FieldManagerClusterPushSecret is the field manager of the PushSecrets that a ClusterPushSecret writes.
const FieldManagerClusterPushSecret = "clusterpushsecrets.external-secrets.io"

// FinalizerPushSecret keeps a PushSecret with deletionPolicy Delete until what it pushed has been removed.
const FinalizerPushSecret = "pushsecret.externalsecrets.io/finalizer"

// FieldManagerPrefix precedes the PushSecret's namespace and name in the field manager of its writes to Kubernetes stores.
const FieldManagerPrefix = "pushsecrets.external-secrets.io/"
