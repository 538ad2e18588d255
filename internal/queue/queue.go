package queue

import (
	"math/bits"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-operator/sluice/internal/shard"
)

// The classes of work, as priorities of controller-runtime: what is in a higher class goes first.
const (
	// User is for what users change: an object, and what it refers to. It is the priority of an event that names none.
	User = 0
	// Source is for secrets that change in stores.
	Source = -10
	// Retry is for what has failed, and for what a store may have changed before its watch began: both were missed once.
	Retry = -20
	// Refused, in place of Retry, is for what a system has refused, and is tried again after some seconds at the earliest: no
	// right is granted within milliseconds. The first seconds past, there is no difference.
	Refused = -25
	// Periodic is for what is looked at because of the clock, and for what is there when a watch begins.
	Periodic = handler.LowPriority
)

// firstRefused is the first wait after something was refused.
const firstRefused = 4 * time.Second

// lastBand is the last place that a namespace has in a class. The metric of the queue's depth has a label for each priority
// that occurs, and gives up telling them apart when there are more than 25.
const lastBand = 5

// band says how far back in its class an item is put of whose namespace so many wait there already: 0 is the front. Each band
// takes four times as many as the one before it.
func band(waiting int) int {
	return min(bits.Len(uint(waiting))/2, lastBand)
}

// classOf returns the class of a priority.
func classOf(priority int) int {
	for _, class := range []int{User, Source, Retry} {
		if priority >= class {
			return class
		}
	}
	return Periodic
}

// New returns the queue of a controller. It hands out what is ready in the order of the classes. In a class, the more items of a
// namespace wait, ready or not, the further back the next one is put, so that a few of one namespace go before the many of
// another one; objects without a namespace count as one. What is added by the rate limiter has failed and is in class Retry. An
// item that waits already keeps its place, unless it is added in a higher class. What the gate does not let through is dropped.
// It is safe for concurrent use.
func New(
	name string,
	limiter workqueue.TypedRateLimiter[reconcile.Request],
	gate *shard.Gate,
) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	inner := priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter })
	return around(inner, limiter, gate)
}

func around(
	inner priorityqueue.PriorityQueue[reconcile.Request],
	limiter workqueue.TypedRateLimiter[reconcile.Request],
	gate *shard.Gate,
) *queue {
	return &queue{PriorityQueue: inner, limiter: limiter, gate: gate, waiting: map[reconcile.Request]int{}, counts: map[share]int{}}
}

// AddAfter adds an item of a class to a queue that New has made, when a time has passed.
func AddAfter(
	to workqueue.TypedRateLimitingInterface[reconcile.Request],
	class int,
	after time.Duration,
	item reconcile.Request,
) {
	if q, ok := to.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		q.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: &class}, item)
		return
	}
	to.AddAfter(item, after)
}

// queue gives the items of a priority queue their place.
type queue struct {
	priorityqueue.PriorityQueue[reconcile.Request]

	limiter workqueue.TypedRateLimiter[reconcile.Request]
	gate    *shard.Gate

	mu sync.Mutex
	// waiting has the class of each item that was added and is not handed out; counts, how many of them a share has.
	waiting map[reconcile.Request]int
	counts  map[share]int
}

// share is what a namespace has of a class.
type share struct {
	class     int
	namespace string
}

// AddWithOpts implements priorityqueue.PriorityQueue.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, items ...reconcile.Request) {
	class := classOf(ptr.Deref(o.Priority, User))
	failed, refused := o.RateLimited, ptr.Deref(o.Priority, User) == Refused
	if failed {
		class, o.RateLimited = Retry, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ShuttingDown() {
		return
	}
	for _, item := range items {
		if !q.gate.Holds(item.NamespacedName) {
			continue
		}
		if failed {
			o.After = q.limiter.When(item)
		}
		if failed && refused {
			o.After = max(o.After, Scatter(firstRefused))
		}
		o.Priority = new(class - q.enter(item, class))
		q.PriorityQueue.AddWithOpts(o, item)
	}
}

// enter counts an item among those that wait, and returns its band. The mutex is held.
func (q *queue) enter(item reconcile.Request, class int) int {
	if before, waits := q.waiting[item]; waits {
		if before >= class {
			return lastBand // the priority queue keeps the higher one
		}
		q.leave(item)
	}
	own := share{class, item.Namespace}
	place := band(q.counts[own])
	q.waiting[item] = class
	q.counts[own]++
	return place
}

// leave takes an item from those that wait, and returns its class; false when it is not among them. The mutex is held.
func (q *queue) leave(item reconcile.Request) (class int, waits bool) {
	class, waits = q.waiting[item]
	if !waits {
		return class, false
	}
	delete(q.waiting, item)
	own := share{class, item.Namespace}
	if q.counts[own]--; q.counts[own] == 0 {
		delete(q.counts, own)
	}
	return class, true
}

// GetWithPriority implements priorityqueue.PriorityQueue. The priority that it returns is the item's class.
func (q *queue) GetWithPriority() (item reconcile.Request, priority int, shutdown bool) {
	for {
		item, _, shutdown = q.PriorityQueue.GetWithPriority()
		if shutdown {
			return item, 0, true
		}
		q.mu.Lock()
		class, waits := q.leave(item)
		q.mu.Unlock()
		switch {
		case !waits:
			// It was added again on its way from the priority queue to whoever works on it now, and who began after that.
		case q.gate.Begin(item.NamespacedName):
			return item, class, false
		default:
			q.Forget(item)
		}
		q.PriorityQueue.Done(item)
	}
}

// Done implements workqueue.TypedInterface.
func (q *queue) Done(item reconcile.Request) {
	q.PriorityQueue.Done(item)
	q.gate.End(item.NamespacedName)
}

// Get implements workqueue.TypedInterface.
func (q *queue) Get() (item reconcile.Request, shutdown bool) {
	item, _, shutdown = q.GetWithPriority()
	return item, shutdown
}

// Add implements workqueue.TypedInterface.
func (q *queue) Add(item reconcile.Request) { q.AddWithOpts(priorityqueue.AddOpts{}, item) }

// AddAfter implements workqueue.TypedDelayingInterface.
func (q *queue) AddAfter(item reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, item)
}

// AddRateLimited implements workqueue.TypedRateLimitingInterface.
func (q *queue) AddRateLimited(item reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, item)
}
