package gen

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// PushSecret is a PushSecret in the making. Each method changes it and returns it.
type PushSecret struct {
	*esv1alpha1.PushSecret
}

// NewPushSecret returns a PushSecret of the given name that pushes nothing yet.
func NewPushSecret(name string) PushSecret {
	return PushSecret{&esv1alpha1.PushSecret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       esv1alpha1.PushSecretSpec{SecretStoreRefs: []esv1alpha1.PushSecretStoreRef{}},
	}}
}

// From sets the source Secret.
func (p PushSecret) From(name string) PushSecret {
	p.Spec.Selector.Secret = &esv1alpha1.PushSecretSecret{Name: name}
	return p
}

// FromLabelled sets the source to the Secret that has the label.
func (p PushSecret) FromLabelled(key, value string) PushSecret {
	p.Spec.Selector.Secret = &esv1alpha1.PushSecretSecret{Selector: labelled(key, value)}
	return p
}

func labelled(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

// Generate sets the source to a generator of the same namespace.
func (p PushSecret) Generate(kind, name string) PushSecret {
	p.Spec.Selector.GeneratorRef = GeneratorRef(kind, name)
	return p
}

// To adds SecretStores to push to.
func (p PushSecret) To(stores ...string) PushSecret {
	for _, name := range stores {
		p.Spec.SecretStoreRefs = append(p.Spec.SecretStoreRefs, esv1alpha1.PushSecretStoreRef{Name: name})
	}
	return p
}

// ToCluster adds a ClusterSecretStore to push to.
func (p PushSecret) ToCluster(name string) PushSecret {
	ref := esv1alpha1.PushSecretStoreRef{Name: name, Kind: esv1.KindClusterSecretStore}
	p.Spec.SecretStoreRefs = append(p.Spec.SecretStoreRefs, ref)
	return p
}

// ToLabelled adds the SecretStores that have the label.
func (p PushSecret) ToLabelled(key, value string) PushSecret {
	p.Spec.SecretStoreRefs = append(p.Spec.SecretStoreRefs, esv1alpha1.PushSecretStoreRef{LabelSelector: labelled(key, value)})
	return p
}

// Data adds an entry: the key secretKey of the source becomes the property of the secret remoteKey.
func (p PushSecret) Data(secretKey, remoteKey, property string) PushSecret {
	p.Spec.Data = append(p.Spec.Data, esv1alpha1.PushSecretData{Match: esv1alpha1.PushSecretMatch{
		SecretKey: secretKey, RemoteRef: esv1alpha1.PushSecretRemoteRef{RemoteKey: remoteKey, Property: property},
	}})
	return p
}

// All adds an entry for the whole source.
func (p PushSecret) All(remoteKey string) PushSecret { return p.Data("", remoteKey, "") }

// DataTo adds an entry for all keys of the source that match pattern, each rewritten. With remoteKey they go into one secret.
func (p PushSecret) DataTo(store, pattern, remoteKey string, rewrite ...esv1alpha1.PushSecretRewrite) PushSecret {
	p.Spec.DataTo = append(p.Spec.DataTo, esv1alpha1.PushSecretDataTo{
		StoreRef: esv1alpha1.PushSecretStoreRef{Name: store}, RemoteKey: remoteKey, Rewrite: rewrite,
		Match: &esv1alpha1.PushSecretDataToMatch{RegExp: pattern},
	})
	return p
}

// Every sets the refresh interval.
func (p PushSecret) Every(interval time.Duration) PushSecret {
	p.Spec.RefreshInterval = &metav1.Duration{Duration: interval}
	return p
}

// Update sets the update policy.
func (p PushSecret) Update(policy esv1alpha1.PushSecretUpdatePolicy) PushSecret {
	p.Spec.UpdatePolicy = policy
	return p
}

// Deletion sets the deletion policy.
func (p PushSecret) Deletion(policy esv1alpha1.PushSecretDeletionPolicy) PushSecret {
	p.Spec.DeletionPolicy = policy
	return p
}

// Template sets the template of one key of the source.
func (p PushSecret) Template(key, text string) PushSecret {
	if p.Spec.Template == nil {
		p.Spec.Template = &esv1.ExternalSecretTemplate{Data: map[string]string{}}
	}
	p.Spec.Template.Data[key] = text
	return p
}

// Annotate sets an annotation.
func (p PushSecret) Annotate(key, value string) PushSecret {
	metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value)
	return p
}
