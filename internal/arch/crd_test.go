package arch_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/sluice-operator/sluice/apis"
)

// maxManifest leaves room below the 256 KiB that annotations may take: client-side apply keeps the whole manifest in one.
const maxManifest = 200_000

// definition is what these tests read of a CustomResourceDefinition.
type definition struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []version `json:"versions"`
	} `json:"spec"`

	file string
	size int
}

type version struct {
	Name               string `json:"name"`
	Served             bool   `json:"served"`
	Storage            bool   `json:"storage"`
	Deprecated         bool   `json:"deprecated"`
	DeprecationWarning string `json:"deprecationWarning"`
	Schema             struct {
		OpenAPI map[string]any `json:"openAPIV3Schema"`
	} `json:"schema"`
}

func definitions(t *testing.T) []definition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "config/crd/bases/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	var all []definition
	for _, file := range files {
		var d definition
		d.size = len(read(t, file, &d))
		d.file = filepath.Base(file)
		all = append(all, d)
	}
	return all
}

// read reads a file of YAML into a value and returns its text.
func read(t *testing.T, file string, into any) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return text
}

// walk calls visit with each schema below and at one, and its path.
func walk(path string, node map[string]any, visit func(path string, node map[string]any)) {
	visit(path, node)
	for _, keyword := range []string{"items", "additionalProperties"} {
		if below, ok := node[keyword].(map[string]any); ok {
			walk(path+"[]", below, visit)
		}
	}
	properties, _ := node["properties"].(map[string]any)
	for name, property := range properties {
		walk(path+"."+name, property.(map[string]any), visit)
	}
}

func TestDefinitions(t *testing.T) {
	for _, d := range definitions(t) {
		t.Run(d.Spec.Names.Kind, func(t *testing.T) {
			if d.size >= maxManifest {
				t.Errorf("%s has %d bytes: kubectl apply keeps it in an annotation", d.file, d.size)
			}
			if got := d.Labels["external-secrets.io/component"]; got != "controller" {
				t.Errorf("the label external-secrets.io/component is %q", got)
			}
			for _, v := range d.Spec.Versions {
				if !v.Served {
					t.Errorf("version %s is not served", v.Name)
				}
				walk(v.Name, v.Schema.OpenAPI, func(path string, node map[string]any) {
					if _, ok := node["default"]; ok {
						t.Errorf("%s has a default: what is stored would differ from what was applied", path)
					}
				})
			}
		})
	}
}

func TestStatusSaysWhatItSaw(t *testing.T) {
	for _, d := range definitions(t) {
		for _, v := range d.Spec.Versions {
			properties, _ := v.Schema.OpenAPI["properties"].(map[string]any)
			status, ok := properties["status"].(map[string]any)
			if !ok {
				continue // Kinds that nothing reconciles have no status.
			}
			fields, _ := status["properties"].(map[string]any)
			for _, want := range []string{"conditions", "observedGeneration"} {
				if fields[want] == nil {
					t.Errorf("%s %s has no status.%s, by which tools tell that it is done", d.Spec.Names.Kind, v.Name, want)
				}
			}
		}
	}
}

func TestOlderVersion(t *testing.T) {
	found := 0
	for _, d := range definitions(t) {
		at := func(name string) int {
			return slices.IndexFunc(d.Spec.Versions, func(v version) bool { return v.Name == name })
		}
		if at("v1beta1") < 0 {
			continue
		}
		found++
		older, stored := d.Spec.Versions[at("v1beta1")], d.Spec.Versions[at("v1")]
		if !older.Deprecated || !strings.Contains(older.DeprecationWarning, "external-secrets.io/v1") || older.Storage || !stored.Storage {
			t.Errorf("%s: v1beta1 is to be deprecated in favour of v1, and v1 to be stored", d.Spec.Names.Kind)
		}
		if !reflect.DeepEqual(stored.Schema, older.Schema) {
			t.Errorf("%s: the schemas of v1 and v1beta1 differ, and nothing converts between them", d.Spec.Names.Kind)
		}
	}
	if found != 4 {
		t.Errorf("%d kinds are served as v1beta1, want ExternalSecret, ClusterExternalSecret, SecretStore and ClusterSecretStore", found)
	}
}

// TestDefinitionsAgree compares the kinds that Go knows, those that are defined, and those that are installed.
func TestDefinitionsAgree(t *testing.T) {
	var defined, files []string
	for _, d := range definitions(t) {
		files = append(files, "bases/"+d.file)
		for _, v := range d.Spec.Versions {
			defined = append(defined, schema.GroupVersionKind{Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind}.String())
		}
	}
	same(t, "config/crd/bases", "apis.AddToScheme", defined, known(t))
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	read(t, filepath.Join(root, "config/crd/kustomization.yaml"), &kustomization)
	same(t, "config/crd/bases", "config/crd/kustomization.yaml", files, kustomization.Resources)
}

// known are the kinds of this module's types, without the lists.
func known(t *testing.T) []string {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var all []string
	for gvk, object := range scheme.AllKnownTypes() {
		if strings.HasPrefix(object.PkgPath(), module) && !strings.HasSuffix(gvk.Kind, "List") {
			all = append(all, gvk.String())
		}
	}
	return all
}

// enumKinds are the kinds that a ClusterGenerator may name.
func enumKinds(t *testing.T) []string {
	t.Helper()
	var kinds []string
	for _, d := range definitions(t) {
		if d.Spec.Names.Kind != "ClusterGenerator" {
			continue
		}
		walk("", d.Spec.Versions[0].Schema.OpenAPI, func(path string, node map[string]any) {
			if path != ".spec.kind" {
				return
			}
			enum, _ := node["enum"].([]any)
			for _, kind := range enum {
				kinds = append(kinds, kind.(string))
			}
		})
	}
	return kinds
}
