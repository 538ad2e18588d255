package wakeup

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Index is the name of the cache index that holds the Keys of everything an object refers to.
const Index = "sluice.references"

// Key names something that is referred to. namespace is empty for what has none.
func Key(kind, namespace, name string) string {
	return strings.Join([]string{kind, namespace, name}, "/")
}

// Handler enqueues the objects of list's kind that refer to the object of an event, which is of the given kind. They are found through Index.
func Handler(reader client.Reader, kind string, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, changed client.Object) []reconcile.Request {
		found, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return nil
		}
		key := Key(kind, changed.GetNamespace(), changed.GetName())
		if err := reader.List(ctx, found, client.MatchingFields{Index: key}, client.UnsafeDisableDeepCopy); err != nil {
			logf.FromContext(ctx).Error(err, "find what refers to a changed object", "object", key)
			return nil
		}
		return requests(found)
	})
}

func requests(list client.ObjectList) []reconcile.Request {
	var all []reconcile.Request
	// The items of a list of API objects are always objects, so neither step can fail.
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if object, ok := item.(client.Object); ok {
			all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
		}
		return nil
	})
	return all
}
