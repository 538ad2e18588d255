package queue_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-operator/sluice/internal/queue"
	"github.com/sluice-operator/sluice/internal/shard"
)

type priorities = priorityqueue.PriorityQueue[reconcile.Request]

// open returns a queue whose retries come after a second.
func open(t *testing.T) priorities {
	t.Helper()
	q, ok := queue.New("", workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, time.Second), nil).(priorities)
	if !ok {
		t.Fatal("the queue knows no priorities: controller-runtime would not use them")
	}
	return q
}

// fresh returns a queue that ends with the test.
func fresh(t *testing.T) priorities {
	t.Helper()
	q := open(t)
	t.Cleanup(q.ShutDown)
	return q
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// flood adds many items of one namespace.
func flood(q priorities, namespace string, many int, o priorityqueue.AddOpts) {
	for i := range many {
		q.AddWithOpts(o, request(namespace, strconv.Itoa(i)))
	}
}

func at(class int) priorityqueue.AddOpts { return priorityqueue.AddOpts{Priority: &class} }

// handedOut is an item as a worker gets it.
type handedOut struct {
	name  string
	class int
}

// take hands out so many items, and is done with each.
func take(q priorities, many int) []handedOut {
	var taken []handedOut
	for range many {
		item, class, _ := q.GetWithPriority()
		taken = append(taken, handedOut{item.Namespace + "/" + item.Name, class})
		q.Done(item)
	}
	return taken
}

func same(t *testing.T, want, got []handedOut) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(handedOut{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestClasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fresh(t)
		q.AddWithOpts(at(queue.Periodic), request("a", "periodic"))
		q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, Priority: new(queue.Periodic)}, request("b", "periodic that failed"))
		q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request("c", "change that failed"))
		q.AddRateLimited(request("d", "failed"))
		queue.AddAfter(q, queue.Source, 0, request("e", "source"))
		q.Add(request("f", "changed"))
		q.AddWithOpts(at(queue.User+1000), request("g", "urgent"))
		q.AddWithOpts(at(queue.Periodic-1000), request("h", "idle"))
		time.Sleep(time.Second)
		synctest.Wait()
		same(t, []handedOut{
			{"f/changed", queue.User},
			{"g/urgent", queue.User},
			{"e/source", queue.Source},
			{"b/periodic that failed", queue.Retry},
			{"c/change that failed", queue.Retry},
			{"d/failed", queue.Retry},
			{"a/periodic", queue.Periodic},
			{"h/idle", queue.Periodic},
		}, take(q, 8))
	})
}

func TestFairness(t *testing.T) {
	const many = 3000
	tests := []struct {
		reason string
		first  priorityqueue.AddOpts
		then   priorityqueue.AddOpts
	}{
		{"changes", at(queue.User), at(queue.User)},
		{"changes in stores", at(queue.Source), at(queue.Source)},
		{"what is there at the start", at(queue.Periodic), at(queue.Periodic)},
		{"failures", priorityqueue.AddOpts{RateLimited: true}, priorityqueue.AddOpts{RateLimited: true}},
		{
			"refreshes that become due together",
			priorityqueue.AddOpts{After: time.Minute, Priority: new(queue.Periodic)},
			priorityqueue.AddOpts{After: time.Minute + time.Second, Priority: new(queue.Periodic)},
		},
		{"a change among refreshes", at(queue.Periodic), at(queue.User)},
		{"a change among changes in stores", at(queue.Source), at(queue.User)},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := fresh(t)
				flood(q, "a", many, tt.first)
				q.AddWithOpts(tt.then, request("b", "one"))
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				taken := take(q, many+1)
				if place := slices.IndexFunc(taken, func(h handedOut) bool { return h.name == "b/one" }); place > 2 {
					t.Errorf("the one object of a namespace waits for %d of another one", place)
				}
				if n := queue.Remembered(q); n != 0 {
					t.Errorf("%d things are remembered of an empty queue", n)
				}
			})
		})
	}
}

func TestFairnessOfObjectsWithoutANamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fresh(t)
		flood(q, "", 100, at(queue.User))
		flood(q, "a", 2, at(queue.User))
		same(t, []handedOut{{"/0", 0}, {"/1", 0}, {"a/0", 0}, {"a/1", 0}, {"/2", 0}}, take(q, 5))
	})
}

func TestFloodIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fresh(t)
		flood(q, "a", 3000, at(queue.User))
		take(q, 3000)
		flood(q, "b", 3, at(queue.User))
		flood(q, "a", 1, at(queue.User))
		same(t, []handedOut{{"b/0", 0}, {"b/1", 0}, {"a/0", 0}, {"b/2", 0}}, take(q, 4))
	})
}

func TestWaitingItemsAreRaised(t *testing.T) {
	one := request("a", "one")
	tests := []struct {
		reason string
		add    func(q priorities)
		class  int
	}{
		{"a change of what waits for its refresh", func(q priorities) {
			q.AddWithOpts(at(queue.Periodic), one)
			q.Add(one)
		}, queue.User},
		{"a change of what waits for its next refresh is not delayed", func(q priorities) {
			q.AddWithOpts(priorityqueue.AddOpts{After: time.Hour, Priority: new(queue.Periodic)}, one)
			q.Add(one)
		}, queue.User},
		{"a change of what waits to be tried again", func(q priorities) {
			q.AddRateLimited(one)
			q.Add(one)
		}, queue.User},
		{"a change in a store of what waits for its refresh", func(q priorities) {
			q.AddWithOpts(at(queue.Periodic), one)
			queue.AddAfter(q, queue.Source, 0, one)
		}, queue.Source},
		{"what has changed is not lowered", func(q priorities) {
			q.Add(one)
			q.AddWithOpts(at(queue.Periodic), one)
			q.AddRateLimited(one)
		}, queue.User},
		{"a second change does not count as another object", func(q priorities) {
			for range 100 {
				q.Add(one)
			}
		}, queue.User},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := fresh(t)
				q.AddWithOpts(at(queue.Retry), request("b", "another"))
				tt.add(q)
				same(t, []handedOut{{"a/one", tt.class}, {"b/another", queue.Retry}}, take(q, 2))
				if n, left := q.Len(), queue.Remembered(q); n+left != 0 {
					t.Errorf("%d items wait and %d things are remembered, want the object once", n, left)
				}
			})
		})
	}
}

func TestItemsAreWorkedOnOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fresh(t)
		q.Add(request("a", "one"))
		item, _, _ := q.GetWithPriority()
		q.Add(item)
		q.AddWithOpts(at(queue.Periodic), request("a", "two"))
		other, _ := q.Get()
		if other == item {
			t.Fatal("an item is worked on twice at a time")
		}
		q.Done(item)
		same(t, []handedOut{{"a/one", queue.User}}, take(q, 1))
	})
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := shard.NewGate(2)
		q := queue.Around(fresh(t), gate)
		of := func(n int) reconcile.Request {
			for i := 0; ; i++ {
				if item := request(strconv.Itoa(i), "app"); shard.Of(item.NamespacedName, 2) == n {
					return item
				}
			}
		}
		q.Add(of(0))
		gate.Open(1)
		q.Add(of(0))
		q.Add(of(1))
		item, _, _ := q.GetWithPriority()
		if item != of(1) || queue.Remembered(q) != 0 {
			t.Errorf("%v is handed out, and %d things are remembered; want what is held alone", item, queue.Remembered(q))
		}
		idle := gate.Shut(1)
		q.AddRateLimited(item)
		select {
		case <-idle:
			t.Error("nothing is worked on, the gate says")
		default:
		}
		q.Done(item)
		<-idle
		if queue.Remembered(q) != 0 {
			t.Error("what is not held any more is to be tried again")
		}

		gate.Open(1)
		q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, of(1))
		gate.Shut(1)
		gate.Open(0)
		time.Sleep(time.Minute)
		q.AddWithOpts(at(queue.Periodic), of(0))
		same(t, []handedOut{{of(0).Namespace + "/app", queue.Periodic}}, take(q, 1))
		if n := q.NumRequeues(of(1)); n != 0 {
			t.Errorf("%d failures are remembered of what is not held any more", n)
		}
	})
}

// stutter is a queue that has an item twice which was added again on its way out.
type stutter struct {
	priorities
	out []reconcile.Request
}

func (s *stutter) AddWithOpts(_ priorityqueue.AddOpts, items ...reconcile.Request) {
	s.out = append(s.out, items...)
}

func (s *stutter) GetWithPriority() (item reconcile.Request, priority int, shutdown bool) {
	item, s.out = s.out[0], s.out[1:]
	return item, 0, false
}

func TestItemsAddedOnTheirWayOutAreWorkedOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.Around(&stutter{priorities: fresh(t)}, nil)
		q.Add(request("a", "one"))
		q.Add(request("a", "one"))
		q.AddWithOpts(at(queue.Source), request("a", "two"))
		same(t, []handedOut{{"a/one", queue.User}, {"a/two", queue.Source}}, take(q, 2))
	})
}

func TestShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t)
		ended := make(chan bool)
		go func() {
			_, shutdown := q.Get()
			ended <- shutdown
		}()
		synctest.Wait()
		q.ShutDown()
		if !<-ended {
			t.Error("a worker that waits is not told of the end")
		}
		flood(q, "a", 10, at(queue.User))
		if _, _, shutdown := q.GetWithPriority(); !shutdown || queue.Remembered(q) != 0 {
			t.Errorf("shutdown = %v, %d things are remembered; want nothing to be taken after the end", shutdown, queue.Remembered(q))
		}
	})
}

// TestNothingIsLost adds and takes from many goroutines: after each addition somebody must begin to work on the item.
func TestNothingIsLost(t *testing.T) {
	const items, adders, workers, additions = 40, 4, 4, 5000
	synctest.Test(t, func(t *testing.T) {
		q := fresh(t)
		var added, seen [items]atomic.Int64
		for range workers {
			go func() {
				for {
					item, class, shutdown := q.GetWithPriority()
					if shutdown {
						return
					}
					n, _ := strconv.Atoi(item.Name)
					seen[n].Store(added[n].Load())
					if rand.IntN(10) == 0 {
						q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, Priority: &class}, item)
					}
					q.Done(item)
				}
			}()
		}
		var adding sync.WaitGroup
		for range adders {
			adding.Go(func() {
				for range additions {
					n := rand.IntN(items)
					added[n].Add(1)
					class := []int{queue.User, queue.Source, queue.Periodic}[rand.IntN(3)]
					q.AddWithOpts(at(class), request(strconv.Itoa(n%7), strconv.Itoa(n)))
				}
			})
		}
		adding.Wait()
		time.Sleep(time.Hour)
		synctest.Wait()
		for n := range items {
			if want, got := added[n].Load(), seen[n].Load(); want != got {
				t.Errorf("item %d was added %d times, and last worked on after %d", n, want, got)
			}
		}
		if left := queue.Remembered(q); left != 0 {
			t.Errorf("%d things are remembered of an empty queue", left)
		}
	})
}
