package apply

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// Do carries out a change. target is the Secret that the change was made for, nil when there was none. An error is
// fault.Denied, fault.Invalid or fault.Unavailable, and names what was refused.
func Do(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, target *corev1.Secret, change Change) error {
	switch change.Action {
	case Keep, Wait:
		return nil
	case Delete:
		err := c.Delete(ctx, target, client.Preconditions{UID: &target.UID})
		return writeError(client.IgnoreNotFound(err), "delete", target.Namespace, target.Name)
	case Write:
		if err := write(ctx, c, owner, change.Desired); err != nil || len(change.Remove) == 0 {
			return err
		}
		return removeKeys(ctx, c, owner, change.Remove)
	}
	return nil
}

// write applies d. Where the target is shared, a field of another ExternalSecret is not taken from it.
func write(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, d render.Desired) error {
	config, manager := configuration(owner, d), client.FieldOwner(FieldManager(owner.Name))
	if !owns(owner.Spec.Target.CreationPolicyOrDefault()) {
		err := c.Apply(ctx, config, manager)
		if !apierrors.IsConflict(err) {
			return writeError(err, "patch", owner.Namespace, owner.TargetName())
		}
		if err := rival(ctx, c, owner, err); err != nil {
			return err
		}
	}
	return writeError(c.Apply(ctx, config, manager, client.ForceOwnership), "patch", owner.Namespace, owner.TargetName())
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
			if found[1] == FieldManager(other.Name) && other.TargetName() == owner.TargetName() {
				return fault.Wrap(fault.Conflict, refused, "%s of secret %q is delivered by ExternalSecret %q with another value: "+
					"let one of the two use another key", strings.TrimPrefix(cause.Field, "."), owner.TargetName(), other.Name)
			}
		}
	}
	return nil
}

func configuration(owner *esv1.ExternalSecret, d render.Desired) *corev1ac.SecretApplyConfiguration {
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
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return fault.Wrap(fault.Unknown, err, "the patch that removes keys cannot be written")
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: owner.TargetName()}}
	err = c.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager(owner.Name)))
	return writeError(err, "patch", owner.Namespace, owner.TargetName())
}

// Orphans deletes the Secrets that owner made under another name, and returns their names.
func Orphans(ctx context.Context, c client.Client, owner *esv1.ExternalSecret) ([]string, error) {
	var made corev1.SecretList
	mine := client.MatchingLabels{esv1.LabelCreatedBy: CreatedBy(owner.Namespace, owner.Name)}
	if err := c.List(ctx, &made, client.InNamespace(owner.Namespace), mine); err != nil {
		return nil, writeError(err, "list", owner.Namespace, "")
	}
	var deleted []string
	for i := range made.Items {
		secret := &made.Items[i]
		if secret.Name == owner.TargetName() || !metav1.IsControlledBy(secret, owner) {
			continue
		}
		if err := client.IgnoreNotFound(c.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})); err != nil {
			return deleted, writeError(err, "delete", secret.Namespace, secret.Name)
		}
		deleted = append(deleted, secret.Name)
	}
	return deleted, nil
}

// writeError gives an error of the API server a kind, and a text without what the server quotes.
func writeError(err error, verb, namespace, name string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fault.Wrap(fault.Invalid, err, "namespace %q is being deleted", namespace)
	case apierrors.IsForbidden(err):
		return fault.Wrap(
			fault.Denied,
			err,
			"the operator may not %s secret %q in namespace %q: grant it the verb %q on secrets there, "+
				"or look for an admission policy or quota that refuses it",
			verb,
			name,
			namespace,
			verb,
		)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return fault.Wrap(fault.Invalid, err, "the API server refuses secret %q in namespace %q: %s", name, namespace, refusal(err))
	case apierrors.IsConflict(err):
		return fault.Wrap(fault.Unavailable, err, "secret %q in namespace %q changed at the same moment", name, namespace)
	default:
		return fault.Wrap(fault.Unavailable, err, "could not %s secret %q in namespace %q", verb, name, namespace)
	}
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
