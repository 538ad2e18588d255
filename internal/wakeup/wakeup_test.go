package wakeup_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

func TestKeys(t *testing.T) {
	generator := func(kind string) string {
		return wakeup.GeneratorKey(esv1.GeneratorRef{Kind: kind, Name: "one"}, "app")
	}
	tests := []struct{ reason, got, want string }{
		{"kind, namespace and name", wakeup.Key("Secret", "app", "one"), "Secret/app/one"},
		{"a store is one of the namespace", wakeup.StoreKey("SecretStore", "app", "one"), "SecretStore/app/one"},
		{"a cluster store is the same one for all", wakeup.StoreKey("ClusterSecretStore", "app", "one"), "ClusterSecretStore//one"},
		{"a generator is one of the namespace", generator("Password"), "Password/app/one"},
		{"a cluster generator is the same one for all", generator("ClusterGenerator"), "ClusterGenerator//one"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestTemplateSources(t *testing.T) {
	config, secret := &esv1.TemplateRef{Name: "c"}, &esv1.TemplateRef{Name: "s"}
	tests := []struct {
		reason   string
		template *esv1.ExternalSecretTemplate
		want     []wakeup.TemplateSource
	}{
		{reason: "no template"},
		{reason: "a template without sources", template: &esv1.ExternalSecretTemplate{Data: map[string]string{"a": "b"}}},
		{
			reason: "sources of both kinds, in their order, and literals between them",
			template: &esv1.ExternalSecretTemplate{TemplateFrom: []esv1.TemplateFrom{
				{Secret: secret}, {Literal: new("{{ .a }}")}, {ConfigMap: config},
			}},
			want: []wakeup.TemplateSource{{Kind: "Secret", Name: "s"}, {Kind: "ConfigMap", Name: "c"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, wakeup.TemplateSources(tt.template)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// cluster holds ExternalSecrets that are indexed by their annotations: each value is the Key of something that they refer to.
func cluster(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).
		WithIndex(&esv1.ExternalSecret{}, wakeup.Index, func(o client.Object) []string {
			var keys []string
			for _, key := range o.GetAnnotations() {
				keys = append(keys, key)
			}
			return keys
		}).
		WithIndex(&esv1.ClusterSecretStore{}, wakeup.Index, wakeup.StoreReferences).
		WithIndex(&genv1alpha1.ClusterGenerator{}, wakeup.Index, wakeup.GeneratorReferences).
		WithIndex(&genv1alpha1.MFA{}, wakeup.Index, wakeup.GeneratorReferences).Build()
}

// referrer is an ExternalSecret that refers to what has the given keys.
func referrer(namespace, name string, keys ...string) client.Object {
	annotations := map[string]string{}
	for i, key := range keys {
		annotations[string(rune('a'+i))] = key
	}
	return &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations}}
}

// woken returns the names of what is enqueued when changed appears, sorted.
func woken(t *testing.T, reader client.Reader, kind string, changed client.Object) []string {
	t.Helper()
	return wokenBy(t, wakeup.Handler(reader, kind, &esv1.ExternalSecretList{}), changed)
}

func wokenBy(t *testing.T, h handler.EventHandler, changed client.Object) []string {
	t.Helper()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	h.Create(t.Context(), event.CreateEvent{Object: changed}, queue)
	var names []string
	for queue.Len() > 0 {
		request, _ := queue.Get()
		queue.Done(request)
		names = append(names, request.String())
	}
	slices.Sort(names)
	return names
}

func TestHandler(t *testing.T) {
	c := cluster(t, interceptor.Funcs{},
		referrer("app", "by-name", "SecretStore/app/one"),
		referrer("app", "by-label", "SecretStore/app/*"),
		referrer("app", "both", "SecretStore/app/one", "SecretStore/app/*"),
		referrer("app", "another", "SecretStore/app/two"),
		referrer("app", "cluster-store", "ClusterSecretStore//one"),
		referrer("other", "by-name", "SecretStore/other/one"),
		referrer("other", "cluster-store", "ClusterSecretStore//one"),
	)
	store := func(namespace, name string) client.Object {
		return &esv1.SecretStore{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	tests := []struct {
		reason, kind string
		changed      client.Object
		want         []string
	}{
		{
			"what names it or selects it, in its namespace, each once", "SecretStore", store("app", "one"),
			[]string{"app/both", "app/by-label", "app/by-name"},
		},
		{"a name that only selectors reach", "SecretStore", store("app", "three"), []string{"app/both", "app/by-label"}},
		{
			"what is cluster-scoped is referred to from everywhere", "ClusterSecretStore", store("", "one"),
			[]string{"app/cluster-store", "other/cluster-store"},
		},
		{"another kind of the same name is nobody's business", "Password", store("app", "one"), nil},
		{"nobody refers to it", "SecretStore", store("third", "one"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := woken(t, c, tt.kind, tt.changed); !slices.Equal(got, tt.want) {
				t.Errorf("woke %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHandlerSurvivesAFailingRead(t *testing.T) {
	c := cluster(t, interceptor.Funcs{
		List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			options := (&client.ListOptions{}).ApplyOptions(opts)
			if options.FieldSelector.String() == wakeup.Index+"=Secret/app/one" {
				return errors.New("not now")
			}
			return inner.List(ctx, list, opts...)
		},
	}, referrer("app", "by-name", "Secret/app/one"), referrer("app", "by-label", "Secret/app/*"))
	changed := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "one"}}
	if got := woken(t, c, "Secret", changed); !slices.Equal(got, []string{"app/by-label"}) {
		t.Errorf("woke %q, want what could be found all the same", got)
	}
}

func TestMetadata(t *testing.T) {
	if got, want := wakeup.Metadata(wakeup.KindConfigMap).GroupVersionKind(), corev1.SchemeGroupVersion.WithKind("ConfigMap"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
