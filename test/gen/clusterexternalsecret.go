package gen

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// ClusterExternalSecret is a ClusterExternalSecret in the making. Each method changes it and returns it.
type ClusterExternalSecret struct {
	*esv1.ClusterExternalSecret
}

// NewClusterExternalSecret returns a ClusterExternalSecret of the given name that asks for ExternalSecrets like one, in no
// namespace yet.
func NewClusterExternalSecret(name string, one ExternalSecret) ClusterExternalSecret {
	return ClusterExternalSecret{&esv1.ClusterExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       esv1.ClusterExternalSecretSpec{ExternalSecretSpec: one.Spec},
	}}
}

// Labelled adds the namespaces that have the label.
func (c ClusterExternalSecret) Labelled(key, value string) ClusterExternalSecret {
	c.Spec.NamespaceSelectors = append(c.Spec.NamespaceSelectors, *labelled(key, value))
	return c
}

// Selector sets the deprecated selector.
func (c ClusterExternalSecret) Selector(selector *metav1.LabelSelector) ClusterExternalSecret {
	c.Spec.NamespaceSelector = selector
	return c
}

// In adds namespaces by name.
func (c ClusterExternalSecret) In(namespaces ...string) ClusterExternalSecret {
	c.Spec.Namespaces = append(c.Spec.Namespaces, namespaces...)
	return c
}

// Child sets the name of the ExternalSecrets.
func (c ClusterExternalSecret) Child(name string) ClusterExternalSecret {
	c.Spec.ExternalSecretName = name
	return c
}

// Label adds a label to the ExternalSecrets.
func (c ClusterExternalSecret) Label(key, value string) ClusterExternalSecret {
	if c.Spec.ExternalSecretMetadata.Labels == nil {
		c.Spec.ExternalSecretMetadata.Labels = map[string]string{}
	}
	c.Spec.ExternalSecretMetadata.Labels[key] = value
	return c
}

// Every sets the refresh time.
func (c ClusterExternalSecret) Every(interval time.Duration) ClusterExternalSecret {
	c.Spec.RefreshTime = &metav1.Duration{Duration: interval}
	return c
}
