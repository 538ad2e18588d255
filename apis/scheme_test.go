package apis_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/sluice-operator/sluice/apis"
)

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

func TestEveryKindHasAListAndMetadata(t *testing.T) {
	scheme := newScheme(t)
	for gvk, object := range scheme.AllKnownTypes() {
		if !strings.HasSuffix(gvk.Group, "external-secrets.io") || !strings.Contains(object.PkgPath(), "/apis/") ||
			strings.HasPrefix(object.PkgPath(), "k8s.io/") || strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		made, err := scheme.New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := made.(metav1.Object); !ok {
			t.Errorf("%v has no metadata", gvk)
		}
		if list, err := scheme.New(gvk.GroupVersion().WithKind(gvk.Kind + "List")); err != nil {
			t.Errorf("%v has no list: %v", gvk, err)
		} else if _, ok := list.(metav1.ListInterface); !ok {
			t.Errorf("the list of %v has no metadata", gvk)
		}
	}
}

// TestManifestsFitTheTypes reads the manifests that users start from into the types: no field may be unknown, and the
// types must add none, so that what is stored is what was written.
func TestManifestsFitTheTypes(t *testing.T) {
	scheme, read := newScheme(t), map[schema.GroupKind]bool{}
	for _, pattern := range []string{"../config/samples/*.yaml", "../config/samples/*/*.yaml", "../config/demo/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			for i, manifest := range documents(t, file) {
				var kind metav1.TypeMeta
				if err := yaml.Unmarshal(manifest, &kind); err != nil {
					t.Fatalf("%s, document %d: %v", file, i, err)
				}
				if gvk := kind.GroupVersionKind(); scheme.Recognizes(gvk) {
					read[gvk.GroupKind()] = true
					for _, wrong := range misfits(t, scheme, gvk, manifest) {
						t.Errorf("%s, document %d: %s", file, i, wrong)
					}
				}
			}
		}
	}
	if len(read) < 5 {
		t.Errorf("only %v were tried", read)
	}
}

func documents(t *testing.T, file string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		one, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}

// misfits says how a manifest differs from what its type reads and writes.
func misfits(t *testing.T, scheme *runtime.Scheme, gvk schema.GroupVersionKind, manifest []byte) []string {
	t.Helper()
	object, err := scheme.New(gvk)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(manifest, object); err != nil {
		return []string{err.Error()}
	}
	written, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	if err := errors.Join(yaml.Unmarshal(manifest, &before), yaml.Unmarshal(written, &after)); err != nil {
		t.Fatal(err)
	}
	return added("spec", before["spec"], after["spec"])
}

// added lists what is in one value and was not in another.
func added(path string, before, after any) []string {
	var all []string
	switch after := after.(type) {
	case map[string]any:
		from, _ := before.(map[string]any)
		for key, value := range after {
			if _, ok := from[key]; !ok {
				all = append(all, path+"."+key+" is added")
				continue
			}
			all = append(all, added(path+"."+key, from[key], value)...)
		}
	case []any:
		from, _ := before.([]any)
		if len(from) != len(after) {
			return []string{path + " has another length"}
		}
		for i := range after {
			all = append(all, added(path+"[]", from[i], after[i])...)
		}
	}
	return all
}
