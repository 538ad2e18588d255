package wakeup_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// withToken is the spec of a store that takes its token from a Secret in the given namespace.
func withToken(namespace *string) esv1.SecretStoreSpec {
	token := metametav1.SecretKeySelector{Name: "token", Namespace: namespace, Key: "token"}
	return esv1.SecretStoreSpec{Provider: &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{
		Auth: &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{BearerToken: token}},
	}}}
}

func clusterStore(name string, spec esv1.SecretStoreSpec) *esv1.ClusterSecretStore {
	return &esv1.ClusterSecretStore{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

func TestStoreReferences(t *testing.T) {
	namespaced := &esv1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "s"}, Spec: withToken(new("elsewhere")),
	}
	tests := []struct {
		reason string
		object client.Object
		want   []string
	}{
		{"a SecretStore looks in its own namespace alone", namespaced, []string{"Secret/app/token"}},
		{"a ClusterSecretStore names a namespace", clusterStore("s", withToken(new("vault"))), []string{"Secret/vault/token"}},
		{"or leaves it to its users", clusterStore("s", withToken(nil)), []string{"Secret//token"}},
		{"a store without a provider refers to nothing", clusterStore("s", esv1.SecretStoreSpec{}), nil},
		{"what is no store is not indexed", &corev1.Secret{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := wakeup.StoreReferences(tt.object); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLenders(t *testing.T) {
	c := cluster(t, interceptor.Funcs{},
		clusterStore("lent", withToken(nil)),
		clusterStore("own", withToken(new("vault"))),
		referrer("app", "lender", "ClusterSecretStore//lent"),
		referrer("app", "other-store", "ClusterSecretStore//own"),
		referrer("other", "lender", "ClusterSecretStore//lent"),
	)
	secret := func(namespace, name string) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	tests := []struct {
		reason string
		secret client.Object
		want   []string
	}{
		{"who lends this Secret to a store, in its namespace", secret("app", "token"), []string{"app/lender"}},
		{"who lends one of the same name in another namespace", secret("other", "token"), []string{"other/lender"}},
		{"a store that has its own Secret concerns its users only through its status", secret("vault", "token"), nil},
		{"another Secret concerns nobody", secret("app", "else"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := wokenBy(t, wakeup.Lenders(c, &esv1.ExternalSecretList{}), tt.secret); !slices.Equal(got, tt.want) {
				t.Errorf("woke %q, want %q", got, tt.want)
			}
		})
	}
}

func TestResidents(t *testing.T) {
	c := cluster(t, interceptor.Funcs{}, referrer("app", "one"), referrer("app", "two"), referrer("other", "one"))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "app"}}
	if got := wokenBy(t, wakeup.Residents(c, &esv1.ExternalSecretList{}), namespace); !slices.Equal(got, []string{"app/one", "app/two"}) {
		t.Errorf("woke %q, want what is in the namespace", got)
	}
}
