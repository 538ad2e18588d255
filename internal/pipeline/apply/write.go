package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// Do carries out a change. target is what the change was made for, nil when there was none. An error is fault.Denied,
// fault.Invalid or fault.Unavailable, and names what was refused.
func Do(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, target *Target, change Change) error {
	switch change.Action {
	case Keep, Wait:
		return nil
	case Delete:
		return remove(ctx, c, target.Object, placeOf(owner))
	case Write:
		if err := write(ctx, c, owner, change.Desired); err != nil || len(change.Remove) == 0 {
			return err
		}
		return removeKeys(ctx, c, owner, change.Remove)
	}
	return nil
}

// remove deletes an object as it was seen, unless it is gone already.
func remove(ctx context.Context, c client.Client, object client.Object, at place) error {
	uid := object.GetUID()
	return writeError(client.IgnoreNotFound(c.Delete(ctx, object, client.Preconditions{UID: &uid})), "delete", at)
}

// write applies d. Where the target is shared, a field of another ExternalSecret is not taken from it.
func write(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, d render.Desired) error {
	config, manager := configuration(owner, d), client.FieldOwner(FieldManager(owner.Name))
	if !owns(owner.Spec.Target.CreationPolicyOrDefault()) {
		err := c.Apply(ctx, config, manager)
		if !apierrors.IsConflict(err) {
			return writeError(err, "patch", placeOf(owner))
		}
		if err := rival(ctx, c, owner, err); err != nil {
			return err
		}
	}
	return writeError(c.Apply(ctx, config, manager, client.ForceOwnership), "patch", placeOf(owner))
}

// managerInConflict finds the field manager in what the API server says of a conflict.
var managerInConflict = regexp.MustCompile(`conflict with "([^"]+)"`)

// rival returns a fault.Conflict when it was a field of another ExternalSecret that refused an apply; nil when nobody stands
// against forcing it. What an ExternalSecret that is gone has left belongs to nobody.
func rival(ctx context.Context, c client.Reader, owner *esv1.ExternalSecret, refused error) error {
	var status apierrors.APIStatus
	if !errors.As(refused, &status) || status.Status().Details == nil {
		return nil
	}
	var others esv1.ExternalSecretList
	if err := c.List(ctx, &others, client.InNamespace(owner.Namespace)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the ExternalSecrets in namespace %q could not be listed", owner.Namespace)
	}
	for _, cause := range status.Status().Details.Causes {
		found := managerInConflict.FindStringSubmatch(cause.Message)
		if cause.Type != metav1.CauseTypeFieldManagerConflict || found == nil {
			continue
		}
		for i := range others.Items {
			other := &others.Items[i]
			if found[1] == FieldManager(other.Name) && described(other) == described(owner) {
				return fault.Wrap(fault.Conflict, refused, "%s of %s is delivered by ExternalSecret %q with another value: "+
					"let one of the two use another key", strings.TrimPrefix(cause.Field, "."), described(owner), other.Name)
			}
		}
	}
	return nil
}

func configuration(owner *esv1.ExternalSecret, d render.Desired) runtime.ApplyConfiguration {
	if !owner.Spec.Target.Manifest.IsSecret() {
		return client.ApplyConfigurationFromUnstructured(object(owner, d))
	}
	config := corev1ac.Secret(owner.TargetName(), owner.Namespace).
		WithType(d.Type).WithData(d.Data).WithLabels(d.Labels).WithAnnotations(d.Annotations).WithFinalizers(d.Finalizers...)
	if owner.Spec.Target.CreationPolicyOrDefault() == esv1.CreateOwner {
		config.WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(esv1.GroupVersion().String()).WithKind(esv1.KindExternalSecret).
			WithName(owner.Name).WithUID(owner.UID).WithController(true).WithBlockOwnerDeletion(true))
	}
	if d.Immutable {
		config.WithImmutable(true)
	}
	return config
}

// removeKeys takes keys of other owners out of the target, which server-side apply leaves alone.
func removeKeys(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, keys []string) error {
	data := make(map[string]any, len(keys))
	for _, key := range keys {
		data[key] = nil
	}
	fields := map[string]any{"data": data}
	if owner.Spec.Target.Manifest.IsConfigMap() {
		fields[binaryData] = data
	}
	patch, err := json.Marshal(fields)
	if err != nil {
		return fault.Wrap(fault.Unknown, err, "the patch that removes keys cannot be written")
	}
	err = c.Patch(ctx, reference(owner), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager(owner.Name)))
	return writeError(err, "patch", placeOf(owner))
}

// Orphans deletes the Secrets that owner made under another name, or before its target became one of another kind, and
// returns their names.
func Orphans(ctx context.Context, c client.Client, owner *esv1.ExternalSecret) ([]string, error) {
	var made corev1.SecretList
	mine := client.MatchingLabels{esv1.LabelCreatedBy: CreatedBy(owner.Namespace, owner.Name)}
	secrets := place{kind: "secret", resource: "secrets", namespace: owner.Namespace}
	if err := c.List(ctx, &made, client.InNamespace(owner.Namespace), mine); err != nil {
		return nil, writeError(err, "list", secrets)
	}
	var deleted []string
	for i := range made.Items {
		secret := &made.Items[i]
		target := secret.Name == owner.TargetName() && owner.Spec.Target.Manifest.IsSecret()
		if target || !metav1.IsControlledBy(secret, owner) {
			continue
		}
		secrets.name = secret.Name
		if err := remove(ctx, c, secret, secrets); err != nil {
			return deleted, err
		}
		deleted = append(deleted, secret.Name)
	}
	return deleted, nil
}

// place is where something is written, as errors and rights name it.
type place struct{ kind, resource, namespace, name string }

func (p place) String() string {
	return fmt.Sprintf("%s %q in namespace %q", p.kind, p.name, p.namespace)
}

// writeError gives an error of the API server a kind, and a text without what the server quotes.
func writeError(err error, verb string, at place) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fault.Wrap(fault.Invalid, err, "namespace %q is being deleted", at.namespace)
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err, "the operator may not %s %s: grant it the verb %q on %s there, "+
			"or look for an admission policy or quota that refuses it", verb, at, verb, at.resource)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return fault.Wrap(fault.Invalid, err, "the API server refuses %s: %s", at, refusal(err))
	case len(mistyped(err)) > 0:
		return fault.Wrap(fault.Invalid, err, "the API server refuses %s: the schema of the kind has no such field, or one of another type: %s",
			at, strings.Join(mistyped(err), ", "))
	case apierrors.IsConflict(err):
		return fault.Wrap(fault.Unavailable, err, "%s changed at the same moment", at)
	default:
		return fault.Wrap(fault.Unavailable, err, "could not %s %s", verb, at)
	}
}

var mistypedField = regexp.MustCompile(`\.([A-Za-z0-9_.-]+): (?:expected|field not declared)`)

// mistyped lists the fields that do not fit the schema of a custom resource. The API server says so in a text alone, and as
// if the failure were its own.
func mistyped(err error) []string {
	if !strings.HasPrefix(err.Error(), "failed to create typed patch object") {
		return nil
	}
	var fields []string
	for _, match := range mistypedField.FindAllStringSubmatch(err.Error(), -1) {
		fields = append(fields, match[1])
	}
	return fields
}

var inBrackets = regexp.MustCompile(`\[[^\]]*\]`)

// refusal lists the fields that the API server finds wrong, and how; the values that its own text quotes are left out.
func refusal(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return "the object is too large or malformed"
	}
	fields := make([]string, 0, len(status.Status().Details.Causes))
	for _, cause := range status.Status().Details.Causes {
		// A key in brackets may have come out of a template.
		fields = append(fields, inBrackets.ReplaceAllString(cause.Field, "[…]")+" ("+string(cause.Type)+")")
	}
	return strings.Join(fields, ", ")
}
