package wakeup

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/credentials"
)

// IndexStores indexes stores of both kinds by the Secrets and ConfigMaps that their credentials come from. A reference that a
// ClusterSecretStore leaves to the namespace of its users has a Key without a namespace.
func IndexStores(ctx context.Context, indexer client.FieldIndexer) error {
	return errors.Join(
		indexer.IndexField(ctx, &esv1.SecretStore{}, Index, StoreReferences),
		indexer.IndexField(ctx, &esv1.ClusterSecretStore{}, Index, StoreReferences),
	)
}

// StoreReferences lists the Keys of what a store refers to; none for anything else.
func StoreReferences(o client.Object) []string {
	store, ok := o.(esv1.GenericStore)
	if !ok {
		return nil
	}
	var keys []string
	for _, ref := range credentials.References(store.StoreSpec().Provider) {
		namespace := ref.Namespace
		if store.StoreKind() == esv1.KindSecretStore {
			namespace = store.GetNamespace() // whatever is written: another one is refused
		}
		keys = append(keys, Key(ref.Kind, namespace, ref.Name))
	}
	return keys
}

// Lenders enqueues the objects of list's kind that use a ClusterSecretStore which takes its credentials from the Secret of
// an event, because they are in that Secret's namespace.
func Lenders(reader client.Reader, list client.ObjectList) handler.EventHandler {
	return enqueue(func(ctx context.Context, changed client.Object, into sets.Set[types.NamespacedName]) error {
		stores := sets.New[types.NamespacedName]()
		lent := client.MatchingFields{Index: Key(KindSecret, "", changed.GetName())}
		if err := collect(ctx, reader, &esv1.ClusterSecretStoreList{}, stores, lent); err != nil {
			return err
		}
		for store := range stores {
			users := client.MatchingFields{Index: StoreKey(esv1.KindClusterSecretStore, "", store.Name)}
			if err := collect(ctx, reader, list, into, users, client.InNamespace(changed.GetNamespace())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Residents enqueues the objects of list's kind in the namespace of an event.
func Residents(reader client.Reader, list client.ObjectList) handler.EventHandler {
	return enqueue(func(ctx context.Context, changed client.Object, into sets.Set[types.NamespacedName]) error {
		return collect(ctx, reader, list, into, client.InNamespace(changed.GetName()))
	})
}
