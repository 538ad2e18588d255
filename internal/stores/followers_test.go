package stores_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/queue"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/test/gen"
)

func TestChangesInStoresHaveAClassOfTheirOwn(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	es := gen.NewExternalSecret("app").Store("main").Data("password", "db", "").ExternalSecret
	es.Namespace = "team"
	keys := func(client.Object) []string {
		return []string{stores.RemoteKey(esv1.SecretStoreRef{Name: "main"}, es.Namespace, "db")}
	}
	refs := func(client.Object) []string {
		return []string{wakeup.StoreKey(esv1.KindSecretStore, es.Namespace, "main")}
	}
	f := stores.Followers[*esv1.ExternalSecretList]{
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(es).WithIndex(es, stores.RemoteIndex, keys).
			WithIndex(es, wakeup.Index, refs).Build(),
		List: &esv1.ExternalSecretList{}, Follows: func(client.Object) bool { return true }, Shards: shard.NewGate(1), Clock: clock.RealClock{},
	}
	woken := queue.New("", queue.Backoff(1, 1), nil).(priorityqueue.PriorityQueue[reconcile.Request])
	defer woken.ShutDown()
	if err := f.Start(t.Context(), woken); err != nil {
		t.Fatal(err)
	}
	change := stores.Change{Store: providers.Store{Kind: esv1.KindSecretStore, Namespace: es.Namespace, Name: "main"}, Key: "db"}
	f.Changed(t.Context(), change)
	if n := woken.Len() + f.Changes(client.ObjectKeyFromObject(es)); n != 0 || f.Any(t.Context(), change.Store, "") {
		t.Error("an object of another replica is woken, or keeps a watch alive")
	}
	f.Shards.Open(0)
	f.Changed(t.Context(), change)
	item, class, _ := woken.GetWithPriority()
	if item.NamespacedName != client.ObjectKeyFromObject(es) || class != queue.Source {
		t.Errorf("%v is woken in class %d, want the one that reads it in class %d", item, class, queue.Source)
	}
}
