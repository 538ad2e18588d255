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
	c = writer(c, owner)
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

// remove deletes an object as it was seen, unless it is gone already. Nobody waits until the cache has noticed: of an object
// that has lost the label by which the cache selects, it never does.
func remove(ctx context.Context, c client.Client, object client.Object, at fault.Object) error {
	uid := object.GetUID()
	err := c.Delete(ctx, object, client.Preconditions{UID: &uid}, client.DisableReadYourWritesConsistency)
	return fault.OfWrite(client.IgnoreNotFound(err), "delete", at)
}

// write applies d. Where the target is shared, a field of another ExternalSecret is not taken from it.
func write(ctx context.Context, c client.Client, owner *esv1.ExternalSecret, d render.Desired) error {
	config, manager := configuration(owner, d), client.FieldOwner(FieldManager(owner.Name))
	if !owns(owner.Spec.Target.CreationPolicyOrDefault()) {
		err := c.Apply(ctx, config, manager)
		if !apierrors.IsConflict(err) {
			return fault.OfWrite(err, "patch", placeOf(owner))
		}
		if err := rival(ctx, c, owner, err); err != nil {
			return err
		}
	}
	return fault.OfWrite(c.Apply(ctx, config, manager, client.ForceOwnership), "patch", placeOf(owner))
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
				field := strings.TrimPrefix(cause.Field, ".")
				if m := owner.Spec.Target.Manifest; !m.IsSecret() && !m.IsConfigMap() {
					field = asWritten(&owner.Spec.Target, field)
				}
				return fault.Wrap(fault.Conflict, refused, "%s of %s is delivered by ExternalSecret %q with another value: "+
					"let one of the two use another key", field, described(owner), other.Name)
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
	return fault.OfWrite(err, "patch", placeOf(owner))
}

// Orphans deletes the Secrets that owner made under another name, or before its target became one of another kind, and
// returns their names.
func Orphans(ctx context.Context, c client.Client, owner *esv1.ExternalSecret) ([]string, error) {
	var made corev1.SecretList
	mine := client.MatchingLabels{esv1.LabelCreatedBy: CreatedBy(owner.Namespace, owner.Name)}
	secrets := fault.Object{Kind: "secret", Resource: "secrets", Namespace: owner.Namespace}
	if err := c.List(ctx, &made, client.InNamespace(owner.Namespace), mine); err != nil {
		return nil, fault.OfWrite(err, "list", secrets)
	}
	var deleted []string
	for i := range made.Items {
		secret := &made.Items[i]
		target := secret.Name == owner.TargetName() && owner.Spec.Target.Manifest.IsSecret()
		if target || !metav1.IsControlledBy(secret, owner) {
			continue
		}
		secrets.Name = secret.Name
		if err := remove(ctx, c, secret, secrets); err != nil {
			return deleted, err
		}
		deleted = append(deleted, secret.Name)
	}
	return deleted, nil
}
