package gen

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// ExternalSecret is an ExternalSecret in the making. Each method changes it and returns it.
type ExternalSecret struct {
	*esv1.ExternalSecret
}

// NewExternalSecret returns an ExternalSecret of the given name that asks for nothing yet.
func NewExternalSecret(name string) ExternalSecret {
	return ExternalSecret{&esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Name: name}}}
}

// Store sets the SecretStore of every entry that names none.
func (e ExternalSecret) Store(name string) ExternalSecret {
	e.Spec.SecretStoreRef = esv1.SecretStoreRef{Name: name}
	return e
}

// ClusterStore sets the ClusterSecretStore of every entry that names none.
func (e ExternalSecret) ClusterStore(name string) ExternalSecret {
	e.Spec.SecretStoreRef = esv1.SecretStoreRef{Name: name, Kind: esv1.KindClusterSecretStore}
	return e
}

// Data adds an entry: the property of the secret remoteKey becomes the key secretKey.
func (e ExternalSecret) Data(secretKey, remoteKey, property string) ExternalSecret {
	e.Spec.Data = append(e.Spec.Data, esv1.ExternalSecretData{
		SecretKey: secretKey, RemoteRef: esv1.ExternalSecretDataRemoteRef{Key: remoteKey, Property: property},
	})
	return e
}

// Extract adds every key of the secret remoteKey.
func (e ExternalSecret) Extract(remoteKey string) ExternalSecret {
	e.Spec.DataFrom = append(e.Spec.DataFrom, esv1.ExternalSecretDataFromRemoteRef{
		Extract: &esv1.ExternalSecretDataRemoteRef{Key: remoteKey},
	})
	return e
}

// Generate adds the values of a generator of the same namespace, with its keys changed by rewrite.
func (e ExternalSecret) Generate(kind, name string, rewrite ...esv1.ExternalSecretRewrite) ExternalSecret {
	e.Spec.DataFrom = append(e.Spec.DataFrom, esv1.ExternalSecretDataFromRemoteRef{
		SourceRef: &esv1.StoreGeneratorSourceRef{GeneratorRef: GeneratorRef(kind, name)}, Rewrite: rewrite,
	})
	return e
}

// GeneratorRef returns a reference to a generator.
func GeneratorRef(kind, name string) *esv1.GeneratorRef {
	return &esv1.GeneratorRef{APIVersion: genv1alpha1.GroupVersion().String(), Kind: kind, Name: name}
}

// Every sets the refresh interval.
func (e ExternalSecret) Every(interval time.Duration) ExternalSecret {
	e.Spec.RefreshInterval = &metav1.Duration{Duration: interval}
	return e
}

// Policy sets the refresh policy.
func (e ExternalSecret) Policy(policy esv1.ExternalSecretRefreshPolicy) ExternalSecret {
	e.Spec.RefreshPolicy = policy
	return e
}

// Target sets the name of the target.
func (e ExternalSecret) Target(name string) ExternalSecret {
	e.Spec.Target.Name = name
	return e
}

// Creation sets the creation policy.
func (e ExternalSecret) Creation(policy esv1.ExternalSecretCreationPolicy) ExternalSecret {
	e.Spec.Target.CreationPolicy = policy
	return e
}

// Deletion sets the deletion policy.
func (e ExternalSecret) Deletion(policy esv1.ExternalSecretDeletionPolicy) ExternalSecret {
	e.Spec.Target.DeletionPolicy = policy
	return e
}

// Manifest sets the kind of the target.
func (e ExternalSecret) Manifest(apiVersion, kind string) ExternalSecret {
	e.Spec.Target.Manifest = &esv1.ManifestReference{APIVersion: apiVersion, Kind: kind}
	return e
}

// Literal adds a template of keys and values, or of the field that target is the path of.
func (e ExternalSecret) Literal(target, text string) ExternalSecret {
	if e.Spec.Target.Template == nil {
		e.Spec.Target.Template = &esv1.ExternalSecretTemplate{}
	}
	e.Spec.Target.Template.TemplateFrom = append(e.Spec.Target.Template.TemplateFrom, esv1.TemplateFrom{Target: target, Literal: &text})
	return e
}

// Immutable makes the target immutable.
func (e ExternalSecret) Immutable() ExternalSecret {
	e.Spec.Target.Immutable = true
	return e
}

// Template sets the template of one key of the target.
func (e ExternalSecret) Template(key, text string) ExternalSecret {
	if e.Spec.Target.Template == nil {
		e.Spec.Target.Template = &esv1.ExternalSecretTemplate{}
	}
	if e.Spec.Target.Template.Data == nil {
		e.Spec.Target.Template.Data = map[string]string{}
	}
	e.Spec.Target.Template.Data[key] = text
	return e
}

// Label sets a label.
func (e ExternalSecret) Label(key, value string) ExternalSecret {
	metav1.SetMetaDataLabel(&e.ObjectMeta, key, value)
	return e
}

// Annotate sets an annotation.
func (e ExternalSecret) Annotate(key, value string) ExternalSecret {
	metav1.SetMetaDataAnnotation(&e.ObjectMeta, key, value)
	return e
}

// Rename is a rewrite that replaces what matches source in each key.
func Rename(source, target string) esv1.ExternalSecretRewrite {
	return esv1.ExternalSecretRewrite{Regexp: &esv1.ExternalSecretRewriteRegexp{Source: source, Target: target}}
}

// TemplateFrom adds keys of a ConfigMap as templates.
func (e ExternalSecret) TemplateFrom(configMap string, keys ...string) ExternalSecret {
	ref := &esv1.TemplateRef{Name: configMap, Items: []esv1.TemplateRefItem{}}
	for _, key := range keys {
		ref.Items = append(ref.Items, esv1.TemplateRefItem{Key: key})
	}
	if e.Spec.Target.Template == nil {
		e.Spec.Target.Template = &esv1.ExternalSecretTemplate{}
	}
	e.Spec.Target.Template.TemplateFrom = append(e.Spec.Target.Template.TemplateFrom, esv1.TemplateFrom{ConfigMap: ref})
	return e
}
