package wakeup

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// Watch wakes the objects of list's kind when a store, a generator, a Secret or a ConfigMap that they refer to appears,
// changes or goes. The objects must be indexed by Index in reader. Of Secrets and ConfigMaps only the metadata is
// watched, through notices.
func Watch(
	b *builder.Builder,
	reader client.Reader,
	list client.ObjectList,
	registry *generators.Registry,
	notices cache.Cache,
) *builder.Builder {
	b = b.Watches(&esv1.SecretStore{}, Handler(reader, esv1.KindSecretStore, list)).
		Watches(&esv1.ClusterSecretStore{}, Handler(reader, esv1.KindClusterSecretStore, list)).
		Watches(&genv1alpha1.ClusterGenerator{}, Handler(reader, genv1alpha1.KindClusterGenerator, list))
	for _, generator := range registry.All() {
		b = b.Watches(generator.NewObject(), Handler(reader, generator.Kind(), list))
	}
	for _, kind := range []string{KindSecret, KindConfigMap} {
		b = b.WatchesRawSource(source.Kind[client.Object](notices, Metadata(kind), Handler(reader, kind, list)))
	}
	return b
}

// Metadata returns an empty object of the core group for the metadata of the given kind.
func Metadata(kind string) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return object
}
