package shard

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// settled is how long replicas take to agree when nobody is dead.
const settled = 10 * retryPeriod

func TestOneReplicaHoldsAllShards(t *testing.T) {
	within(t, func(w *world) {
		a := w.begin("a", 4)
		w.after(3*retryPeriod, "it is alone", []int{4}, a)
	})
}

func TestReplicasShare(t *testing.T) {
	within(t, func(w *world) {
		a, b, c := w.begin("a", 8), w.begin("b", 8), w.begin("c", 8)
		w.after(settled, "three begin together", []int{2, 3, 3}, a, b, c)
		d := w.begin("d", 8)
		w.after(settled, "a fourth one comes", []int{2, 2, 2, 2}, a, b, c, d)
		b.stop()
		w.after(settled, "one is stopped", []int{0, 2, 3, 3}, a, b, c, d)
		if err := <-b.ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestMoreReplicasThanShards(t *testing.T) {
	within(t, func(w *world) {
		a, b, c := w.begin("a", 2), w.begin("b", 2), w.begin("c", 2)
		w.after(settled, "one has nothing to do", []int{0, 1, 1}, a, b, c)
		a.stop()
		w.after(settled, "it takes over", []int{0, 1, 1}, a, b, c)
	})
}

func TestDeadReplicaIsReplaced(t *testing.T) {
	within(t, func(w *world) {
		a, b, c := w.begin("a", 6), w.begin("b", 6), w.begin("c", 6)
		w.after(settled, "before", []int{2, 2, 2}, a, b, c)
		w.cut(a)
		w.after(takeOver, "one does not reach the API server any more", []int{0, 3, 3}, a, b, c)
		if err := <-a.ended; !errors.Is(err, errLost) {
			t.Errorf("it ended with %v, want %v", err, errLost)
		}
		if names := w.names(); strings.Contains(names, "member-a") {
			t.Errorf("its lease stays for ever: %s", names)
		}
	})
}

func TestAllReplicasAreReplaced(t *testing.T) {
	within(t, func(w *world) {
		a, b := w.begin("a", 3), w.begin("b", 3)
		w.after(settled, "before", []int{1, 2}, a, b)
		w.cut(a)
		w.cut(b)
		c := w.begin("c", 3)
		w.after(takeOver+retryPeriod, "a new one comes when the others have died", []int{0, 0, 3}, a, b, c)
	})
}

func TestStoppedReplicaLeavesNothingBehind(t *testing.T) {
	within(t, func(w *world) {
		a := w.begin("a", 3)
		w.after(settled, "before", []int{3}, a)
		a.stop()
		if err := <-a.ended; err != nil {
			t.Fatal(err)
		}
		if names := w.names(); strings.Contains(names, "member") {
			t.Errorf("left: %s", names)
		}
		b := w.begin("b", 3)
		w.after(3*retryPeriod, "another one need not wait", []int{3}, b)
	})
}

func TestShardIsDrainedBeforeItIsGivenBack(t *testing.T) {
	within(t, func(w *world) {
		a := w.begin("a", 2)
		w.after(settled, "before", []int{2}, a)
		for shard := range 2 {
			if !a.Gate.Begin(objectOf(shard, 2)) {
				t.Fatal("a shard that is held lets nothing through")
			}
		}
		b := w.begin("b", 2)
		w.after(10*leaseDuration, "what is to be given back is being worked on", []int{0, 1}, a, b)
		for shard := range 2 {
			a.Gate.End(objectOf(shard, 2))
		}
		w.after(settled, "nothing is being worked on", []int{1, 1}, a, b)
	})
}

func TestOtherNumbersOfShardsWait(t *testing.T) {
	within(t, func(w *world) {
		a := w.begin("a", 4)
		w.after(settled, "before", []int{4}, a)
		other := w.begin("other", 3)
		w.after(10*leaseDuration, "replicas with 4 shards live", []int{0, 4}, a, other)
		a.stop()
		w.after(2*leaseDuration+settled, "they are gone", []int{0, 3}, a, other)
	})
}

func TestLeaderIsWaitedFor(t *testing.T) {
	within(t, func(w *world) {
		c := &way{server: w.server}
		_, err := c.Create(t.Context(), &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "sluice"},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: new("leader"), LeaseDurationSeconds: new(int32(3600)), RenewTime: &metav1.MicroTime{Time: time.Now()},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		a := w.begin("a", 2)
		w.after(3000*time.Second, "a leader works", []int{0}, a)
		w.after(700*time.Second, "it is gone", []int{2}, a)
	})
}

func TestStopWhileWaiting(t *testing.T) {
	within(t, func(w *world) {
		w.begin("a", 4)
		time.Sleep(settled)
		other := w.begin("other", 3)
		time.Sleep(settled)
		other.stop()
		synctest.Wait()
		if err := <-other.ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestReplicasComeAndGo lets replicas with poor connections begin, stop and die at any time. That no two work on one shard is
// seen to by the world.
func TestReplicasComeAndGo(t *testing.T) {
	within(t, func(w *world) {
		w.poor = true
		var living []*replica
		for step := range 60 {
			i := rand.IntN(5)
			switch {
			case i >= len(living):
				living = append(living, w.begin(fmt.Sprintf("replica-%d", step), 6))
			case rand.IntN(2) == 0:
				living[i].stop()
				living = slices.Delete(living, i, i+1)
			default:
				w.cut(living[i])
				living = slices.Delete(living, i, i+1)
			}
			time.Sleep(rand.N(30 * time.Second))
		}
		for _, r := range living {
			r.stop()
		}
		w.poor = false
		a, b := w.begin("a", 6), w.begin("b", 6)
		w.after(4*leaseDuration, "all others are gone", []int{3, 3}, a, b)
	})
}

// cut takes the way to the API server from a replica.
func (w *world) cut(r *replica) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	r.way.cut = true
}

func (w *world) names() string {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	var all []string
	for name := range w.server.leases {
		all = append(all, name)
	}
	return strings.Join(all, " ")
}
