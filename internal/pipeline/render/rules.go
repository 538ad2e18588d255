package render

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-operator/sluice/internal/fault"
)

// notCopied are prefixes of labels and annotations that belong to the tools which apply an object, not to what is made
// from it; kubectl's holds every value of a Secret that it applied. The last ones are our own marks, true of one object alone.
func notCopied() []string {
	return []string{
		"argocd.argoproj.io/",
		"meta.helm.sh/",
		"helm.toolkit.fluxcd.io/",
		"kustomize.toolkit.fluxcd.io/",
		corev1.LastAppliedConfigAnnotation,
		"reconcile.external-secrets.io/",
		"data-hash.sluice.dev/",
		"generated.sluice.dev/",
		"lease.sluice.dev/",
		"rotation.sluice.dev/",
		"sluice.dev/",
	}
}

// Copied returns the labels or annotations that may be copied from one object to another.
func (r Renderer) Copied(from map[string]string) map[string]string {
	out := make(map[string]string, len(from))
	for key, value := range from {
		if !hasAnyPrefix(key, notCopied()) && !hasAnyPrefix(key, r.Ignored) {
			out[key] = value
		}
	}
	return out
}

func hasAnyPrefix(key string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

const serviceAccountAnnotations = "kubernetes.io/service-account."

// Allowed refuses Secrets with which the API server would hand out an identity.
func Allowed(d Desired) error {
	switch d.Type {
	case corev1.SecretTypeBootstrapToken, corev1.SecretTypeServiceAccountToken:
		return fault.New(fault.Invalid, "type %s is refused: it would make a credential of the cluster itself", d.Type)
	default:
	}
	for key := range d.Annotations {
		if strings.HasPrefix(key, serviceAccountAnnotations) {
			// The rest of the name may have been made of a value.
			return fault.New(fault.Invalid, "an annotation %s* is refused: it would bind the Secret to a ServiceAccount", serviceAccountAnnotations)
		}
	}
	return nil
}
