package stores

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/queue"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/wakeup"
	"github.com/sluice-operator/sluice/providers"
)

// RemoteIndex is the name of the cache index that holds the RemoteKeys of what an object has to do with in stores.
const RemoteIndex = "sluice.remote"

// RemoteKey names a secret in a store, as seen from namespace; wakeup.AnyName stands for what a search may find.
func RemoteKey(ref esv1.SecretStoreRef, namespace, key string) string {
	return wakeup.StoreKey(ref.KindOrDefault(), namespace, ref.Name) + "/" + key
}

// wakeDistance is the shortest time between two wake-ups of one object by changes in stores. A target that is a source
// of its own, over however many objects, makes no more work than that.
const wakeDistance = time.Second

// Followers are the objects of one kind that are woken when a secret in a store changes. The objects are indexed by
// RemoteIndex, and by wakeup.Index, in Client. It is safe for concurrent use.
type Followers[L client.ObjectList] struct {
	// Client finds the objects; a cache. It is set before the controller runs.
	Client client.Reader
	// Pool watches the stores.
	Pool *Pool
	// List is an empty list of the kind.
	List L
	// Follows reports whether a change in a store concerns an object, as long as nothing fails.
	Follows func(client.Object) bool
	// Searches reports whether a search of the object finds what a change is about, other than what the object has made
	// itself; nil for never.
	Searches func(client.Object, Change) bool
	// Own reports whether an object has made a change itself; nil for never.
	Own func(client.Object, Change) bool
	// Mirrored says that the objects read what a watch of the store has told, and not the store.
	Mirrored bool
	// Lost reports whether something of the object is missing in a store whose watch has begun; nil for never.
	Lost func(client.Object, Change) bool
	// Shards are what this replica holds of the objects; nil for all.
	Shards *shard.Gate
	// Clock is the time.
	Clock clock.Clock

	// queue takes what is woken, nil until the controller runs.
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	marks marks
}

// Start implements source.Func: it gives the followers the queue that the woken are put into.
func (f *Followers[L]) Start(_ context.Context, woken workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	f.queue = woken
	return nil
}

// Follow lets stores be watched for an object. A store that cannot be opened is the business of whoever reads from it.
func (f *Followers[L]) Follow(ctx context.Context, o client.Object, refs []esv1.SecretStoreRef, opts ...OpenOption) {
	if f.queue == nil || !f.Follows(o) {
		return
	}
	for _, ref := range refs {
		if err := f.Pool.Follow(ctx, o.GetNamespace(), ref, f, opts...); err != nil {
			logf.FromContext(ctx).V(1).Info("store is not watched", "kind", ref.KindOrDefault(), "store", ref.Name, "reason", err.Error())
		}
	}
}

// Arrived says that a shard was gained: what has changed in stores meanwhile, its objects have not been told.
func (f *Followers[L]) Arrived(ctx context.Context) { f.Pool.Retell(ctx, f) }

// Any implements Readers.
func (f *Followers[L]) Any(ctx context.Context, store providers.Store, consumer string) bool {
	found, err := f.find(ctx, wakeup.Index, storeKey(store), consumer)
	return err != nil || slices.ContainsFunc(found, f.follows)
}

// follows is Follows for the objects of this replica.
func (f *Followers[L]) follows(o client.Object) bool {
	return f.Shards.Holds(client.ObjectKeyFromObject(o)) && f.Follows(o)
}

// Reads implements Readers.
func (f *Followers[L]) Reads(ctx context.Context, store providers.Store, consumer, key string) bool {
	return f.Mirrored && slices.ContainsFunc([]string{key, wakeup.AnyName}, func(name string) bool {
		found, err := f.find(ctx, RemoteIndex, storeKey(store)+"/"+name, consumer)
		// Also those of other replicas: what is kept need not be read again when this one takes their shards over.
		return err != nil || slices.ContainsFunc(found, f.Follows)
	})
}

// Changed implements Readers: it wakes the objects that have to do with what has changed.
func (f *Followers[L]) Changed(ctx context.Context, change Change) {
	store := storeKey(change.Store)
	if change.Key == "" {
		found, err := f.find(ctx, wakeup.Index, store, change.Consumer)
		found = slices.DeleteFunc(found, func(o client.Object) bool { return !f.concerned(o, change) })
		f.wake(ctx, found, queue.Retry, err)
		return
	}
	exact, err := f.find(ctx, RemoteIndex, store+"/"+change.Key, change.Consumer)
	exact = slices.DeleteFunc(exact, func(o client.Object) bool { return f.Own != nil && f.Own(o, change) })
	searching, findErr := f.find(ctx, RemoteIndex, store+"/"+wakeup.AnyName, change.Consumer)
	searching = slices.DeleteFunc(searching, func(o client.Object) bool { return f.Searches == nil || !f.Searches(o, change) })
	f.wake(ctx, append(exact, searching...), queue.Source, errors.Join(err, findErr))
}

// concerned reports whether an object is to look at a store whose watch has begun: nobody knows what has changed there since
// an earlier process looked. Where a look reads the store itself, it takes a reason.
func (f *Followers[L]) concerned(o client.Object, change Change) bool {
	return f.Follows(o) && (f.Mirrored || f.marks.knows(client.ObjectKeyFromObject(o)) || f.Lost != nil && f.Lost(o, change))
}

func storeKey(store providers.Store) string {
	return wakeup.StoreKey(store.Kind, store.Namespace, store.Name)
}

// find returns the objects with a key in an index, in all namespaces or in one. They are to be read only.
func (f *Followers[L]) find(ctx context.Context, index, key, namespace string) ([]client.Object, error) {
	options := []client.ListOption{client.MatchingFields{index: key}, client.UnsafeDisableDeepCopy}
	if namespace != "" {
		options = append(options, client.InNamespace(namespace))
	}
	list, _ := f.List.DeepCopyObject().(client.ObjectList) // a list is one
	if err := f.Client.List(ctx, list, options...); err != nil {
		return nil, err
	}
	var found []client.Object
	err := meta.EachListItem(list, func(item runtime.Object) error {
		if o, ok := item.(client.Object); ok {
			found = append(found, o)
		}
		return nil
	})
	return found, err
}

// wake has objects looked at, as work of the given class.
func (f *Followers[L]) wake(ctx context.Context, found []client.Object, class int, err error) {
	if err != nil {
		logf.FromContext(ctx).Error(err, "find what has to do with a store that has changed")
	}
	for _, o := range found {
		name := client.ObjectKeyFromObject(o)
		if !f.Shards.Holds(name) {
			continue
		}
		// Also when a wake-up is under way: the queue may have served it already, with an earlier one.
		queue.AddAfter(f.queue, class, f.marks.note(name, f.Clock.Now()), reconcile.Request{NamespacedName: name})
	}
}

// Begin says that an object is about to be read.
func (f *Followers[L]) Begin(name types.NamespacedName) { f.marks.begin(name) }

// Changes returns how many changes the object has not read.
func (f *Followers[L]) Changes(name types.NamespacedName) int { return f.marks.changes(name) }

// Settle says that the given number of changes has been read.
func (f *Followers[L]) Settle(name types.NamespacedName, read int) { f.marks.settle(name, read) }

// Forget drops what is remembered of an object that is gone.
func (f *Followers[L]) Forget(name types.NamespacedName) { f.marks.forget(name) }

// marks remembers which objects this process has read, and which of them have something to read again.
type marks struct {
	mu sync.Mutex
	of map[types.NamespacedName]mark
}

type mark struct {
	// changes since the last refresh.
	changes int
	// wake is the time of the last wake-up, which may lie ahead.
	wake time.Time
}

// set puts a mark. The mutex is held.
func (m *marks) set(name types.NamespacedName, to mark) {
	if m.of == nil {
		m.of = map[types.NamespacedName]mark{}
	}
	m.of[name] = to
}

// note marks an object, and returns after what time it is to be woken.
func (m *marks) note(name types.NamespacedName, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.of[name]
	known.changes++
	if next := known.wake.Add(wakeDistance); next.Before(now) {
		known.wake = now
	} else if !known.wake.After(now) {
		known.wake = next
	}
	m.set(name, known)
	return known.wake.Sub(now)
}

func (m *marks) begin(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.of[name]; !known {
		m.set(name, mark{})
	}
}

// knows reports whether an object was read, or was to be woken, in the life of this process.
func (m *marks) knows(name types.NamespacedName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.of[name]
	return known
}

func (m *marks) changes(name types.NamespacedName) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[name].changes
}

// settle takes the mark of an object away, unless there are more changes than it has read.
func (m *marks) settle(name types.NamespacedName, read int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.of[name]; ok && known.changes == read {
		known.changes = 0
		m.set(name, known)
	}
}

func (m *marks) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, name)
}
