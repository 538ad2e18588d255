package operator

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/ownership"
)

// helmRelease is the type of the Secrets in which Helm keeps releases: many, large, and nothing that anybody refers to.
const helmRelease = "helm.sh/release.v1"

// mainCache is the manager's: full objects of our own kinds, and of Secrets only those that an ExternalSecret manages.
func mainCache(namespace string) cache.Options {
	return cache.Options{
		DefaultNamespaces: namespaces(namespace),
		DefaultTransform:  cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&esv1.ExternalSecret{}: {
				Transform: ownership.Only(func(manager string) bool { return manager == esv1.FieldManagerClusterExternalSecret }),
			},
			&esv1alpha1.PushSecret{}: {
				Transform: ownership.Only(func(manager string) bool { return manager == esv1alpha1.FieldManagerClusterPushSecret }),
			},
			&corev1.Secret{}: {
				Label:     labels.SelectorFromSet(labels.Set{esv1.LabelManaged: esv1.LabelManagedValue}),
				Transform: ownership.Only(func(manager string) bool { return strings.HasPrefix(manager, esv1.FieldManagerPrefix) }),
			},
		},
	}
}

// notices is a cache of the metadata of all Secrets and ConfigMaps. It is a cache of its own because the selectors of a
// cache hold for every representation of a kind.
type notices struct {
	cache.Cache
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: a replica that waits has its cache filled.
func (notices) NeedLeaderElection() bool { return false }

func newNotices(config *rest.Config, scheme *runtime.Scheme, namespace string) (notices, error) {
	c, err := cache.New(config, cache.Options{
		Scheme:            scheme,
		DefaultNamespaces: namespaces(namespace),
		DefaultTransform:  nameAndVersion,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}: {Field: fields.OneTermNotEqualSelector("type", helmRelease)},
		},
	})
	if err != nil {
		return notices{}, fmt.Errorf("make the cache of metadata: %w", err)
	}
	return notices{Cache: c}, nil
}

func namespaces(only string) map[string]cache.Config {
	if only == "" {
		return nil
	}
	return map[string]cache.Config{only: {}}
}

// nameAndVersion drops what is never asked for: an annotation may hold a whole object.
func nameAndVersion(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
		o.SetAnnotations(nil)
		o.SetOwnerReferences(nil)
		o.SetFinalizers(nil)
	}
	return obj, nil
}
