package queue_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/sluice-operator/sluice/internal/queue"
)

func TestBackoff(t *testing.T) {
	limiter, one := queue.Backoff(100*time.Millisecond, 5*time.Minute), request("a", "one")
	want := 100 * time.Millisecond
	for try := range 15 {
		if after := limiter.When(one); after < want/2 || after > want {
			t.Errorf("after failure %d: a wait of %v, want %v to %v", try+1, after, want/2, want)
		}
		want = min(2*want, 5*time.Minute)
	}
	waits := map[time.Duration]bool{}
	for i := range 1000 {
		waits[limiter.When(request("b", strconv.Itoa(i)))] = true
	}
	if len(waits) < 900 {
		t.Errorf("1000 objects that fail together come back at %d times", len(waits))
	}
	limiter.Forget(one)
	if after := limiter.When(one); after > 100*time.Millisecond {
		t.Errorf("a wait of %v after a success, want it to begin anew", after)
	}
}

func TestWhatWasRefusedWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fresh(t)
		began := time.Now()
		one := request("a", "one")
		for try := range 20 {
			q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, Priority: new(queue.Refused)}, one)
			same(t, []handedOut{{"a/one", queue.Retry}}, take(q, 1))
			if wait := time.Since(began); wait < 2*time.Second || wait > 4*time.Second {
				t.Errorf("try %d comes after %v, want 2 to 4 seconds", try+2, wait)
			}
			began = time.Now()
		}
		if n := q.NumRequeues(one); n != 20 {
			t.Errorf("%d failures are counted, want 20", n)
		}
		slow := queue.New("", queue.Backoff(time.Minute, time.Minute), nil).(priorities)
		defer slow.ShutDown()
		began = time.Now()
		slow.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, Priority: new(queue.Refused)}, one)
		same(t, []handedOut{{"a/one", queue.Retry}}, take(slow, 1))
		if wait := time.Since(began); wait < 30*time.Second || wait > time.Minute {
			t.Errorf("the next try comes after %v, want the wait of the queue, which is longer", wait)
		}
	})
}
