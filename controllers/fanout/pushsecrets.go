package fanout

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/metrics"
)

// NewPushSecrets returns the controller of ClusterPushSecrets.
func NewPushSecrets(config Config) *Controller {
	return &Controller{Config: config, kinds: pushSecrets()}
}

func pushSecrets() *kinds {
	return &kinds{
		name:       "clusterpushsecret",
		metric:     metrics.ClusterPushSecret,
		parentKind: esv1alpha1.GroupVersion().WithKind(esv1alpha1.KindClusterPushSecret),
		childKind:  esv1alpha1.GroupVersion().WithKind(esv1alpha1.KindPushSecret),
		called:     "push secret", resource: "pushsecrets", nameField: "spec.pushSecretName",
		author:      esv1alpha1.FieldManagerClusterPushSecret,
		requests:    []string{esv1.AnnotationForceSync, esv1.AnnotationForceSyncShort, esv1.AnnotationRotate},
		newParent:   func() client.Object { return &esv1alpha1.ClusterPushSecret{} },
		newChild:    func() client.Object { return &esv1alpha1.PushSecret{} },
		newParents:  func() client.ObjectList { return &esv1alpha1.ClusterPushSecretList{} },
		newChildren: func() client.ObjectList { return &esv1alpha1.PushSecretList{} },
		ask: of(func(c *esv1alpha1.ClusterPushSecret) asked {
			return asked{
				childName: c.ChildName(), metadata: c.Spec.PushSecretMetadata, refreshTime: c.Spec.RefreshTimeOrDefault(),
				child:     func() client.Object { return &esv1alpha1.PushSecret{Spec: *c.Spec.PushSecretSpec.DeepCopy()} },
				selectors: c.Spec.NamespaceSelectors,
			}
		}),
		statusOf: of(func(c *esv1alpha1.ClusterPushSecret) status {
			return status{
				childName: &c.Status.PushSecretName, provisioned: &c.Status.ProvisionedNamespaces, failed: &c.Status.FailedNamespaces,
				conditions: &c.Status.Conditions, observedGeneration: &c.Status.ObservedGeneration,
			}
		}),
		specOf: of(func(ps *esv1alpha1.PushSecret) any { return &ps.Spec }),
	}
}
