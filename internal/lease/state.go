package lease

import (
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Owner is an object that values are generated for.
type Owner struct {
	metav1.Object

	// Kind of the object, with its group and version.
	Kind schema.GroupVersionKind
}

// key names the owner in a label of its states. An object that is made anew under the same name has the same.
func (o Owner) key() string {
	sum := sha3.Sum224([]byte(strings.Join([]string{o.Kind.Kind, o.GetNamespace(), o.GetName()}, "/")))
	return hex.EncodeToString(sum[:])
}

// labelled says whether a state belongs to the owner whose key is given.
func labelled(key string, state *genv1alpha1.GeneratorState) bool {
	return state.Labels[genv1alpha1.LabelOwnerKey] == key
}

// owns says whether an owner reference of the state names the owner: those of the reference implementation have no more.
func (o Owner) owns(state *genv1alpha1.GeneratorState) bool {
	return slices.ContainsFunc(state.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == o.GetUID() })
}

// reference does not block the deletion of the owner, which would take a right to the finalizers of its kind.
func (o Owner) reference() metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: o.Kind.GroupVersion().String(), Kind: o.Kind.Kind, Name: o.GetName(), UID: o.GetUID(), Controller: new(true),
	}
}

// State is a GeneratorState, read as the lease that it describes.
type State struct{ *genv1alpha1.GeneratorState }

// Slot names the place in the owner that the values are for; empty when it is not known.
func (s State) Slot() string { return s.Annotations[genv1alpha1.AnnotationSlot] }

// Keys are those of the values; nil when they are not known.
func (s State) Keys() []string {
	var keys []string
	if json.Unmarshal([]byte(s.Annotations[genv1alpha1.AnnotationKeys]), &keys) != nil {
		return nil
	}
	return keys
}

// Issued is when the lease began; zero when it is not known.
func (s State) Issued() time.Time { return s.time(genv1alpha1.AnnotationIssuedAt) }

// Expires is when the lease ends by itself; zero when it does not, or it is not known.
func (s State) Expires() time.Time { return s.time(genv1alpha1.AnnotationExpiresAt) }

func (s State) time(annotation string) time.Time {
	at, err := time.Parse(time.RFC3339, s.Annotations[annotation])
	if err != nil {
		return time.Time{}
	}
	return at
}

// Undelivered says that nobody is known to have the values.
func (s State) Undelivered() bool {
	_, undelivered := s.Annotations[genv1alpha1.AnnotationUndelivered]
	return undelivered
}

// Orphaned says that nothing owns the state, so that it would not go with its owner.
func (s State) Orphaned() bool { return len(s.OwnerReferences) == 0 }

// Live says that the values are in use: they were delivered, and nothing has taken their place.
func (s State) Live() bool {
	return !s.Undelivered() && s.Spec.GarbageCollectionDeadline == nil && s.DeletionTimestamp.IsZero()
}

// Overdue says that the deadline of the state has passed.
func (s State) Overdue(now time.Time) bool {
	return s.Spec.GarbageCollectionDeadline != nil && !now.Before(s.Spec.GarbageCollectionDeadline.Time)
}

// Undecided returns how long it is from now until the first of states may be given back that nobody is known to have received; zero
// when there is none.
func Undecided(states []State, now time.Time) time.Duration {
	var next time.Duration
	for _, s := range states {
		if !s.Undelivered() || !s.DeletionTimestamp.IsZero() || s.Spec.GarbageCollectionDeadline == nil {
			continue
		}
		if wait := s.Spec.GarbageCollectionDeadline.Sub(now); wait > 0 && (next == 0 || wait < next) {
			next = wait
		}
	}
	return next
}

// aged reports whether less than half of the time is left.
func (s State) aged(now time.Time) bool {
	return !s.Expires().IsZero() && s.Expires().Sub(now) < s.Expires().Sub(s.Issued())/2
}

// Missing reports whether one of the states of the given names is gone, or goes: what it described is of no use then.
func Missing(states []State, names []string) bool {
	there := func(name string) bool {
		return slices.ContainsFunc(states, func(s State) bool { return s.Name == name && s.DeletionTimestamp.IsZero() })
	}
	return slices.ContainsFunc(names, func(name string) bool { return !there(name) })
}

// snapshot returns the generator as it is, with what is needed to bind it again and no more.
func snapshot(bound generators.Bound) (runtime.RawExtension, error) {
	object := bound.Object()
	kind := bound.Kind()
	if _, cluster := object.(*genv1alpha1.ClusterGenerator); cluster {
		kind = genv1alpha1.KindClusterGenerator
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return runtime.RawExtension{}, fault.Wrap(fault.Unknown, err, "the spec cannot be written as JSON")
	}
	metadata := map[string]any{"name": object.GetName(), "uid": string(object.GetUID()), "generation": object.GetGeneration()}
	if object.GetNamespace() != "" {
		metadata["namespace"] = object.GetNamespace()
	}
	raw, err := json.Marshal(map[string]any{
		"apiVersion": genv1alpha1.GroupVersion().String(), "kind": kind, "metadata": metadata, "spec": fields["spec"],
	})
	if err != nil {
		return runtime.RawExtension{}, fault.Wrap(fault.Unknown, err, "the spec cannot be written as JSON")
	}
	return runtime.RawExtension{Raw: raw}, nil
}
