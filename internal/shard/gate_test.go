package shard

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestOf(t *testing.T) {
	name := func(namespace, name string) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	if Of(name("team", "a"), 1000) != Of(name("team", "b"), 1000) {
		t.Error("two objects of one namespace are in different shards")
	}
	// All replicas must agree, also those of another version.
	if got := []int{Of(name("default", "x"), 16), Of(name("team-a", "x"), 16), Of(name("", "team-b"), 16)}; !slices.Equal(got, []int{14, 6, 3}) {
		t.Errorf("the shards have changed: %v", got)
	}
	for _, namespace := range []string{"team-%d", ""} {
		sizes := make([]int, 8)
		for i := range 8000 {
			object := name("", fmt.Sprintf("object-%d", i))
			if namespace != "" {
				object.Namespace = fmt.Sprintf(namespace, i)
			}
			sizes[Of(object, 8)]++
		}
		if slices.Min(sizes) < 700 || slices.Max(sizes) > 1300 {
			t.Errorf("8000 objects are spread unevenly: %v", sizes)
		}
	}
}

func TestShare(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	for shards := range 20 {
		for replicas := 1; replicas <= len(names); replicas++ {
			var all []int
			sum := 0
			for _, name := range names[:replicas] {
				own := share(shards, names[:replicas], name)
				all = append(all, own)
				sum += own
			}
			if sum != shards || slices.Max(all)-slices.Min(all) > 1 {
				t.Errorf("%d shards among %d replicas: %v", shards, replicas, all)
			}
		}
	}
	if got := share(6, []string{"a", "c"}, "b"); got != 2 {
		t.Errorf("a replica that the others do not see yet takes %d of 6 shards beside two others, want 2", got)
	}
}

func TestGate(t *testing.T) {
	g := NewGate(2)
	mine, other := objectOf(0, 2), objectOf(1, 2)
	if g.Holds(mine) || g.Begin(mine) {
		t.Error("a gate lets something through before it holds a shard")
	}
	g.Open(0)
	if !g.Holds(mine) || g.Holds(other) || g.Begin(other) {
		t.Error("want the objects of shard 0 to be let through, and no others")
	}
	if first, second := g.Begin(mine), g.Begin(mine); !first || !second {
		t.Fatal("objects are not let through")
	}
	idle := g.Shut(0)
	if g.Holds(mine) || g.Begin(mine) {
		t.Error("something is let through a gate that is shut")
	}
	for left := 1; left >= 0; left-- {
		if closed(idle) {
			t.Errorf("it is said to be idle while %d objects are being worked on", left+1)
		}
		g.End(mine)
	}
	if !closed(idle) || !closed(g.Shut(0)) {
		t.Error("it is not said that nothing is being worked on any more")
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestWithoutAGate(t *testing.T) {
	var g *Gate
	object := objectOf(0, 1)
	if !g.Holds(object) || !g.Begin(object) {
		t.Error("something is held back though there are no shards")
	}
	g.End(object)
	if err := g.Source(nil, nil, nil, nil).Start(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// enqueued is a queue that remembers what is added.
type enqueued struct {
	priorityqueue.PriorityQueue[reconcile.Request]

	names []string
}

func (q *enqueued) AddWithOpts(o priorityqueue.AddOpts, items ...reconcile.Request) {
	for _, item := range items {
		q.names = append(q.names, fmt.Sprintf("%s %d", item.Name, *o.Priority))
	}
}

func TestSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		builder := fake.NewClientBuilder()
		for shard := range 2 {
			at := objectOf(shard, 2)
			builder = builder.WithObjects(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: fmt.Sprintf("of-%d", shard)}})
		}
		g := NewGate(2)
		g.Open(1)
		var forgotten []string
		forget := func(name types.NamespacedName) { forgotten = append(forgotten, name.Name) }
		var q enqueued
		arrived := func(context.Context) { q.names = append(q.names, "arrived") }
		if err := g.Source(builder.Build(), &corev1.ConfigMapList{}, arrived, forget).Start(t.Context(), &q); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if want := []string{"arrived", fmt.Sprintf("of-1 %d", handler.LowPriority)}; !slices.Equal(q.names, want) {
			t.Errorf("%v are enqueued at the start, want %v: what is held already", q.names, want)
		}
		g.tell(func(l listener) { l.gained(context.Background(), 0) })
		if want := fmt.Sprintf("of-0 %d", handler.LowPriority); len(q.names) != 4 || q.names[3] != want {
			t.Errorf("%v are enqueued, want %s too: it is gained", q.names, want)
		}
		g.tell(func(l listener) { l.lost(context.Background(), 1) })
		if !slices.Equal(forgotten, []string{"of-1"}) {
			t.Errorf("%v are forgotten, want those of the shard that is lost", forgotten)
		}
	})
}
