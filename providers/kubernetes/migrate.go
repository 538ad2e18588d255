package kubernetes

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/ownership"
	"github.com/sluice-operator/sluice/providers"
)

// managerOfReference is the field manager of everything that the reference implementation pushes, whatever the PushSecret: it writes
// by updates, and names itself after its program.
const managerOfReference = "external-secrets"

func byReference(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == managerOfReference && entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == ""
}

// createdByReference reports whether the reference implementation created live, when w goes on with what was pushed there. Whoever
// creates a Secret owns its type.
func createdByReference(live *corev1.Secret, w providers.Write) bool {
	_, known := live.Annotations[CreatedByAnnotation]
	return !known && len(w.Pushed) > 0 && managed(live, byReference).secretType != ""
}

// inherit makes the owner of w the only one of what it applies and the reference implementation has pushed before in its place.
// Otherwise a key would stay when the owner takes it away. What the reference implementation has pushed for others it keeps, which
// is why the whole of its fields cannot be taken.
func (c *client) inherit(ctx context.Context, at target, live *corev1.Secret, w providers.Write) (*corev1.Secret, error) {
	i := slices.IndexFunc(live.ManagedFields, byReference)
	if i < 0 || len(w.Pushed) == 0 {
		return live, nil
	}
	theirs, err := ownership.Written(live, managerOfReference)
	if err != nil {
		return live, err
	}
	ours, err := ownership.Applied(live, w.Owner)
	if err != nil || theirs.Intersection(ours).Empty() {
		return live, err
	}
	patch, err := withFields(live, i, theirs.Difference(ours))
	if err != nil {
		return live, fault.Wrap(fault.Unknown, err, "cannot build a patch of secret %q", at)
	}
	err = c.do(ctx, at.op(callUpdate, "patch"), func(ctx context.Context) (err error) {
		options := metav1.PatchOptions{FieldManager: w.Owner}
		live, err = c.secrets.Secrets(at.namespace).Patch(ctx, at.name, types.JSONPatchType, patch, options)
		return err
	})
	if err == nil {
		w.Wrote(live.ResourceVersion)
	}
	return live, err
}

// withFields returns a patch that gives the managed fields at an index another set, or takes them away when it is empty. Whoever has
// changed the Secret meanwhile makes it fail.
func withFields(live *corev1.Secret, index int, fields *fieldpath.Set) ([]byte, error) {
	entries := slices.Clone(live.ManagedFields)
	if fields.Empty() {
		entries = slices.Delete(entries, index, index+1)
	} else {
		raw, err := fields.ToJSON()
		if err != nil {
			return nil, err
		}
		entries[index].FieldsV1 = metav1.NewFieldsV1(string(raw))
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	return json.Marshal([]operation{
		{"replace", "/metadata/managedFields", entries}, {"replace", "/metadata/resourceVersion", live.ResourceVersion},
	})
}
