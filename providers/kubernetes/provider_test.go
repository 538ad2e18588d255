package kubernetes_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/kubernetes"
)

var (
	namespaced = providers.Store{Kind: esv1.KindSecretStore, Namespace: "team", Name: "store"}
	cluster    = providers.Store{Kind: esv1.KindClusterSecretStore, Name: "store"}
)

// errReached is what the resolver answers when validation has let a spec through.
var errReached = errors.New("the resolver was reached")

type refusingResolver struct{}

func (refusingResolver) SecretKey(context.Context, metametav1.SecretKeySelector) ([]byte, error) {
	return nil, errReached
}

func (refusingResolver) ServiceAccountToken(context.Context, metametav1.ServiceAccountSelector) (providers.Token, error) {
	return providers.Token{}, errReached
}

func (refusingResolver) CABundle(context.Context, []byte, *esv1.CAProvider) ([]byte, error) {
	return nil, nil
}

func TestOpenValidatesTheSpec(t *testing.T) {
	pem, _, err := certutil.GenerateSelfSignedCertKey("example.com", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := func(name, key, namespace string) metametav1.SecretKeySelector {
		return metametav1.SecretKeySelector{Name: name, Key: key, Namespace: &namespace}
	}
	account := func(name, namespace string) *esv1.KubernetesAuth {
		return &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: name, Namespace: &namespace}}
	}
	token := func(s metametav1.SecretKeySelector) *esv1.KubernetesAuth {
		return &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{BearerToken: s}}
	}
	cert := func(cert, key metametav1.SecretKeySelector) *esv1.KubernetesAuth {
		return &esv1.KubernetesAuth{Cert: &esv1.KubernetesCertAuth{ClientCert: cert, ClientKey: key}}
	}
	authority := func(name string, namespace string) esv1.KubernetesServer {
		return esv1.KubernetesServer{CAProvider: &esv1.CAProvider{Type: esv1.CAProviderConfigMap, Name: name, Namespace: &namespace}}
	}
	bundle := func(content []byte) esv1.KubernetesServer { return esv1.KubernetesServer{CABundle: content} }
	both := account("a", "")
	both.Token = token(key("n", "k", "")).Token
	ref := key("n", "k", "")
	bad := key("", "k", "")

	for _, tc := range []struct {
		reason string
		store  providers.Store
		spec   esv1.KubernetesProvider
		want   string
	}{
		{reason: "no identity", store: namespaced, want: "auth must be set (or authRef, with a kubeconfig)"},
		{
			reason: "an empty identity", store: namespaced, spec: esv1.KubernetesProvider{Auth: &esv1.KubernetesAuth{}},
			want: "auth must have one of serviceAccount, token and cert",
		},
		{
			reason: "two identities", store: namespaced, spec: esv1.KubernetesProvider{Auth: both},
			want: "auth must have only one of serviceAccount, token and cert",
		},
		{
			reason: "auth beside authRef", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("a", ""), AuthRef: &ref},
			want: "auth and authRef cannot both be set",
		},
		{
			reason: "authRef without name", store: namespaced, spec: esv1.KubernetesProvider{AuthRef: &bad},
			want: "authRef.name must not be empty",
		},
		{reason: "authRef alone", store: namespaced, spec: esv1.KubernetesProvider{AuthRef: &ref}},
		{
			reason: "token without name", store: namespaced, spec: esv1.KubernetesProvider{Auth: token(key("", "k", ""))},
			want: "auth.token.bearerToken.name must not be empty",
		},
		{
			reason: "token without key", store: namespaced, spec: esv1.KubernetesProvider{Auth: token(key("n", "", ""))},
			want: "auth.token.bearerToken.key must not be empty",
		},
		{
			reason: "certificate without name", store: namespaced, spec: esv1.KubernetesProvider{Auth: cert(key("", "k", ""), key("n", "k", ""))},
			want: "auth.cert.clientCert.name must not be empty",
		},
		{
			reason: "certificate's key without key", store: namespaced,
			spec: esv1.KubernetesProvider{Auth: cert(key("n", "k", ""), key("n", "", ""))},
			want: "auth.cert.clientKey.key must not be empty",
		},
		{
			reason: "account without name", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("", "")},
			want: "auth.serviceAccount.name must not be empty",
		},
		{reason: "own namespace", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("a", "team")}},
		{
			reason: "foreign namespace of an account", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("a", "other")},
			want: "auth.serviceAccount.namespace must be empty or the namespace of the SecretStore",
		},
		{
			reason: "foreign namespace of a secret", store: namespaced, spec: esv1.KubernetesProvider{Auth: token(key("n", "k", "other"))},
			want: "auth.token.bearerToken.namespace must be empty or the namespace of the SecretStore",
		},
		{reason: "a cluster store may name any namespace", store: cluster, spec: esv1.KubernetesProvider{Auth: account("a", "other")}},
		{reason: "a cluster store may name none", store: cluster, spec: esv1.KubernetesProvider{Auth: token(key("n", "k", ""))}},
		{
			reason: "bundle of rubbish", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("a", ""), Server: bundle([]byte("s3cr3t"))},
			want: "server.caBundle holds no certificate in PEM or in Base64 of PEM",
		},
		{reason: "bundle in PEM", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("a", ""), Server: bundle(pem)}},
		{
			reason: "bundle in Base64 of PEM",
			store:  namespaced,
			spec:   esv1.KubernetesProvider{Auth: account("a", ""), Server: bundle([]byte(base64.StdEncoding.EncodeToString(pem) + "\n"))},
		},
		{
			reason: "authority without name", store: namespaced, spec: esv1.KubernetesProvider{Auth: account("a", ""), Server: authority("", "")},
			want: "server.caProvider.name must not be empty",
		},
		{
			reason: "authority of a cluster store without namespace", store: cluster,
			spec: esv1.KubernetesProvider{Auth: account("a", ""), Server: authority("ca", "")},
			want: "server.caProvider.namespace must not be empty in a ClusterSecretStore",
		},
		{
			reason: "authority of a store with namespace", store: namespaced,
			spec: esv1.KubernetesProvider{Auth: account("a", ""), Server: authority("ca", "team")},
			want: "server.caProvider.namespace must be empty in a SecretStore: its own namespace counts",
		},
		{
			reason: "bad URL", store: namespaced,
			spec: esv1.KubernetesProvider{Auth: account("a", ""), Server: esv1.KubernetesServer{URL: "ftp://x"}},
			want: "server.url must begin with https://",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			env := providers.Env{Store: tc.store, Resolver: refusingResolver{}, Clock: realClock}
			provider := kubernetes.New(&rest.Config{Host: "https://local"})
			_, err := provider.Open(t.Context(), &esv1.SecretStoreProvider{Kubernetes: &tc.spec}, env)
			if tc.want == "" {
				if !errors.Is(err, errReached) {
					t.Errorf("Open gives %v, want the spec to be accepted", err)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || err.Error() != "spec.provider.kubernetes."+tc.want {
				t.Errorf("Open gives %v, want spec.provider.kubernetes.%s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Error("the error quotes a value")
			}
		})
	}
}
