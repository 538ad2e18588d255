package kubernetes

import (
	"crypto/x509"
	"encoding/base64"
	"strings"

	"k8s.io/client-go/rest"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// specPath is the path of the provider's part of a store's spec, as messages name it.
const specPath = "spec.provider.kubernetes"

// New returns the provider. local is the connection to the API server that the operator talks to; address, certificate
// authority, dialer and proxy are taken from it, never its credentials. It must not change afterwards.
func New(local *rest.Config) providers.Provider {
	o := opener{local: rest.AnonymousClientConfig(local)}
	return providers.Define("kubernetes", func(p *esv1.SecretStoreProvider) *esv1.KubernetesProvider { return p.Kubernetes }, o.open,
		providers.Validate(validate),
		providers.Capabilities[esv1.KubernetesProvider](esv1.CapabilityReadWrite),
		providers.MetricName[esv1.KubernetesProvider]("Kubernetes"))
}

func validate(spec *esv1.KubernetesProvider, store providers.Store) error {
	if spec.AuthRef != nil {
		if spec.Auth != nil {
			return invalid("auth", "and authRef cannot both be set")
		}
		return validateSelector(*spec.AuthRef, "authRef", store)
	}
	if err := validateServer(spec.Server, store); err != nil {
		return err
	}
	return validateAuth(spec.Auth, store)
}

func validateServer(server esv1.KubernetesServer, store providers.Store) error {
	if _, err := parseServer(server.URL, specPath+".server.url"); err != nil {
		return err
	}
	if len(server.CABundle) > 0 && !hasCertificate(server.CABundle) {
		return invalid("server.caBundle", "holds no certificate in PEM or in Base64 of PEM")
	}
	if server.CAProvider == nil {
		return nil
	}
	namespace := server.CAProvider.Namespace
	switch {
	case server.CAProvider.Name == "":
		return invalid("server.caProvider.name", "must not be empty")
	case store.IsCluster() && (namespace == nil || *namespace == ""):
		return invalid("server.caProvider.namespace", "must not be empty in a ClusterSecretStore")
	case !store.IsCluster() && namespace != nil && *namespace != "":
		return invalid("server.caProvider.namespace", "must be empty in a SecretStore: its own namespace counts")
	}
	return nil
}

func validateAuth(auth *esv1.KubernetesAuth, store providers.Store) error {
	if auth == nil {
		return invalid("auth", "must be set (or authRef, with a kubeconfig)")
	}
	if countTrue(auth.Cert != nil, auth.Token != nil, auth.ServiceAccount != nil) > 1 {
		return invalid("auth", "must have only one of serviceAccount, token and cert")
	}
	switch {
	case auth.Cert != nil:
		if err := validateSelector(auth.Cert.ClientCert, "auth.cert.clientCert", store); err != nil {
			return err
		}
		return validateSelector(auth.Cert.ClientKey, "auth.cert.clientKey", store)
	case auth.Token != nil:
		return validateSelector(auth.Token.BearerToken, "auth.token.bearerToken", store)
	case auth.ServiceAccount != nil:
		if auth.ServiceAccount.Name == "" {
			return invalid("auth.serviceAccount.name", "must not be empty")
		}
		return validateNamespace(auth.ServiceAccount.Namespace, "auth.serviceAccount", store)
	default:
		return invalid("auth", "must have one of serviceAccount, token and cert")
	}
}

func countTrue(conditions ...bool) (n int) {
	for _, condition := range conditions {
		if condition {
			n++
		}
	}
	return n
}

func validateSelector(selector metametav1.SecretKeySelector, path string, store providers.Store) error {
	if selector.Name == "" {
		return invalid(path+".name", "must not be empty")
	}
	if selector.Key == "" {
		return invalid(path+".key", "must not be empty")
	}
	return validateNamespace(selector.Namespace, path, store)
}

func validateNamespace(namespace *string, path string, store providers.Store) error {
	if store.IsCluster() || namespace == nil || *namespace == "" || *namespace == store.Namespace {
		return nil
	}
	return invalid(path+".namespace", "must be empty or the namespace of the SecretStore")
}

// hasCertificate reports whether bundle, which may be Base64 of the PEM, holds at least one certificate.
func hasCertificate(bundle []byte) bool {
	if pem, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(bundle))); err == nil {
		bundle = pem
	}
	return x509.NewCertPool().AppendCertsFromPEM(bundle)
}

func invalid(path, problem string) error {
	return fault.New(fault.Invalid, "%s.%s %s", specPath, path, problem)
}
