package fanout

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/metrics"
)

// NewExternalSecrets returns the controller of ClusterExternalSecrets.
func NewExternalSecrets(config Config) *Controller {
	return &Controller{Config: config, kinds: externalSecrets()}
}

func externalSecrets() *kinds {
	return &kinds{
		name:       "clusterexternalsecret",
		metric:     metrics.ClusterExternalSecret,
		parentKind: esv1.GroupVersion().WithKind(esv1.KindClusterExternalSecret),
		childKind:  esv1.GroupVersion().WithKind(esv1.KindExternalSecret),
		called:     "external secret", resource: "externalsecrets", nameField: "spec.externalSecretName",
		author:   esv1.FieldManagerClusterExternalSecret,
		requests: []string{esv1.AnnotationForceSync, esv1.AnnotationForceSyncShort},
		former: finalizers{
			parent:    "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup",
			namespace: "externalsecrets.external-secrets.io/ces-",
		},
		newParent:   func() client.Object { return &esv1.ClusterExternalSecret{} },
		newChild:    func() client.Object { return &esv1.ExternalSecret{} },
		newParents:  func() client.ObjectList { return &esv1.ClusterExternalSecretList{} },
		newChildren: func() client.ObjectList { return &esv1.ExternalSecretList{} },
		ask: of(func(c *esv1.ClusterExternalSecret) asked {
			return asked{
				childName: c.ChildName(), metadata: c.Spec.ExternalSecretMetadata, refreshTime: c.Spec.RefreshTimeOrDefault(),
				child:    func() client.Object { return &esv1.ExternalSecret{Spec: *c.Spec.ExternalSecretSpec.DeepCopy()} },
				selector: c.Spec.NamespaceSelector, selectors: c.Spec.NamespaceSelectors, namespaces: c.Spec.Namespaces,
			}
		}),
		statusOf: of(func(c *esv1.ClusterExternalSecret) status {
			return status{
				childName: &c.Status.ExternalSecretName, provisioned: &c.Status.ProvisionedNamespaces, failed: &c.Status.FailedNamespaces,
				conditions: &c.Status.Conditions, observedGeneration: &c.Status.ObservedGeneration,
			}
		}),
		specOf: of(func(es *esv1.ExternalSecret) any { return &es.Spec }),
	}
}
