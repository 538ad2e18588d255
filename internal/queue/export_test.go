package queue

import (
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Remembered returns how much the queue remembers of items and namespaces.
func Remembered(q workqueue.TypedRateLimitingInterface[reconcile.Request]) int {
	own := q.(*queue)
	own.mu.Lock()
	defer own.mu.Unlock()
	return len(own.waiting) + len(own.counts)
}

// Around returns a queue that gives the items of another one their place.
func Around(inner priorityqueue.PriorityQueue[reconcile.Request]) priorityqueue.PriorityQueue[reconcile.Request] {
	return around(inner)
}
