package wakeup_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// mfas is a registry of one kind of generator, which has references.
func mfas(t *testing.T) *generators.Registry {
	t.Helper()
	registry, err := generators.NewRegistry(generators.Define(genv1alpha1.KindMFA,
		func(o *genv1alpha1.MFA) *genv1alpha1.MFASpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.MFASpec { return u.MFASpec },
		func(context.Context, *genv1alpha1.MFASpec, generators.Env) (generators.Result, error) {
			return generators.Result{}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func seededBy(secret string) genv1alpha1.MFASpec {
	return genv1alpha1.MFASpec{Secret: metametav1.SecretKeySelector{Name: secret, Key: "seed"}}
}

func mfa(namespace, name, secret string) client.Object {
	return &genv1alpha1.MFA{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: seededBy(secret)}
}

func TestGeneratorReferences(t *testing.T) {
	spec := seededBy("seed")
	tests := []struct {
		reason string
		object client.Object
		want   []string
	}{
		{"a generator looks in its own namespace", mfa("app", "m", "seed"), []string{"Secret/app/seed"}},
		{"a ClusterGenerator in that of its users", &genv1alpha1.ClusterGenerator{
			ObjectMeta: metav1.ObjectMeta{Name: "m"},
			Spec:       genv1alpha1.ClusterGeneratorSpec{Generator: genv1alpha1.GeneratorSpec{MFASpec: &spec}},
		}, []string{"Secret//seed"}},
		{"Secrets in a list, and a ConfigMap", &genv1alpha1.Webhook{
			ObjectMeta: metav1.ObjectMeta{Namespace: "app"}, Spec: genv1alpha1.WebhookSpec{
				Secrets: []genv1alpha1.WebhookSecret{
					{SecretRef: metametav1.SecretKeySelector{Name: "a"}}, {SecretRef: metametav1.SecretKeySelector{Name: "b"}},
				},
				CAProvider: &esv1.CAProvider{Type: esv1.CAProviderConfigMap, Name: "ca"},
			},
		}, []string{"Secret/app/a", "Secret/app/b", "ConfigMap/app/ca"}},
		{"most refer to nothing", &genv1alpha1.Password{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "p"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := wakeup.GeneratorReferences(tt.object); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGeneratorUsers(t *testing.T) {
	spec := seededBy("seed")
	c := cluster(t, interceptor.Funcs{},
		mfa("app", "mine", "seed"), mfa("app", "else", "else"), mfa("other", "mine", "seed"),
		&genv1alpha1.ClusterGenerator{
			ObjectMeta: metav1.ObjectMeta{Name: "shared"},
			Spec:       genv1alpha1.ClusterGeneratorSpec{Generator: genv1alpha1.GeneratorSpec{MFASpec: &spec}},
		},
		referrer("app", "user", "MFA/app/mine"),
		referrer("app", "else", "MFA/app/else"),
		referrer("app", "cluster-user", "ClusterGenerator//shared"),
		referrer("other", "user", "MFA/other/mine"),
		referrer("other", "cluster-user", "ClusterGenerator//shared"),
		referrer("far", "cluster-user", "ClusterGenerator//shared"),
	)
	tests := []struct {
		reason, namespace, name string
		want                    []string
	}{
		{"who uses the generators that refer to it", "app", "seed", []string{"app/cluster-user", "app/user"}},
		{"each in its own namespace", "other", "seed", []string{"other/cluster-user", "other/user"}},
		{"a ClusterGenerator alone", "far", "seed", []string{"far/cluster-user"}},
		{"another Secret wakes others", "app", "else", []string{"app/else"}},
		{"one that nobody refers to concerns nobody", "app", "nothing", nil},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			handler := wakeup.GeneratorUsers(c, wakeup.KindSecret, mfas(t), &esv1.ExternalSecretList{})
			changed := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: tt.namespace, Name: tt.name}}
			if got := wokenBy(t, handler, changed); !slices.Equal(got, tt.want) {
				t.Errorf("woke %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGeneratorUsersAreWokenThoughOneKindCannotBeListed(t *testing.T) {
	c := cluster(t, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, ok := list.(*genv1alpha1.ClusterGeneratorList); ok {
				return errors.New("not now")
			}
			return c.List(ctx, list, options...)
		},
	}, mfa("app", "mine", "seed"), referrer("app", "user", "MFA/app/mine"))
	handler := wakeup.GeneratorUsers(c, wakeup.KindSecret, mfas(t), &esv1.ExternalSecretList{})
	changed := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "seed"}}
	if got := wokenBy(t, handler, changed); !slices.Equal(got, []string{"app/user"}) {
		t.Errorf("woke %q", got)
	}
}
