package arch_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/catalog"
	"github.com/sluice-operator/sluice/providers"
)

func registries(t *testing.T) (*providers.Registry, *generators.Registry) {
	t.Helper()
	stores, err := catalog.Providers(&rest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	born, err := catalog.Generators()
	if err != nil {
		t.Fatal(err)
	}
	return stores, born
}

// same fails when two sets of names, that are told in two places, differ.
func same(t *testing.T, here, there string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("%s (-) and %s (+) do not name the same:\n%s", here, there, diff)
	}
}

// entries are the names in a folder, without an extension, other than those given.
func entries(t *testing.T, folder string, accept func(os.DirEntry) bool, other ...string) []string {
	t.Helper()
	found, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		name := strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name()))
		if accept(entry) && !slices.Contains(other, name) {
			names = append(names, name)
		}
	}
	return names
}

func isPage(entry os.DirEntry) bool { return filepath.Ext(entry.Name()) == ".md" }

func lower(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, strings.ToLower(name))
	}
	return all
}

func TestProvidersAgree(t *testing.T) {
	registry, _ := registries(t)
	names := registry.Names()
	var keys []string
	for field := range reflect.TypeFor[esv1.SecretStoreProvider]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		keys = append(keys, key)

		var spec esv1.SecretStoreProvider
		reflect.ValueOf(&spec).Elem().FieldByIndex(field.Index).Set(reflect.New(field.Type.Elem()))
		if p, err := registry.For(&spec); err != nil || p.Name() != key {
			t.Errorf("spec.provider.%s selects the provider %q, %v", key, p.Name(), err)
		}
	}
	same(t, "internal/catalog", "the fields of spec.provider", names, keys)
	same(t, "internal/catalog", "the folders in providers", names, entries(t, "providers", os.DirEntry.IsDir, "providertest"))
	same(t, "internal/catalog", "the pages in docs/providers", names, entries(t, "docs/providers", isPage, "README"))
}

func TestGeneratorsAgree(t *testing.T) {
	_, registry := registries(t)
	kinds := registry.Kinds()
	same(t, "internal/catalog", "the fields of spec.generator", kinds, unionKinds(t, registry))
	same(t, "internal/catalog", "the kinds of the API group", kinds, generatorKinds(t))
	same(t, "internal/catalog", "the enum of spec.kind", kinds, enumKinds(t))
	same(t, "internal/catalog", "the folders in generators", lower(kinds), entries(t, "generators", os.DirEntry.IsDir, "generatortest"))
	same(t, "internal/catalog", "the pages in docs/generators", lower(kinds), entries(t, "docs/generators", isPage, "README"))
}

// unionKinds are the kinds whose spec fits into a ClusterGenerator. Each must be the one that its generator takes.
func unionKinds(t *testing.T, registry *generators.Registry) []string {
	t.Helper()
	var kinds []string
	for field := range reflect.TypeFor[genv1alpha1.GeneratorSpec]().Fields() {
		kind := strings.TrimSuffix(field.Name, "Spec")
		kinds = append(kinds, kind)
		if key, _, _ := strings.Cut(field.Tag.Get("json"), ","); !strings.EqualFold(key, field.Name) {
			t.Errorf("the field %s is written %s", field.Name, key)
		}
		generator, err := registry.For(kind)
		if err != nil {
			continue // Told by the comparison of the sets.
		}
		var cluster genv1alpha1.ClusterGenerator
		reflect.ValueOf(&cluster.Spec.Generator).Elem().FieldByIndex(field.Index).Set(reflect.New(field.Type.Elem()))
		if _, err := generator.BindCluster(&cluster); err != nil {
			t.Errorf("the generator %s does not take its own field %s: %v", kind, field.Name, err)
		}
	}
	return kinds
}

// generatorKinds are the kinds of the generators' API group that are generators: not the lists, and not what the group
// has besides.
func generatorKinds(t *testing.T) []string {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	own := reflect.TypeFor[genv1alpha1.ClusterGenerator]().PkgPath()
	besides := []string{genv1alpha1.KindClusterGenerator, genv1alpha1.KindGeneratorState}
	var kinds []string
	for kind, object := range scheme.KnownTypes(genv1alpha1.GroupVersion()) {
		if object.PkgPath() == own && !strings.HasSuffix(kind, "List") && !slices.Contains(besides, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func TestGeneratorsMakeTheirKind(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	_, registry := registries(t)
	for _, generator := range registry.All() {
		gvks, _, err := scheme.ObjectKinds(generator.NewObject())
		if err != nil || len(gvks) != 1 || gvks[0] != genv1alpha1.GroupVersion().WithKind(generator.Kind()) {
			t.Errorf("the objects of generator %s are of %v, %v", generator.Kind(), gvks, err)
		}
	}
}
