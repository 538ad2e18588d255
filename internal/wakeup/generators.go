package wakeup

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/credentials"
)

// IndexGenerators indexes generators of all kinds, and ClusterGenerators, by the Secrets and ConfigMaps that they refer to.
func IndexGenerators(ctx context.Context, indexer client.FieldIndexer, all *generators.Registry) error {
	errs := []error{indexer.IndexField(ctx, &genv1alpha1.ClusterGenerator{}, Index, GeneratorReferences)}
	for _, generator := range all.All() {
		errs = append(errs, indexer.IndexField(ctx, generator.NewObject(), Index, GeneratorReferences))
	}
	return errors.Join(errs...)
}

// GeneratorReferences lists the Keys of what a generator refers to. All of it is in the namespace of the generator; for a
// ClusterGenerator it is in that of its users, and the Keys have no namespace.
func GeneratorReferences(o client.Object) []string {
	var keys []string
	for _, ref := range credentials.References(o) {
		keys = append(keys, Key(ref.Kind, o.GetNamespace(), ref.Name))
	}
	return keys
}

// GeneratorUsers enqueues the objects of list's kind that use a generator which refers to the object of an event, which is of
// the given kind.
func GeneratorUsers(reader client.Reader, kind string, all *generators.Registry, list client.ObjectList) handler.EventHandler {
	namespaced := generatorLists(all)
	return enqueue(func(ctx context.Context, changed client.Object, into sets.Set[types.NamespacedName]) error {
		inside := client.InNamespace(changed.GetNamespace())
		wake := func(generatorKind string, generators client.ObjectList, key string, options ...client.ListOption) error {
			found := sets.New[types.NamespacedName]()
			if err := collect(ctx, reader, generators, found, append(options, client.MatchingFields{Index: key})...); err != nil {
				return err
			}
			for name := range found {
				users := client.MatchingFields{Index: Key(generatorKind, name.Namespace, name.Name)}
				if err := collect(ctx, reader, list, into, users, inside); err != nil {
					return err
				}
			}
			return nil
		}
		errs := []error{wake(genv1alpha1.KindClusterGenerator, &genv1alpha1.ClusterGeneratorList{}, Key(kind, "", changed.GetName()))}
		for generatorKind, generators := range namespaced {
			errs = append(errs, wake(generatorKind, generators, Key(kind, changed.GetNamespace(), changed.GetName()), inside))
		}
		return errors.Join(errs...)
	})
}

// generatorLists returns an empty list for each kind of generator that can refer to something.
func generatorLists(all *generators.Registry) map[string]client.ObjectList {
	scheme := runtime.NewScheme()
	lists := map[string]client.ObjectList{}
	if err := genv1alpha1.AddToScheme(scheme); err != nil {
		return lists
	}
	for _, generator := range all.All() {
		if !credentials.MayRefer(generator.NewObject()) {
			continue
		}
		kind := generator.Kind()
		object, err := scheme.New(genv1alpha1.GroupVersion().WithKind(kind + "List"))
		if list, ok := object.(client.ObjectList); err == nil && ok {
			lists[kind] = list
		}
	}
	return lists
}
