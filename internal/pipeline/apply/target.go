package apply

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/ownership"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// binaryData is where a ConfigMap has what is not text.
const binaryData = "binaryData"

// Target is a target as it is in the cluster, in one form for every kind.
type Target struct {
	// Object is the target itself.
	client.Object
	// Type of a Secret; empty for other kinds.
	Type corev1.SecretType
	// Immutable says that a Secret or a ConfigMap cannot be changed.
	Immutable bool
	// Data are the values of a Secret or a ConfigMap, and the texts in the container of another kind.
	Data map[string][]byte
	// Fields are the other fields of an object that is no Secret, as render.Fields has them.
	Fields map[string][]byte

	container []string
}

// OfSecret returns a Secret as a target, nil for nil.
func OfSecret(secret *corev1.Secret) *Target {
	if secret == nil {
		return nil
	}
	return &Target{
		Object: secret, Type: secret.Type, Immutable: secret.Immutable != nil && *secret.Immutable, Data: secret.Data,
		container: []string{"data"},
	}
}

// OfObject returns an object of another kind as the target that owner asks for.
func OfObject(owner *esv1.ExternalSecret, object *unstructured.Unstructured) *Target {
	t := &Target{Object: object, Data: map[string][]byte{}, container: render.Container(&owner.Spec.Target)}
	content := object.DeepCopy().Object
	for _, name := range []string{"apiVersion", "kind", "metadata", "status"} {
		delete(content, name)
	}
	t.takeTexts(content, t.container)
	if owner.Spec.Target.Manifest.IsConfigMap() {
		t.Immutable, _, _ = unstructured.NestedBool(content, "immutable")
		t.takeBinary(content)
		return t
	}
	t.Fields = render.Fields(content)
	return t
}

// takeTexts moves the texts in the map at path into the target's data.
func (t *Target) takeTexts(content map[string]any, path []string) {
	values, _, _ := unstructured.NestedMap(content, path...) // a copy; of what is no map nothing is taken
	for key, value := range values {
		if text, ok := value.(string); ok {
			t.Data[key] = []byte(text)
			unstructured.RemoveNestedField(content, append(slices.Clone(path), key)...)
		}
	}
}

func (t *Target) takeBinary(content map[string]any) {
	values, _, _ := unstructured.NestedStringMap(content, binaryData)
	for key, text := range values {
		if value, err := base64.StdEncoding.DecodeString(text); err == nil {
			t.Data[key] = value
		}
	}
}

// parts are parts of a target by their names: keys of Data, paths of Fields, names of labels and annotations.
type parts struct{ keys, paths, labels, annotations []string }

// parts returns the parts that a set of fields holds.
func (t *Target) parts(set *fieldpath.Set) parts {
	a := parts{
		keys:        t.keys(set),
		labels:      ownership.Keys(set, "metadata", "labels"),
		annotations: ownership.Keys(set, "metadata", "annotations"),
	}
	if t.Fields != nil {
		for _, path := range ownership.Paths(set) {
			key, inside := strings.CutPrefix(path, strings.Join(t.container, ".")+".")
			if !strings.HasPrefix(path, "metadata.") && (!inside || !slices.Contains(a.keys, key)) {
				a.paths = append(a.paths, path)
			}
		}
	}
	return a
}

// keys returns the keys of Data in set, sorted. A field in the container that is no text is none.
func (t *Target) keys(set *fieldpath.Set) []string {
	keys := append(ownership.Keys(set, t.container...), ownership.Keys(set, binaryData)...)
	if t.Fields != nil {
		prefix := strings.Join(t.container, ".") + "."
		keys = slices.DeleteFunc(keys, func(key string) bool { _, structured := t.Fields[prefix+key]; return structured })
	}
	slices.Sort(keys)
	return keys
}

// ownsField reports whether the field at path is one of the paths, or inside of one that is owned as a whole.
func (a parts) ownsField(path string) bool {
	return slices.ContainsFunc(a.paths, func(owned string) bool { return path == owned || strings.HasPrefix(path, owned+".") })
}

// equal reports whether exactly what is desired is owned.
func (a parts) equal(d render.Desired, fields map[string][]byte) bool {
	return slices.Equal(a.keys, slices.Sorted(maps.Keys(d.Data))) &&
		slices.Equal(a.labels, slices.Sorted(maps.Keys(d.Labels))) &&
		slices.Equal(a.annotations, slices.Sorted(maps.Keys(d.Annotations))) &&
		a.fieldsEqual(fields)
}

// fieldsEqual reports whether exactly the wanted fields are owned.
func (a parts) fieldsEqual(wanted map[string][]byte) bool {
	for path := range wanted {
		if !a.ownsField(path) {
			return false
		}
	}
	return !slices.ContainsFunc(a.paths, func(owned string) bool {
		for path := range wanted {
			if path == owned || strings.HasPrefix(path, owned+".") {
				return false
			}
		}
		return true
	})
}
