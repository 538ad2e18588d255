package apis

import (
	"k8s.io/apimachinery/pkg/runtime"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	esv1beta1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1beta1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// AddToScheme adds every kind of every group to scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	builder := runtime.NewSchemeBuilder(esv1.AddToScheme, esv1beta1.AddToScheme, esv1alpha1.AddToScheme, genv1alpha1.AddToScheme)
	return builder.AddToScheme(scheme)
}
