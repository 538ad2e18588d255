package credentials

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// CABundle returns the PEM of a certificate authority: bundle, or else what provider names; nil when both are empty.
// Each may be Base64 of the PEM. What holds no certificate is fault.Invalid.
func (r *Resolver) CABundle(ctx context.Context, bundle []byte, provider *esv1.CAProvider) ([]byte, error) {
	if len(bundle) > 0 {
		return certificates(bundle, "caBundle")
	}
	if provider == nil {
		return nil, nil
	}
	noun, read := "secret", r.secretKey
	switch provider.Type {
	case esv1.CAProviderSecret:
	case esv1.CAProviderConfigMap:
		noun, read = "config map", r.configMapKey
	default:
		return nil, fault.New(fault.Invalid, "caProvider.type is %q, it must be Secret or ConfigMap", provider.Type)
	}
	if provider.Name == "" || provider.Key == "" {
		return nil, fault.New(fault.Invalid, "caProvider needs a name and a key (name %q, key %q)", provider.Name, provider.Key)
	}
	namespace, err := r.referrer.caNamespace(provider.Namespace, fmt.Sprintf("%s %q", noun, provider.Name))
	if err != nil {
		return nil, err
	}
	text, err := read(ctx, namespace, provider.Name, provider.Key)
	if err != nil {
		return nil, err
	}
	return certificates(text, fmt.Sprintf("caProvider: key %q of %s %q", provider.Key, noun, namespace+"/"+provider.Name))
}

// certificates returns text, decoded if it is Base64, when at least one certificate in it can be read.
func certificates(text []byte, where string) ([]byte, error) {
	candidates := [][]byte{text}
	if decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text))); err == nil {
		candidates = append(candidates, decoded)
	}
	for _, pem := range candidates {
		if x509.NewCertPool().AppendCertsFromPEM(pem) {
			return pem, nil
		}
	}
	return nil, fault.New(fault.Invalid, "%s holds no certificate in PEM", where)
}
