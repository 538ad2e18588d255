package apply_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// askingFor returns an ExternalSecret with a target of another kind than Secret.
func askingFor(kind string, policy esv1.ExternalSecretCreationPolicy) *esv1.ExternalSecret {
	owner := asking(policy, "")
	owner.Spec.Target.Manifest = &esv1.ManifestReference{APIVersion: "config.example.com/v1", Kind: kind}
	if kind == "ConfigMap" {
		owner.Spec.Target.Manifest.APIVersion = "v1"
	}
	return owner
}

func TestOfObject(t *testing.T) {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "x", "metadata": map[string]any{"name": "app"}, "status": map[string]any{"ready": true},
		"immutable": true, "data": map[string]any{"a": "x", "n": int64(1)}, "binaryData": map[string]any{"b": "/w=="},
		"spec": map[string]any{"data": map[string]any{"c": "y"}, "replicas": int64(1)},
	}}
	before := o.DeepCopy()
	config := apply.OfObject(askingFor("ConfigMap", ""), o)
	if diff := cmp.Diff(map[string][]byte{"a": []byte("x"), "b": {0xff}}, config.Data); diff != "" || !config.Immutable || config.Fields != nil {
		t.Errorf("a ConfigMap is immutable %v, has fields %v (-want +got):\n%s", config.Immutable, config.Fields, diff)
	}
	custom := apply.OfObject(askingFor("AppConfig", ""), o)
	if diff := cmp.Diff(values(map[string]string{"c": "y"}), custom.Data); diff != "" || custom.Immutable {
		t.Errorf("a custom resource, immutable %v (-want +got):\n%s", custom.Immutable, diff)
	}
	fields := values(map[string]string{
		"data.a": `"x"`, "data.n": "1", "binaryData.b": `"/w=="`, "immutable": "true", "spec.replicas": "1", "spec.data": "{}",
	})
	if diff := cmp.Diff(fields, custom.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, o); diff != "" {
		t.Errorf("the object itself was changed (-want +got):\n%s", diff)
	}
}

// deliveredObject returns a custom resource as the API server has it after owner applied a value and two fields.
func deliveredObject(t *testing.T, owner *esv1.ExternalSecret, content map[string]any, owned string) (apply.Wish, *unstructured.Unstructured) {
	t.Helper()
	w := wish(owner, map[string]string{"password": "s3cret"})
	w.Desired.Content = content
	change, err := apply.Diff(w, nil)
	if err != nil || change.Action != apply.Write || change.Desired.Type != "" {
		t.Fatalf("Diff = %+v, %v; want something to apply, without a type", change, err)
	}
	o := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(content)}
	if err := unstructured.SetNestedField(o.Object, "s3cret", "spec", "data", "password"); err != nil {
		t.Fatal(err)
	}
	o.SetLabels(change.Desired.Labels)
	o.SetAnnotations(change.Desired.Annotations)
	o.SetOwnerReferences([]metav1.OwnerReference{controller(esv1.KindExternalSecret, owner.Name, owner.UID)})
	metadata, err := json.Marshal(map[string]any{
		"f:labels": fieldsOf(change.Desired.Labels), "f:annotations": fieldsOf(change.Desired.Annotations),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: apply.FieldManager(owner.Name), Operation: metav1.ManagedFieldsOperationApply,
		FieldsV1: metav1.NewFieldsV1(strings.ReplaceAll(owned, "METADATA", string(metadata))),
	}})
	return w, o
}

// TestObjectsOfOtherKinds has each case begin with an object that is as it was delivered.
func TestObjectsOfOtherKinds(t *testing.T) {
	const owned = `{"f:metadata":METADATA,"f:spec":{"f:data":{"f:password":{}},"f:host":{},` +
		`"f:servers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{}}}}}`
	set := func(value any, path ...string) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) { _ = unstructured.SetNestedField(o.Object, value, path...) }
	}
	tests := []struct {
		reason string
		change func(*unstructured.Unstructured)
		state  plan.Target
		action apply.Action
	}{
		{"nothing differs", func(*unstructured.Unstructured) {}, plan.TargetIntact, apply.Keep},
		{"others may set fields", set("x", "spec", "theirs"), plan.TargetIntact, apply.Keep},
		{"and values beside the delivered ones", set("x", "spec", "data", "theirs"), plan.TargetIntact, apply.Keep},
		{"the status is nobody's concern", set("x", "status", "phase"), plan.TargetIntact, apply.Keep},
		{"a value was edited", set("x", "spec", "data", "password"), plan.TargetDrifted, apply.Write},
		{"a field was edited", set("x", "spec", "host"), plan.TargetDrifted, apply.Write},
		{"a list was edited", set([]any{}, "spec", "servers"), plan.TargetDrifted, apply.Write},
		{"a field is owned that is not wanted", func(o *unstructured.Unstructured) {
			managed := o.GetManagedFields()
			managed[0].FieldsV1 = metav1.NewFieldsV1(strings.Replace(managed[0].FieldsV1.GetRawString(), `"f:host"`, `"f:more":{},"f:host"`, 1))
			o.SetManagedFields(managed)
		}, plan.TargetIntact, apply.Write},
		{"a field is not owned any more", func(o *unstructured.Unstructured) {
			managed := o.GetManagedFields()
			managed[0].FieldsV1 = metav1.NewFieldsV1(strings.Replace(managed[0].FieldsV1.GetRawString(), `"f:host":{},`, "", 1))
			o.SetManagedFields(managed)
		}, plan.TargetDrifted, apply.Write},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			owner := askingFor("AppConfig", esv1.CreateOwner)
			w, o := deliveredObject(t, owner, map[string]any{
				"spec": map[string]any{"host": "h", "servers": []any{map[string]any{"name": "a"}}},
			}, owned)
			tt.change(o)
			target := apply.OfObject(owner, o)
			seen, err := apply.Observe(owner, target, hasher)
			if err != nil || seen.State != tt.state {
				t.Errorf("state %d, %v; want %d", seen.State, err, tt.state)
			}
			change, err := apply.Diff(w, target)
			if err != nil || change.Action != tt.action || len(change.Remove) > 0 {
				t.Errorf("Diff = %+v, %v; want action %d, and nothing of others removed", change, err, tt.action)
			}
		})
	}
}
