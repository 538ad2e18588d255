package queue

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-operator/sluice/internal/shard"
)

// Remembered returns how much the queue remembers of items and namespaces.
func Remembered(q workqueue.TypedRateLimitingInterface[reconcile.Request]) int {
	own := q.(*queue)
	own.mu.Lock()
	defer own.mu.Unlock()
	return len(own.waiting) + len(own.counts)
}

// Around returns a queue that gives the items of another one their place, and drops what the gate does not let through.
func Around(inner priorityqueue.PriorityQueue[reconcile.Request], gate *shard.Gate) priorityqueue.PriorityQueue[reconcile.Request] {
	return around(inner, Backoff(time.Second, time.Second), gate)
}
