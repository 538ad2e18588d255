package gen

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// ClusterPushSecret is a ClusterPushSecret in the making. Each method changes it and returns it.
type ClusterPushSecret struct {
	*esv1alpha1.ClusterPushSecret
}

// NewClusterPushSecret returns a ClusterPushSecret of the given name that asks for PushSecrets like one, in no namespace yet.
func NewClusterPushSecret(name string, one PushSecret) ClusterPushSecret {
	return ClusterPushSecret{&esv1alpha1.ClusterPushSecret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       esv1alpha1.ClusterPushSecretSpec{PushSecretSpec: one.Spec},
	}}
}

// Labelled adds the namespaces that have the label.
func (c ClusterPushSecret) Labelled(key, value string) ClusterPushSecret {
	c.Spec.NamespaceSelectors = append(c.Spec.NamespaceSelectors, *labelled(key, value))
	return c
}

// Child sets the name of the PushSecrets.
func (c ClusterPushSecret) Child(name string) ClusterPushSecret {
	c.Spec.PushSecretName = name
	return c
}

// Label adds a label to the PushSecrets.
func (c ClusterPushSecret) Label(key, value string) ClusterPushSecret {
	if c.Spec.PushSecretMetadata.Labels == nil {
		c.Spec.PushSecretMetadata.Labels = map[string]string{}
	}
	c.Spec.PushSecretMetadata.Labels[key] = value
	return c
}

// Every sets the refresh time.
func (c ClusterPushSecret) Every(interval time.Duration) ClusterPushSecret {
	c.Spec.RefreshTime = &metav1.Duration{Duration: interval}
	return c
}
