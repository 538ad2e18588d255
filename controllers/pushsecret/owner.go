package pushsecret

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// maxFieldManager is the longest field manager that an API server accepts.
const maxFieldManager = 128

// owner returns the field manager under which a PushSecret writes. It is short enough for the API server and for no two
// PushSecrets the same.
func owner(ps metav1.Object) string {
	if name := esv1alpha1.FieldManagerPrefix + ps.GetNamespace() + "/" + ps.GetName(); len(name) <= maxFieldManager {
		return name
	}
	return esv1alpha1.FieldManagerPrefix + hashed + plan.Digest(ps.GetNamespace()+"/"+ps.GetName())
}

// hashed stands in front of the hash of a name that is too long; no namespace is called so.
const hashed = "sha3/"

// rival returns what says which other PushSecret writes to a remote key under the name of an owner, and is not to be
// written over: the two would do that in turn for ever. One that is gone, or that wants nothing there any more, is no rival.
// An owner whose name is hashed is taken for a stranger.
func (c *Controller) rival(ctx context.Context, ps *esv1alpha1.PushSecret, key string) func(string) string {
	return func(name string) string {
		namespace, object, ok := strings.Cut(strings.TrimPrefix(name, esv1alpha1.FieldManagerPrefix), "/")
		if !ok || !strings.HasPrefix(name, esv1alpha1.FieldManagerPrefix) || strings.HasPrefix(name, esv1alpha1.FieldManagerPrefix+hashed) {
			return ""
		}
		var other esv1alpha1.PushSecret
		err := c.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: object}, &other)
		if apierrors.IsNotFound(err) || (err == nil && !competes(&other, ps, key)) {
			return ""
		}
		return fmt.Sprintf("PushSecret %q in namespace %q", object, namespace)
	}
}

// competes says whether a PushSecret keeps another one from its own values under a remote key. It does unless only the
// other one was told to replace what is there, or both push the same.
func competes(ps, other *esv1alpha1.PushSecret, key string) bool {
	outdone := other.Spec.UpdatePolicy == esv1alpha1.UpdateReplace && ps.Spec.UpdatePolicy != esv1alpha1.UpdateReplace
	return ps.UID != other.UID && ps.DeletionTimestamp.IsZero() && !outdone && wants(ps, key) && !alike(ps, other, key)
}

// alike says whether two PushSecrets bring the same values of the same Secret to a remote key. Of such, neither may wait for the
// other when the Secret changes: each would keep the other from the new value. The values of a generator are each one's own.
func alike(ps, other *esv1alpha1.PushSecret, key string) bool {
	entriesOf := func(ps *esv1alpha1.PushSecret) []esv1alpha1.PushSecretData {
		return slices.DeleteFunc(slices.Clone(ps.Spec.Data), func(entry esv1alpha1.PushSecretData) bool {
			return entry.Match.RemoteRef.RemoteKey != key
		})
	}
	one, two := &ps.Spec, &other.Spec
	return ps.Namespace == other.Namespace && one.Selector.Secret != nil && len(one.DataTo)+len(two.DataTo) == 0 &&
		equality.Semantic.DeepEqual(one.Selector, two.Selector) && equality.Semantic.DeepEqual(one.Template, two.Template) &&
		equality.Semantic.DeepEqual(entriesOf(ps), entriesOf(other))
}

// wants says whether a PushSecret has an entry for a remote key. Which keys dataTo makes is seen in the status alone.
func wants(ps *esv1alpha1.PushSecret, key string) bool {
	for i := range ps.Spec.Data {
		if ps.Spec.Data[i].Match.RemoteRef.RemoteKey == key {
			return true
		}
	}
	if len(ps.Spec.DataTo) == 0 {
		return false
	}
	for _, entries := range ps.Status.SyncedPushSecrets {
		for _, entry := range entries {
			if entry.Match.RemoteRef.RemoteKey == key {
				return true
			}
		}
	}
	return false
}
