package generatortest

import (
	"context"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

var _ generators.Resolver = Resolver{}

// Resolver resolves the references of a generator under test.
type Resolver struct {
	// Secrets are the values by the name of the Secret and the key.
	Secrets map[string]map[string]string
	// Labels are those of the Secrets, each as name: value, by the name of the Secret.
	Labels map[string]string
	// Authority is the PEM of whatever certificate authority a spec names.
	Authority []byte
}

// SecretKey returns the value of one key of a Secret.
func (r Resolver) SecretKey(_ context.Context, ref metametav1.SecretKeySelector) ([]byte, error) {
	value, ok := r.Secrets[ref.Name][ref.Key]
	if !ok {
		return nil, fault.New(fault.Denied, "secret %q has no key %q", ref.Name, ref.Key)
	}
	return []byte(value), nil
}

// LabelledSecret returns all values of a Secret that has the label.
func (r Resolver) LabelledSecret(_ context.Context, ref metametav1.SecretKeySelector, label, value string) (map[string][]byte, error) {
	if want := label + ": " + value; r.Labels[ref.Name] != want {
		return nil, fault.New(fault.Denied, "secret %q lacks the label %s", ref.Name, want)
	}
	data := map[string][]byte{}
	for key, text := range r.Secrets[ref.Name] {
		data[key] = []byte(text)
	}
	return data, nil
}

// CABundle returns bundle, or else the authority where one is asked for.
func (r Resolver) CABundle(_ context.Context, bundle []byte, provider *esv1.CAProvider) ([]byte, error) {
	if len(bundle) > 0 || provider == nil {
		return bundle, nil
	}
	return r.Authority, nil
}
