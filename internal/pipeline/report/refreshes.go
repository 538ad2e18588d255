package report

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// refreshTimeGrain is how far a refresh time in a status may lag behind, so that short intervals do not turn into writes.
const refreshTimeGrain = time.Minute

// Refreshes remembers when each object was last refreshed, for the refreshes that are not worth a write to its status.
// Losing it costs one early refresh. It is safe for concurrent use.
type Refreshes struct {
	mu sync.Mutex
	at map[types.NamespacedName]refresh
}

type refresh struct {
	uid   types.UID
	at    time.Time
	force string
}

// NewRefreshes returns an empty memory.
func NewRefreshes() *Refreshes { return &Refreshes{at: map[types.NamespacedName]refresh{}} }

// Set remembers that o was refreshed at the given time, with that value of its force-sync annotation.
func (r *Refreshes) Set(o metav1.Object, at time.Time, force string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at[types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}] = refresh{uid: o.GetUID(), at: at, force: force}
}

// Latest returns when o was last refreshed: what its status says, or what is remembered when that is later. Without a
// word in the status there was no refresh, whatever is remembered, and the result is zero.
func (r *Refreshes) Latest(o metav1.Object, recorded *metav1.Time) time.Time {
	if recorded == nil {
		return time.Time{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.at[types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}]
	if known.uid == o.GetUID() && known.at.After(recorded.Time) {
		return known.at
	}
	return recorded.Time
}

// Handled returns the value of the force-sync annotation that was last acted on: what is remembered, else what the status
// says. A status that could not be written does not bring a rotation twice.
func (r *Refreshes) Handled(o metav1.Object, recorded string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.at[types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}]
	if ok && known.uid == o.GetUID() {
		return known.force
	}
	return recorded
}

// Forget drops what is remembered of an object that is gone.
func (r *Refreshes) Forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.at, name)
}

// Stamp returns the refresh time to record for a refresh at now. It is the recorded one, when that is recent and
// nothing else is to be written.
func Stamp(recorded *metav1.Time, now time.Time, quiet bool) *metav1.Time {
	if quiet && recorded != nil && !recorded.After(now) && now.Sub(recorded.Time) < refreshTimeGrain {
		return recorded
	}
	return &metav1.Time{Time: now}
}
