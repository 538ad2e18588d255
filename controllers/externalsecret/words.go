package externalsecret

import (
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
)

// words are what is said of a target: the reasons of the Ready condition, what messages call it, and its kind.
type words struct{ synced, failed, deleted, missing, noun, kind string }

// wordsOf returns the words for the target of es.
func wordsOf(es *esv1.ExternalSecret) words {
	m := es.Spec.Target.Manifest
	if m == nil {
		return words{
			synced: esv1.ReasonSecretSynced, failed: esv1.ReasonSecretSyncedError,
			deleted: esv1.ReasonSecretDeleted, missing: esv1.ReasonSecretMissing, noun: "secret", kind: "secret",
		}
	}
	return words{
		synced: esv1.ReasonResourceSynced, failed: esv1.ReasonResourceSyncedError,
		deleted: esv1.ReasonResourceDeleted, missing: esv1.ReasonResourceMissing, noun: "resource", kind: m.Kind,
	}
}

// deed names what was done to a target.
func deed(es *esv1.ExternalSecret, change apply.Change) (reason, note string) {
	noun := wordsOf(es).noun
	switch {
	case change.Action == apply.Delete:
		return "Deleted", noun + " deleted due to DeletionPolicy=Delete"
	case change.Create:
		return "Created", noun + " created"
	default:
		return "Updated", noun + " updated"
	}
}
