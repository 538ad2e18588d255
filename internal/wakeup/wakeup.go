package wakeup

import (
	"context"
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// Index is the name of the cache index that holds the Keys of everything an object refers to.
const Index = "sluice.references"

// AnyName stands in a Key for a reference by label, which may be to any object of the kind.
const AnyName = "*"

// The kinds of the core group that objects refer to.
const (
	KindSecret    = "Secret"
	KindConfigMap = "ConfigMap"
)

// Key names something that is referred to. namespace is empty for what has none.
func Key(kind, namespace, name string) string {
	return strings.Join([]string{kind, namespace, name}, "/")
}

// StoreKey is the Key of the store of the given kind and name, as seen from namespace.
func StoreKey(kind, namespace, name string) string {
	if kind == esv1.KindClusterSecretStore {
		namespace = ""
	}
	return Key(kind, namespace, name)
}

// GeneratorKey is the Key of a generator, as seen from namespace.
func GeneratorKey(ref esv1.GeneratorRef, namespace string) string {
	if ref.Kind == genv1alpha1.KindClusterGenerator {
		namespace = ""
	}
	return Key(ref.Kind, namespace, ref.Name)
}

// TemplateSource is an object that holds templates.
type TemplateSource struct {
	// Kind is KindSecret or KindConfigMap.
	Kind string
	// Name of the object.
	Name string
}

// TemplateSources lists the objects that a template refers to; none for nil.
func TemplateSources(template *esv1.ExternalSecretTemplate) []TemplateSource {
	if template == nil {
		return nil
	}
	var refs []TemplateSource
	for i := range template.TemplateFrom {
		if from := template.TemplateFrom[i].ConfigMap; from != nil {
			refs = append(refs, TemplateSource{Kind: KindConfigMap, Name: from.Name})
		}
		if from := template.TemplateFrom[i].Secret; from != nil {
			refs = append(refs, TemplateSource{Kind: KindSecret, Name: from.Name})
		}
	}
	return refs
}

// Handler enqueues the objects of list's kind that refer to the object of an event, which is of the given kind. They
// are found through Index.
func Handler(reader client.Reader, kind string, list client.ObjectList) handler.EventHandler {
	return enqueue(func(ctx context.Context, changed client.Object, into sets.Set[types.NamespacedName]) error {
		var errs []error
		for _, name := range []string{changed.GetName(), AnyName} {
			key := Key(kind, changed.GetNamespace(), name)
			errs = append(errs, collect(ctx, reader, list, into, client.MatchingFields{Index: key}))
		}
		return errors.Join(errs...)
	})
}

// finder adds the names of the objects that are concerned by a changed one.
type finder func(ctx context.Context, changed client.Object, into sets.Set[types.NamespacedName]) error

// enqueue returns a handler that enqueues what find finds, each object once.
func enqueue(find finder) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, changed client.Object) []reconcile.Request {
		found := sets.New[types.NamespacedName]()
		if err := find(ctx, changed, found); err != nil {
			logf.FromContext(ctx).Error(err, "find what refers to a changed object", "object", client.ObjectKeyFromObject(changed))
		}
		requests := make([]reconcile.Request, 0, len(found))
		for name := range found {
			requests = append(requests, reconcile.Request{NamespacedName: name})
		}
		return requests
	})
}

func collect(
	ctx context.Context,
	reader client.Reader,
	list client.ObjectList,
	into sets.Set[types.NamespacedName],
	options ...client.ListOption,
) error {
	found, ok := list.DeepCopyObject().(client.ObjectList)
	if !ok {
		return nil
	}
	if err := reader.List(ctx, found, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		return err
	}
	return meta.EachListItem(found, func(item runtime.Object) error {
		if object, ok := item.(client.Object); ok {
			into.Insert(client.ObjectKeyFromObject(object))
		}
		return nil
	})
}
