package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// The kinds of this package.
const (
	KindPushSecret        = "PushSecret"
	KindClusterPushSecret = "ClusterPushSecret" //nolint:gosec // a name, not a credential
)

// GroupVersion returns the group and version of the kinds in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: esv1.Group, Version: "v1alpha1"}
}

// AddToScheme adds the kinds of this package to scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(),
		&PushSecret{}, &PushSecretList{},
		&ClusterPushSecret{}, &ClusterPushSecretList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}
