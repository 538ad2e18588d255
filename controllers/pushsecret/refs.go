package pushsecret

import (
	"cmp"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// references lists what a PushSecret refers to.
func references(o client.Object) []string {
	ps, ok := o.(*esv1alpha1.PushSecret)
	if !ok {
		return nil
	}
	var keys []string
	for i := range ps.Spec.SecretStoreRefs {
		ref := &ps.Spec.SecretStoreRefs[i]
		keys = append(keys, wakeup.StoreKey(ref.KindOrDefault(), ps.Namespace, cmp.Or(ref.Name, wakeup.AnyName)))
	}
	if source := ps.Spec.Selector.Secret; source != nil {
		keys = append(keys, wakeup.Key(wakeup.KindSecret, ps.Namespace, cmp.Or(source.Name, wakeup.AnyName)))
	}
	if ref := ps.Spec.Selector.GeneratorRef; ref != nil {
		keys = append(keys, wakeup.GeneratorKey(*ref, ps.Namespace))
	}
	for _, ref := range wakeup.TemplateSources(ps.Spec.Template) {
		keys = append(keys, wakeup.Key(ref.Kind, ps.Namespace, ref.Name))
	}
	return keys
}

// remotes lists what a PushSecret has in stores, and what it wants to have there as far as the spec names it.
func remotes(o client.Object) []string {
	ps, ok := o.(*esv1alpha1.PushSecret)
	if !ok {
		return nil
	}
	var keys []string
	for id, entries := range ps.Status.SyncedPushSecrets {
		kind, name, _ := strings.Cut(id, "/")
		for _, entry := range entries {
			keys = append(keys, stores.RemoteKey(esv1.SecretStoreRef{Kind: kind, Name: name}, ps.Namespace, entry.Match.RemoteRef.RemoteKey))
		}
	}
	for i := range ps.Spec.SecretStoreRefs {
		ref := &ps.Spec.SecretStoreRefs[i]
		for j := range ps.Spec.Data {
			store := esv1.SecretStoreRef{Kind: ref.KindOrDefault(), Name: ref.Name}
			keys = append(keys, stores.RemoteKey(store, ps.Namespace, ps.Spec.Data[j].Match.RemoteRef.RemoteKey))
		}
	}
	return keys
}

// follows says that a change in a store concerns every PushSecret: what it pushed is to stay there.
func follows(client.Object) bool { return true }

// lost says whether a store lacks something that a PushSecret has pushed to it. What was pushed elsewhere than usual is not seen.
func lost(o client.Object, change stores.Change) bool {
	ps, ok := o.(*esv1alpha1.PushSecret)
	if !ok {
		return false
	}
	for id, entry := range ps.Status.SyncedPushSecrets[change.Store.Kind+"/"+change.Store.Name] {
		if !strings.Contains(id, "@") && change.Lacks(entry.Match.RemoteRef.RemoteKey) {
			return true
		}
	}
	return false
}

// own says whether a PushSecret has made a change itself.
func own(o client.Object, change stores.Change) bool { return change.By != "" && change.By == owner(o) }
