package catalog_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/catalog"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/stores"
)

// home is where an object is, or what uses it; away is another namespace.
const (
	home = "home"
	away = "away"
)

// reference is a place in a spec that can point to an object with a namespace.
type reference struct {
	path string
	// reach returns that place in a value of the spec's type, and makes what is missing on the way.
	reach func(root reflect.Value) reflect.Value
}

// references finds all places of a type, below the place that reach finds.
func references(path string, t reflect.Type, reach func(reflect.Value) reflect.Value) []reference {
	switch t {
	case reflect.TypeFor[metametav1.SecretKeySelector](), reflect.TypeFor[metametav1.ServiceAccountSelector](), reflect.TypeFor[esv1.CAProvider]():
		return []reference{{path, reach}}
	}
	var all []reference
	switch t.Kind() {
	case reflect.Pointer:
		return references(path, t.Elem(), func(root reflect.Value) reflect.Value {
			v := reach(root)
			if v.IsNil() {
				v.Set(reflect.New(t.Elem()))
			}
			return v.Elem()
		})
	case reflect.Slice:
		return references(path+"[0]", t.Elem(), func(root reflect.Value) reflect.Value {
			v := reach(root)
			if v.Len() == 0 {
				v.Set(reflect.MakeSlice(t, 1, 1))
			}
			return v.Index(0)
		})
	case reflect.Struct:
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			all = append(all, references(path+"."+name, field.Type, func(root reflect.Value) reflect.Value {
				return reach(root).FieldByIndex(field.Index)
			})...)
		}
	default:
		// Nothing else holds a reference: internal/credentials has a test for what looks like one.
	}
	return all
}

// point lets a reference point to a namespace, empty for none.
func point(at reflect.Value, namespace string) {
	var where *string
	if namespace != "" {
		where = &namespace
	}
	switch at.Interface().(type) {
	case metametav1.SecretKeySelector:
		at.Set(reflect.ValueOf(metametav1.SecretKeySelector{Name: "creds", Namespace: where, Key: "k"}))
	case metametav1.ServiceAccountSelector:
		at.Set(reflect.ValueOf(metametav1.ServiceAccountSelector{Name: "creds", Namespace: where}))
	case esv1.CAProvider:
		at.Set(reflect.ValueOf(esv1.CAProvider{Type: esv1.CAProviderSecret, Name: "creds", Namespace: where, Key: "k"}))
	}
}

// complete lets the selectors beside a reference, without which a spec is refused before anything is read, point home.
func complete(v reflect.Value, namespace string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			complete(v.Elem(), namespace)
		}
	case reflect.Struct:
		if _, ok := reflect.TypeAssert[metametav1.SecretKeySelector](v); ok && v.IsZero() {
			point(v, namespace)
			return
		}
		for _, field := range v.Fields() {
			complete(field, namespace)
		}
	default:
	}
}

// world is a cluster in which nothing exists but the objects that refer, and which notes what is read for them.
type world struct {
	client.Client

	// read are the namespaces of what was read, or requested, for a reference.
	read []string
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			switch o.(type) {
			case *corev1.Secret, *corev1.ConfigMap:
				w.read = append(w.read, key.Namespace)
			}
			return c.Get(ctx, key, o, opts...)
		},
		SubResourceCreate: func(
			ctx context.Context, c client.Client, name string, o, sub client.Object, opts ...client.SubResourceCreateOption,
		) error {
			w.read = append(w.read, o.GetNamespace())
			return c.SubResource(name).Create(ctx, o, sub, opts...)
		},
	}).Build()
	return w
}

// open lets a store of the given kind with this provider be used from home.
func (w *world) open(t *testing.T, kind string) error {
	t.Helper()
	registry, err := catalog.Providers(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	pool := stores.NewPool(stores.Config{Reader: w, Providers: registry, Credentials: credentials.New(w, w), Clock: clock.RealClock{}})
	defer pool.Close(t.Context())
	session, err := pool.Open(t.Context(), home, esv1.SecretStoreRef{Kind: kind, Name: "store"})
	if err != nil {
		return err
	}
	_, err = session.Check(t.Context())
	return err
}

// bases are specs that are complete without the reference under test: where it stands beside the credentials.
func bases() []esv1.SecretStoreProvider {
	all := []esv1.SecretStoreProvider{
		{},
		{BeyondtrustWorkloadCredentials: &esv1.BeyondtrustWorkloadCredentialsProvider{
			Server: esv1.BeyondtrustWorkloadCredentialsServer{APIURL: "https://127.0.0.1:1", SiteID: "a1b2c3d4-e5f6-7890-abcd-ef1234567890"},
		}},
		{Kubernetes: &esv1.KubernetesProvider{Auth: &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{}}}},
	}
	value := func() *esv1.BeyondtrustValue { return &esv1.BeyondtrustValue{Value: "value"} }
	for _, auth := range []esv1.BeyondtrustAuth{
		{}, {ClientID: value()}, {ClientSecret: value()}, {APIKey: value(), Certificate: value()}, {APIKey: value(), CertificateKey: value()},
	} {
		all = append(all, esv1.SecretStoreProvider{Beyondtrust: &esv1.BeyondtrustProvider{
			Auth: &auth, Server: &esv1.BeyondtrustServer{APIURL: "https://127.0.0.1:1/BeyondTrust/api/public/v3"},
		}})
	}
	return all
}

// TestStoresReadWhereTheyMay writes each reference that a store's spec can hold, with and without another namespace.
func TestStoresReadWhereTheyMay(t *testing.T) {
	found := references("spec.provider", reflect.TypeFor[esv1.SecretStoreProvider](), func(root reflect.Value) reflect.Value { return root })
	for _, ref := range found {
		authority := strings.HasSuffix(ref.path, "caProvider")
		tests := []struct {
			reason, kind, namespace string
			// may is where the reference leads; empty where it is refused.
			may string
		}{
			{"a SecretStore reads at home", esv1.KindSecretStore, "", home},
			{"and nowhere else", esv1.KindSecretStore, away, ""},
			{"a ClusterSecretStore reads where it says", esv1.KindClusterSecretStore, away, away},
			{"or else where it is used", esv1.KindClusterSecretStore, "", home},
		}
		if authority {
			tests[3].reason, tests[3].may = "the authority of a ClusterSecretStore must say where", ""
		}
		for _, tt := range tests {
			t.Run(ref.path+": "+tt.reason, func(t *testing.T) {
				var read, said []string
				for _, provider := range bases() {
					root := reflect.ValueOf(&provider).Elem()
					point(ref.reach(root), tt.namespace)
					complete(root, tt.may)
					w := newWorld(t, store(tt.kind, provider))
					if err := w.open(t, tt.kind); err != nil {
						said = append(said, err.Error())
					}
					read = append(read, w.read...)
				}
				if tt.may == "" {
					refused(t, said, read)
				} else if !slices.Contains(read, tt.may) || slices.ContainsFunc(read, func(ns string) bool { return ns != tt.may }) {
					t.Errorf("it was read in %q, want %q; errors: %q", read, tt.may, said)
				}
			})
		}
	}
	if len(found) < 6 {
		t.Errorf("only %d references were found", len(found))
	}
}

// refused expects that one of the attempts was refused for the namespace, and that nothing was read elsewhere.
func refused(t *testing.T, said, read []string) {
	t.Helper()
	if slices.Contains(read, away) {
		t.Errorf("it was read in %q", read)
	}
	if !slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, "namespace") }) {
		t.Errorf("no error names the namespace: %q", said)
	}
}

func store(kind string, provider esv1.SecretStoreProvider) client.Object {
	spec := esv1.SecretStoreSpec{Provider: &provider}
	if kind == esv1.KindClusterSecretStore {
		return &esv1.ClusterSecretStore{ObjectMeta: metav1.ObjectMeta{Name: "store"}, Spec: spec}
	}
	return &esv1.SecretStore{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "store"}, Spec: spec}
}

// TestGeneratorsReadWhereTheyAreUsed writes another namespace into each reference that a generator's spec can hold.
func TestGeneratorsReadWhereTheyAreUsed(t *testing.T) {
	registry, err := catalog.Generators()
	if err != nil {
		t.Fatal(err)
	}
	// The Secret that the references beside the one under test point to.
	beside := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: home, Name: "creds", Labels: map[string]string{genv1alpha1.LabelWebhookSecret: genv1alpha1.LabelWebhookSecretValue},
		},
		Data: map[string][]byte{"k": []byte("value")},
	}
	var found []string
	for _, generator := range registry.All() {
		t.Run(generator.Kind(), func(t *testing.T) {
			kind := reflect.TypeOf(generator.NewObject()).Elem()
			spec, _ := kind.FieldByName("Spec")
			for _, ref := range references("spec", spec.Type, func(root reflect.Value) reflect.Value { return root }) {
				found = append(found, generator.Kind()+": "+ref.path)
				object := generator.NewObject()
				object.SetNamespace(home)
				object.SetName("generator")
				root := reflect.ValueOf(object).Elem().FieldByIndex(spec.Index)
				point(ref.reach(root), away)
				complete(root, "")
				w := newWorld(t, object, beside)
				runner := &lease.Runner{Reader: w, Generators: registry, Credentials: credentials.New(w, w), Clock: clock.RealClock{}}
				bound, err := runner.Bind(t.Context(), home, esv1.GeneratorRef{Kind: generator.Kind(), Name: "generator"})
				if err != nil {
					t.Fatal(err)
				}
				_, err = runner.Begin(lease.Owner{Object: &metav1.ObjectMeta{Namespace: home}}, "").Run(t.Context(), "", bound)
				if err == nil || !strings.Contains(err.Error(), "namespace") || slices.Contains(w.read, away) {
					t.Errorf("%s: it was read in %q, %v", ref.path, w.read, err)
				}
			}
		})
	}
	if len(found) < 5 {
		t.Errorf("only the references %q were found", found)
	}
	if reflect.TypeFor[genv1alpha1.GeneratorSpec]().NumField() != len(registry.All()) {
		t.Error("a generator of the union was not tried")
	}
}
