package apply

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// reference returns an object with the kind and the name of the target that owner asks for, and nothing else.
func reference(owner *esv1.ExternalSecret) client.Object {
	if owner.Spec.Target.Manifest.IsSecret() {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: owner.TargetName()}}
	}
	return blank(owner)
}

func blank(owner *esv1.ExternalSecret) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(owner.Spec.Target.Manifest.GroupVersionKind())
	o.SetNamespace(owner.Namespace)
	o.SetName(owner.TargetName())
	return o
}

// object returns d as the object of another kind than Secret that owner asks for.
func object(owner *esv1.ExternalSecret, d render.Desired) *unstructured.Unstructured {
	o := blank(owner)
	for name, value := range d.Content {
		o.Object[name] = runtime.DeepCopyJSONValue(value)
	}
	manifest, container := owner.Spec.Target.Manifest, render.Container(&owner.Spec.Target)
	for key, value := range d.Data {
		if manifest.IsConfigMap() && !utf8.Valid(value) {
			textsAt(o.Object, []string{binaryData})[key] = base64.StdEncoding.EncodeToString(value)
			continue
		}
		textsAt(o.Object, container)[key] = string(value)
	}
	o.SetLabels(d.Labels)
	o.SetAnnotations(d.Annotations)
	o.SetFinalizers(d.Finalizers)
	if owner.Spec.Target.CreationPolicyOrDefault() == esv1.CreateOwner {
		o.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, esv1.GroupVersion().WithKind(esv1.KindExternalSecret))})
	}
	if d.Immutable {
		o.Object["immutable"] = true
	}
	return o
}

// textsAt returns the map at path in content, which it makes where there is none.
func textsAt(content map[string]any, path []string) map[string]any {
	for _, name := range path {
		below, ok := content[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			content[name] = below
		}
		content = below
	}
	return content
}

// placeOf returns how errors and rights name the target that owner asks for.
func placeOf(owner *esv1.ExternalSecret) fault.Object {
	o := fault.Object{Kind: "secret", Resource: "secrets", Namespace: owner.Namespace, Name: owner.TargetName()}
	if m := owner.Spec.Target.Manifest; !m.IsSecret() {
		plural, _ := meta.UnsafeGuessKindToResource(m.GroupVersionKind())
		o.Kind, o.Resource = m.Kind, plural.GroupResource().String()
		o.Field = func(path string) string { return asWritten(&owner.Spec.Target, path) }
	}
	return o
}

// asWritten returns as much of the path of a field as stands in the ExternalSecret: what a template rendered to may have a
// value as the name of a field.
func asWritten(target *esv1.ExternalSecretTarget, path string) string {
	longest, _, _ := strings.Cut(path, ".")
	known := []string{strings.Join(render.Container(target), "."), "metadata.labels", "metadata.annotations"}
	if target.Template != nil {
		for i := range target.Template.TemplateFrom {
			known = append(known, target.Template.TemplateFrom[i].Target)
		}
	}
	for _, field := range known {
		if strings.HasPrefix(field, path+".") || strings.HasPrefix(field, path+"[") {
			return path
		}
		inside := path == field || strings.HasPrefix(path, field+".") || strings.HasPrefix(path, field+"[")
		if inside && len(field) > len(longest) {
			longest = field
		}
	}
	return longest
}
