package wakeup

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
)

// OwnChanges leaves out the changes of an object's status, which its controller makes itself.
func OwnChanges() builder.ForOption {
	return builder.WithPredicates(predicate.Or(
		predicate.GenerationChangedPredicate{},
		predicate.LabelChangedPredicate{},
		predicate.AnnotationChangedPredicate{},
	))
}

// Sources are what changes are noticed in.
type Sources struct {
	// Reader finds the objects to wake, and the stores and generators that they use. All of them must be indexed by Index in it.
	// It is asked several times for each change of any Secret: a cache itself costs least.
	Reader client.Reader
	// Notices is a cache of the metadata of Secrets and ConfigMaps, of which nothing else is watched.
	Notices cache.Cache
	// Generators are the kinds of generators.
	Generators *generators.Registry
	// Namespaces says whether namespaces are watched, which takes a right in the whole cluster.
	Namespaces bool
}

// Watch wakes the objects of list's kind when a store, a generator, a Secret or a ConfigMap that they refer to appears,
// changes or goes. A Secret that a ClusterSecretStore takes its credentials from in the namespace of its users is one of
// these, and so are what a generator refers to, and the labels of the namespace, which decide whether a store may be used.
func Watch(b *builder.Builder, list client.ObjectList, from Sources) *builder.Builder {
	reader := from.Reader
	b = b.Watches(&esv1.SecretStore{}, Handler(reader, esv1.KindSecretStore, list)).
		Watches(&esv1.ClusterSecretStore{}, Handler(reader, esv1.KindClusterSecretStore, list)).
		Watches(&genv1alpha1.ClusterGenerator{}, Handler(reader, genv1alpha1.KindClusterGenerator, list))
	for _, generator := range from.Generators.All() {
		b = b.Watches(generator.NewObject(), Handler(reader, generator.Kind(), list))
	}
	if from.Namespaces {
		b = b.Watches(&corev1.Namespace{}, Residents(reader, list), builder.WithPredicates(relabelled()))
	}
	b = b.WatchesRawSource(source.Kind[client.Object](from.Notices, Metadata(KindSecret), Lenders(reader, list)))
	for _, kind := range []string{KindSecret, KindConfigMap} {
		users := GeneratorUsers(reader, kind, from.Generators, list)
		b = b.WatchesRawSource(source.Kind[client.Object](from.Notices, Metadata(kind), users))
	}
	return WatchCore(b, list, from)
}

// WatchCore wakes the objects of list's kind when a Secret or a ConfigMap that they refer to appears, changes or goes.
func WatchCore(b *builder.Builder, list client.ObjectList, from Sources) *builder.Builder {
	for _, kind := range []string{KindSecret, KindConfigMap} {
		b = b.WatchesRawSource(source.Kind[client.Object](from.Notices, Metadata(kind), Handler(from.Reader, kind, list)))
	}
	return b
}

// relabelled lets only changes of labels through.
func relabelled() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc:  predicate.LabelChangedPredicate{}.Update,
	}
}

// Metadata returns an empty object of the core group for the metadata of the given kind.
func Metadata(kind string) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return object
}

// WatchStates wakes the objects of owner's kind when a GeneratorState that they control changes.
func WatchStates(b *builder.Builder, mgr manager.Manager, owner client.Object) *builder.Builder {
	wake := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), owner, handler.OnlyControllerOwner())
	return b.Watches(&genv1alpha1.GeneratorState{}, wake, builder.WithPredicates(
		predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}),
	))
}
