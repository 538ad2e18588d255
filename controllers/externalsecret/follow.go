package externalsecret

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// remotes lists what an ExternalSecret reads from stores.
func remotes(o client.Object) []string {
	es, ok := o.(*esv1.ExternalSecret)
	if !ok {
		return nil
	}
	var keys []string
	for i := range es.Spec.Data {
		entry := &es.Spec.Data[i]
		keys = append(keys, stores.RemoteKey(entry.StoreRefOr(es.Spec.SecretStoreRef), es.Namespace, entry.RemoteRef.Key))
	}
	for i := range es.Spec.DataFrom {
		from := &es.Spec.DataFrom[i]
		ref := from.StoreRefOr(es.Spec.SecretStoreRef)
		if from.Extract != nil {
			keys = append(keys, stores.RemoteKey(ref, es.Namespace, from.Extract.Key))
		}
		if from.Find != nil {
			keys = append(keys, stores.RemoteKey(ref, es.Namespace, wakeup.AnyName))
		}
	}
	return keys
}

// follows says whether a change in a store concerns an ExternalSecret, as long as nothing fails.
func follows(o client.Object) bool {
	es, ok := o.(*esv1.ExternalSecret)
	if !ok {
		return false
	}
	waits := es.Status.SyncedResourceVersion == "" || es.Status.RefreshTime == nil
	periodic := es.Spec.RefreshPolicyOrDefault() == esv1.RefreshPeriodic && es.Spec.RefreshIntervalOrDefault() != 0
	return waits || periodic
}

// searches says whether a search of an ExternalSecret finds what has changed. Its own target is left out: it would wake the
// object for ever. This is how stores of Kubernetes name places. Another cluster may have a Secret of this name too; then the
// interval has to do.
func searches(o client.Object, change stores.Change) bool {
	es, ok := o.(*esv1.ExternalSecret)
	if !ok || es.Spec.Target.Manifest.IsSecret() && change.Place == es.Namespace+"/"+es.TargetName() {
		return false
	}
	return slices.ContainsFunc(es.Spec.DataFrom, func(from esv1.ExternalSecretDataFromRemoteRef) bool {
		ref := from.StoreRefOr(es.Spec.SecretStoreRef)
		return from.Find != nil && ref.KindOrDefault() == change.Store.Kind && ref.Name == change.Store.Name && change.Found(*from.Find)
	})
}
