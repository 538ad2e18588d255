package externalsecret

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
	"github.com/sluice-operator/sluice/providers"
)

// remoteIndex is the name of the cache index that holds the keys of what ExternalSecrets read from stores.
const remoteIndex = "sluice.remote"

// wakeDistance is the shortest time between two wake-ups of one object by changes in stores. A target that is a source
// of its own, over however many objects, makes no more work than that.
const wakeDistance = time.Second

// remoteKey names a secret in a store, as seen from namespace; wakeup.AnyName stands for what a search may find.
func remoteKey(ref esv1.SecretStoreRef, namespace, key string) string {
	return wakeup.StoreKey(ref.KindOrDefault(), namespace, ref.Name) + "/" + key
}

// remotes lists what an ExternalSecret reads from stores.
func remotes(o client.Object) []string {
	es, ok := o.(*esv1.ExternalSecret)
	if !ok {
		return nil
	}
	var keys []string
	for i := range es.Spec.Data {
		entry := &es.Spec.Data[i]
		keys = append(keys, remoteKey(entry.StoreRefOr(es.Spec.SecretStoreRef), es.Namespace, entry.RemoteRef.Key))
	}
	for i := range es.Spec.DataFrom {
		from := &es.Spec.DataFrom[i]
		ref := from.StoreRefOr(es.Spec.SecretStoreRef)
		if from.Extract != nil {
			keys = append(keys, remoteKey(ref, es.Namespace, from.Extract.Key))
		}
		if from.Find != nil {
			keys = append(keys, remoteKey(ref, es.Namespace, wakeup.AnyName))
		}
	}
	return keys
}

// follows says whether a change in a store concerns es, as long as nothing fails.
func follows(es *esv1.ExternalSecret) bool {
	waits := es.Status.SyncedResourceVersion == "" || es.Status.RefreshTime == nil
	periodic := es.Spec.RefreshPolicyOrDefault() == esv1.RefreshPeriodic && es.Spec.RefreshIntervalOrDefault() != 0
	return waits || periodic
}

// follow lets the stores of es be watched. A store that cannot be opened is the business of whoever reads from it.
func (c *Controller) follow(ctx context.Context, es *esv1.ExternalSecret) {
	if c.queue == nil || !follows(es) {
		return
	}
	for _, ref := range storeRefs(&es.Spec) {
		if err := c.Stores.Follow(ctx, es.Namespace, ref, c, c.openOptions()...); err != nil {
			logf.FromContext(ctx).V(1).Info("store is not watched", "kind", ref.KindOrDefault(), "store", ref.Name, "reason", err.Error())
		}
	}
}

// Any implements stores.Readers.
func (c *Controller) Any(ctx context.Context, store providers.Store, consumer string) bool {
	readers, err := c.readers(ctx, wakeup.Index, wakeup.StoreKey(store.Kind, store.Namespace, store.Name), consumer)
	return err != nil || slices.ContainsFunc(readers, func(es esv1.ExternalSecret) bool { return follows(&es) })
}

// Changed implements stores.Readers: it wakes the ExternalSecrets that read what has changed. A search does not wake
// for the target of its own object.
func (c *Controller) Changed(ctx context.Context, change stores.Change) {
	store := wakeup.StoreKey(change.Store.Kind, change.Store.Namespace, change.Store.Name)
	if change.Key == "" {
		readers, err := c.readers(ctx, wakeup.Index, store, change.Consumer)
		if !change.Again {
			// What an earlier process has read has its interval: a restart reads only what is due.
			readers = slices.DeleteFunc(readers, func(es esv1.ExternalSecret) bool { return !c.stale.knows(client.ObjectKeyFromObject(&es)) })
		}
		c.wake(ctx, readers, err)
		return
	}
	exact, err := c.readers(ctx, remoteIndex, store+"/"+change.Key, change.Consumer)
	searching, findErr := c.readers(ctx, remoteIndex, store+"/"+wakeup.AnyName, change.Consumer)
	searching = slices.DeleteFunc(searching, func(es esv1.ExternalSecret) bool {
		// This is how stores of Kubernetes name places. Another cluster may have a Secret of this name too; then the
		// interval has to do.
		return es.Spec.Target.Manifest.IsSecret() && change.Place == es.Namespace+"/"+es.TargetName()
	})
	c.wake(ctx, append(exact, searching...), errors.Join(err, findErr))
}

// readers returns the ExternalSecrets with a key in an index, in all namespaces or in one. They are to be read only.
func (c *Controller) readers(ctx context.Context, index, key, namespace string) ([]esv1.ExternalSecret, error) {
	options := []client.ListOption{client.MatchingFields{index: key}, client.UnsafeDisableDeepCopy}
	if namespace != "" {
		options = append(options, client.InNamespace(namespace))
	}
	var found esv1.ExternalSecretList
	err := c.Client.List(ctx, &found, options...)
	return found.Items, err
}

func (c *Controller) wake(ctx context.Context, readers []esv1.ExternalSecret, err error) {
	if err != nil {
		logf.FromContext(ctx).Error(err, "find what reads from a store that has changed")
	}
	for i := range readers {
		name := client.ObjectKeyFromObject(&readers[i])
		// Also when a wake-up is under way: the queue may have served it already, with an earlier one.
		c.queue.AddAfter(reconcile.Request{NamespacedName: name}, c.stale.note(name, c.Clock.Now()))
	}
}

// startFollowing implements source.Func: it gives the controller the queue that changes in stores are put into.
func (c *Controller) startFollowing(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	c.queue = queue
	return nil
}

// stale remembers which objects this process has read, and which of them have something to read again. It is safe for
// concurrent use.
type stale struct {
	mu    sync.Mutex
	marks map[types.NamespacedName]mark
}

type mark struct {
	// changes since the last refresh.
	changes int
	// wake is the time of the last wake-up, which may lie ahead.
	wake time.Time
}

// note marks an object, and returns after what time it is to be woken.
func (s *stale) note(name types.NamespacedName, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.marks[name]
	known.changes++
	if next := known.wake.Add(wakeDistance); next.Before(now) {
		known.wake = now
	} else if !known.wake.After(now) {
		known.wake = next
	}
	s.marks[name] = known
	return known.wake.Sub(now)
}

// begin says that an object is about to be read.
func (s *stale) begin(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.marks[name]; !known {
		s.marks[name] = mark{}
	}
}

// knows reports whether an object was read, or was to be woken, in the life of this process.
func (s *stale) knows(name types.NamespacedName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.marks[name]
	return known
}

// changes returns how many changes the object has not read.
func (s *stale) changes(name types.NamespacedName) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks[name].changes
}

// settle takes the mark of an object away, unless there are more changes than it has read.
func (s *stale) settle(name types.NamespacedName, read int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.marks[name]; ok && known.changes == read {
		known.changes = 0
		s.marks[name] = known
	}
}

// forget drops what is remembered of an object that is gone.
func (s *stale) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.marks, name)
}
