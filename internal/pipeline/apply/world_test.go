package apply_test

import (
	"encoding/json"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

var hasher = fingerprint.New([]byte("key"))

// asking returns the ExternalSecret "app" with the given policies.
func asking(creation esv1.ExternalSecretCreationPolicy, deletion esv1.ExternalSecretDeletionPolicy) *esv1.ExternalSecret {
	return &esv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app", UID: "uid-of-app"},
		Spec:       esv1.ExternalSecretSpec{Target: esv1.ExternalSecretTarget{CreationPolicy: creation, DeletionPolicy: deletion}},
	}
}

func wish(owner *esv1.ExternalSecret, data map[string]string) apply.Wish {
	return apply.Wish{
		Owner: owner, Hasher: hasher, InputHash: "inputs",
		Desired: render.Desired{Data: values(data), Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "n"}},
	}
}

func values(texts map[string]string) map[string][]byte {
	data := make(map[string][]byte, len(texts))
	for key, text := range texts {
		data[key] = []byte(text)
	}
	return data
}

// delivered returns the target as the API server has it after owner applied data to a target that did not exist.
func delivered(t *testing.T, owner *esv1.ExternalSecret, data map[string]string) *corev1.Secret {
	t.Helper()
	w := wish(owner, data)
	if owner.Spec.Target.CreationPolicy == esv1.CreateMerge {
		// Merge waits for a target, so it gets one with nothing in it.
		return applied(t, owner, w, &corev1.Secret{Type: corev1.SecretTypeOpaque})
	}
	return applied(t, owner, w, nil)
}

// applied carries out what Diff asks for, as server-side apply would.
func applied(t *testing.T, owner *esv1.ExternalSecret, w apply.Wish, target *corev1.Secret) *corev1.Secret {
	t.Helper()
	change, err := apply.Diff(w, apply.OfSecret(target))
	if err != nil || change.Action != apply.Write {
		t.Fatalf("Diff = %+v, %v; want something to apply", change, err)
	}
	secret := &corev1.Secret{}
	if target != nil {
		secret = target.DeepCopy()
	}
	d := change.Desired
	secret.Namespace, secret.Name, secret.Type = owner.Namespace, owner.TargetName(), d.Type
	secret.Data = joined(secret.Data, d.Data)
	secret.Labels, secret.Annotations = joined(secret.Labels, d.Labels), joined(secret.Annotations, d.Annotations)
	secret.Finalizers = append(secret.Finalizers, d.Finalizers...)
	for _, key := range change.Remove {
		delete(secret.Data, key)
	}
	if owner.Spec.Target.Immutable {
		secret.Immutable = new(true)
	}
	if owner.Spec.Target.CreationPolicyOrDefault() == esv1.CreateOwner {
		secret.OwnerReferences = []metav1.OwnerReference{controller(esv1.KindExternalSecret, owner.Name, owner.UID)}
	}
	secret.ManagedFields = []metav1.ManagedFieldsEntry{managed(t, owner, d)}
	return secret
}

func joined[V any](under, over map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, under)
	maps.Copy(all, over)
	return all
}

func controller(kind, name string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{Kind: kind, Name: name, UID: uid, Controller: new(true)}
}

// managed returns the managed fields of an apply by owner.
func managed(t *testing.T, owner *esv1.ExternalSecret, d render.Desired) metav1.ManagedFieldsEntry {
	t.Helper()
	fields, err := json.Marshal(map[string]any{
		"f:data": fieldsOf(d.Data),
		"f:metadata": map[string]any{
			"f:labels":      fieldsOf(d.Labels),
			"f:annotations": fieldsOf(d.Annotations),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return metav1.ManagedFieldsEntry{
		Manager: apply.FieldManager(owner.Name), Operation: metav1.ManagedFieldsOperationApply,
		FieldsV1: metav1.NewFieldsV1(string(fields)),
	}
}

func fieldsOf[V any](m map[string]V) map[string]any {
	fields := map[string]any{}
	for key := range m {
		fields["f:"+key] = map[string]any{}
	}
	return fields
}
