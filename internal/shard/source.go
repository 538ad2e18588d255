package shard

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Source enqueues the objects of a shard that is gained, with low priority, as if they were found at a start: cached is where
// they are found, and list is an empty list of their kind. Before that it calls arrived, if that is not nil. When a shard is
// lost, it calls left for its objects.
func (g *Gate) Source(
	cached client.Reader,
	list client.ObjectList,
	arrived func(context.Context),
	left func(types.NamespacedName),
) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		if g == nil {
			return nil
		}
		m := &members{gate: g, cached: cached, list: list, arrived: arrived, left: left, queue: queue}
		held := g.listen(m)
		// The cache may have to be filled first, and a source must not wait.
		go func() {
			for _, shard := range held {
				m.gained(ctx, shard)
			}
		}()
		return nil
	})
}

// members are the objects of one kind.
type members struct {
	gate    *Gate
	cached  client.Reader
	list    client.ObjectList
	arrived func(context.Context)
	left    func(types.NamespacedName)
	queue   workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func (m *members) gained(ctx context.Context, shard int) {
	if m.arrived != nil {
		m.arrived(ctx)
	}
	m.each(ctx, shard, func(name types.NamespacedName) {
		item := reconcile.Request{NamespacedName: name}
		if q, ok := m.queue.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
			q.AddWithOpts(priorityqueue.AddOpts{Priority: new(handler.LowPriority)}, item)
			return
		}
		m.queue.Add(item)
	})
}

func (m *members) lost(ctx context.Context, shard int) { m.each(ctx, shard, m.left) }

// each calls f for the objects of a shard.
func (m *members) each(ctx context.Context, shard int, f func(types.NamespacedName)) {
	list, _ := m.list.DeepCopyObject().(client.ObjectList) // a list is one
	err := m.cached.List(ctx, list, client.UnsafeDisableDeepCopy)
	if err == nil {
		err = meta.EachListItem(list, func(item runtime.Object) error {
			if o, ok := item.(client.Object); ok {
				if name := client.ObjectKeyFromObject(o); Of(name, len(m.gate.shards)) == shard {
					f(name)
				}
			}
			return nil
		})
	}
	if err != nil && ctx.Err() == nil {
		logf.FromContext(ctx).Error(err, "list the objects of a shard", "shard", shard)
	}
}
