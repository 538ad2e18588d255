package queue

import (
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Backoff returns a rate limiter whose waits double with each failure of an item, from first to longest, and are scattered.
func Backoff(first, longest time.Duration) workqueue.TypedRateLimiter[reconcile.Request] {
	return scattered{workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](first, longest)}
}

// Scatter shortens a wait by up to a half, at random: what has failed together does not come back together.
func Scatter(after time.Duration) time.Duration { return wait.Jitter(after/2, 1) }

type scattered struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

// When implements workqueue.TypedRateLimiter.
func (s scattered) When(item reconcile.Request) time.Duration {
	return Scatter(s.TypedRateLimiter.When(item))
}
