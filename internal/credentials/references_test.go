package credentials_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/providers"
)

// resolvable are the types of references that a resolver has a case for.
func resolvable() []reflect.Type {
	var all []reflect.Type
	for method := range reflect.TypeFor[providers.Resolver]().Methods() {
		for parameter := range method.Type.Ins() {
			for parameter.Kind() == reflect.Pointer {
				parameter = parameter.Elem()
			}
			if parameter.Kind() == reflect.Struct {
				all = append(all, parameter)
			}
		}
	}
	return all
}

// local are references that cannot leave the namespace of the object that holds them, other than to cluster-scoped objects: they have no
// namespace.
func local() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[esv1.TemplateRef](), reflect.TypeFor[esv1.SecretStoreRef](), reflect.TypeFor[esv1.GeneratorRef](),
		reflect.TypeFor[esv1alpha1.PushSecretStoreRef](), reflect.TypeFor[esv1alpha1.PushSecretSecret](),
	}
}

// survey walks all types below one and returns the selectors it finds and the paths of references that nobody resolves.
type survey struct {
	resolvable, seen, found []reflect.Type
	unresolved              []string
}

func (s *survey) walk(path string, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		s.walk(path, t.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if slices.Contains(s.resolvable, t) {
		s.found = append(s.found, t)
		return
	}
	// Kubernetes' own types hold no references of ours.
	if slices.Contains(s.seen, t) || strings.HasPrefix(t.PkgPath(), "k8s.io/") {
		return
	}
	s.seen = append(s.seen, t)
	if looksLikeReference(t) && (!slices.Contains(local(), t) || has(t, "namespace")) {
		s.unresolved = append(s.unresolved, path+" "+t.String())
	}
	for field := range t.Fields() {
		s.walk(path+"."+field.Name, field.Type)
	}
}

func looksLikeReference(t reflect.Type) bool {
	beside := []string{"key", "namespace", "kind", "items", "selector", "labelSelector"}
	return has(t, "name") && slices.ContainsFunc(beside, func(name string) bool { return has(t, name) })
}

func has(t reflect.Type, name string) bool {
	for field := range t.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == name {
			return true
		}
	}
	return false
}

func TestEveryReferenceIsResolved(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := survey{resolvable: resolvable()}
	for gvk, kind := range scheme.AllKnownTypes() {
		s.walk(gvk.Kind, kind)
	}
	for _, path := range s.unresolved {
		t.Errorf("%s looks like a reference, and neither has the resolver a case for it nor is it known to be local", path)
	}
	for _, want := range s.resolvable {
		if !slices.Contains(s.found, want) {
			t.Errorf("the walk found no %v: it does not see what it should", want)
		}
	}
}

func TestSurveyNoticesReferences(t *testing.T) {
	type keyRef struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	}
	type objectRef struct {
		Name      string  `json:"name"`
		Namespace *string `json:"namespace,omitempty"`
	}
	type spec struct {
		Known   metametav1.SecretKeySelector `json:"known"`
		One     *keyRef                      `json:"one"`
		Several map[string][]objectRef       `json:"several"`
	}
	s := survey{resolvable: resolvable()}
	s.walk("spec", reflect.TypeFor[spec]())
	if len(s.unresolved) != 2 || len(s.found) != 1 {
		t.Errorf("unresolved %v, found %v", s.unresolved, s.found)
	}
}

func TestNeedsConsumer(t *testing.T) {
	kubernetes := func(p esv1.KubernetesProvider) *esv1.SecretStoreProvider {
		return &esv1.SecretStoreProvider{Kubernetes: &p}
	}
	at := func(namespace *string) metametav1.SecretKeySelector {
		return metametav1.SecretKeySelector{Name: "s", Namespace: namespace, Key: "k"}
	}
	tests := []struct {
		reason string
		spec   any
		want   bool
	}{
		{"no spec at all", (*esv1.SecretStoreProvider)(nil), false},
		{"no references", &esv1.SecretStoreProvider{Fake: &esv1.FakeProvider{Data: []esv1.FakeProviderData{{Key: "k"}}}}, false},
		{"a service account without a namespace", kubernetes(esv1.KubernetesProvider{
			Auth: &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: "s"}},
		}), true},
		{"a service account with a namespace", kubernetes(esv1.KubernetesProvider{
			Auth: &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: "s", Namespace: new("a")}},
		}), false},
		{"one of two selectors without a namespace", kubernetes(esv1.KubernetesProvider{
			Auth: &esv1.KubernetesAuth{Cert: &esv1.KubernetesCertAuth{ClientCert: at(new("a")), ClientKey: at(new(""))}},
		}), true},
		{
			"a selector that was left out",
			kubernetes(esv1.KubernetesProvider{Auth: &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{}}}),
			false,
		},
		{"selectors in slices and maps", struct {
			In map[string][]metametav1.SecretKeySelector
		}{map[string][]metametav1.SecretKeySelector{"x": {at(nil)}}}, true},
		{"a certificate authority always names its namespace", kubernetes(esv1.KubernetesProvider{
			Server: esv1.KubernetesServer{CAProvider: &esv1.CAProvider{Name: "ca"}},
		}), false},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := credentials.NeedsConsumer(tt.spec); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	kubernetes := func(p esv1.KubernetesProvider) *esv1.SecretStoreProvider {
		return &esv1.SecretStoreProvider{Kubernetes: &p}
	}
	at := func(name string, namespace *string) metametav1.SecretKeySelector {
		return metametav1.SecretKeySelector{Name: name, Namespace: namespace, Key: "k"}
	}
	tests := []struct {
		reason string
		spec   any
		want   []credentials.Reference
	}{
		{reason: "no spec at all", spec: (*esv1.SecretStoreProvider)(nil)},
		{reason: "no references", spec: &esv1.SecretStoreProvider{Fake: &esv1.FakeProvider{Data: []esv1.FakeProviderData{{Key: "k"}}}}},
		{
			reason: "a service account is neither a Secret nor a ConfigMap",
			spec: kubernetes(esv1.KubernetesProvider{
				Auth: &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: "s"}},
			}),
		},
		{
			reason: "a certificate and its authority, each in the namespace that it names",
			spec: kubernetes(esv1.KubernetesProvider{
				Server: esv1.KubernetesServer{CAProvider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Namespace: new("b")}},
				Auth:   &esv1.KubernetesAuth{Cert: &esv1.KubernetesCertAuth{ClientCert: at("crt", new("a")), ClientKey: at("key", nil)}},
			}),
			want: []credentials.Reference{{"ConfigMap", "b", "ca"}, {"Secret", "a", "crt"}, {"Secret", "", "key"}},
		},
		{
			reason: "a kubeconfig, and an authority in a Secret",
			spec: kubernetes(esv1.KubernetesProvider{
				Server:  esv1.KubernetesServer{CAProvider: &esv1.CAProvider{Type: "Secret", Name: "ca"}},
				AuthRef: new(at("config", nil)),
			}),
			want: []credentials.Reference{{"Secret", "", "ca"}, {"Secret", "", "config"}},
		},
		{
			reason: "a selector that was left out",
			spec:   kubernetes(esv1.KubernetesProvider{Auth: &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{}}}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := credentials.References(tt.spec); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMayRefer(t *testing.T) {
	tests := []struct {
		reason string
		spec   any
		want   bool
	}{
		{"a key of a Secret, though none is named", &genv1alpha1.MFA{}, true},
		{"a certificate authority, deep inside", &genv1alpha1.Webhook{}, true},
		{"one of many kinds", &genv1alpha1.ClusterGenerator{}, true},
		{"nothing", &genv1alpha1.Password{}, false},
	}
	for _, tt := range tests {
		if got := credentials.MayRefer(tt.spec); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.reason, got, tt.want)
		}
	}
}
