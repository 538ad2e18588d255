package lease

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/fingerprint"
)

// Ledger is where leases are written down.
type Ledger struct {
	// Client reads GeneratorStates from a cache, and writes them.
	Client client.Client
	// Live reads them from the API server.
	Live client.Reader
	// Hasher recognises values.
	Hasher fingerprint.Hasher
	// Grace is how long what was replaced may still be used.
	Grace time.Duration
}

// cached returns the states of owner as the cache has them.
func (l *Ledger) cached(ctx context.Context, owner Owner) ([]State, error) {
	key := owner.key() // once: a namespace may have thousands of states
	return list(ctx, l.Client, owner, nil, func(s *genv1alpha1.GeneratorState) bool { return labelled(key, s) || owner.owns(s) })
}

// current returns the states of owner as the API server has them: by their label, so that the answer is no larger than it has to be
// in a namespace with thousands of states. Those of the reference implementation do not have it, and are taken from the cache: nobody
// makes any more of them.
func (l *Ledger) current(ctx context.Context, owner Owner) ([]State, error) {
	key := owner.key()
	own, err := list(ctx, l.Live, owner, client.MatchingLabels{genv1alpha1.LabelOwnerKey: key}, func(*genv1alpha1.GeneratorState) bool { return true })
	if err != nil {
		return nil, err
	}
	inherited, err := list(ctx, l.Client, owner, nil, func(s *genv1alpha1.GeneratorState) bool { return !labelled(key, s) && owner.owns(s) })
	return append(own, inherited...), err
}

// list returns the states in the namespace of owner that have a label, or any for the zero value, and for which is holds.
func list(
	ctx context.Context, reader client.Reader, owner Owner, label client.MatchingLabels, is func(*genv1alpha1.GeneratorState) bool,
) ([]State, error) {
	var all genv1alpha1.GeneratorStateList
	if err := reader.List(ctx, &all, client.InNamespace(owner.GetNamespace()), label, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fault.OfWrite(err, "list", fault.Object{
			Kind: "GeneratorState", Resource: "generatorstates", Namespace: owner.GetNamespace(),
		})
	}
	var states []State
	for i := range all.Items {
		if is(&all.Items[i]) {
			states = append(states, State{all.Items[i].DeepCopy()})
		}
	}
	return states, nil
}

// sign returns the fingerprint of values that were generated for owner.
func (l *Ledger) sign(owner Owner, values map[string][]byte) string {
	return l.Hasher.KeyID() + "." + l.Hasher.Of([]map[string][]byte{values}, owner.GetNamespace(), owner.GetName())
}

// asked returns the fingerprint of what asked for values.
func (l *Ledger) asked(request string) string {
	return l.Hasher.KeyID() + "." + l.Hasher.Of(nil, "request", request)
}

// deliver marks those of known that are live and not still in use, and then takes the mark off what has arrived.
func (l *Ledger) deliver(ctx context.Context, arrived, known []State, still func(State) bool, deadline time.Time) error {
	for _, state := range known {
		if state.Live() && (still == nil || !still(state)) {
			if err := l.extend(ctx, state, deadline); err != nil {
				return err
			}
		}
	}
	for _, state := range arrived {
		if err := l.confirm(ctx, state); err != nil {
			return err
		}
	}
	return nil
}

// extend sets the deadline of a state that has none, or puts it off.
func (l *Ledger) extend(ctx context.Context, state State, deadline time.Time) error {
	_, err := l.change(ctx, state, func(s *genv1alpha1.GeneratorState) {
		s.Spec.GarbageCollectionDeadline = &metav1.Time{Time: deadline}
	})
	return err
}

// release has a state collected at once: whoever has decided that must not change its mind.
func (l *Ledger) release(ctx context.Context, state State, now time.Time) error {
	_, err := l.change(ctx, state, func(s *genv1alpha1.GeneratorState) {
		delete(s.Annotations, genv1alpha1.AnnotationUndelivered)
		s.Spec.GarbageCollectionDeadline = &metav1.Time{Time: now}
	})
	return err
}

// confirm keeps a state for as long as nothing takes its place.
func (l *Ledger) confirm(ctx context.Context, state State) error {
	stays, err := l.change(ctx, state, func(s *genv1alpha1.GeneratorState) {
		delete(s.Annotations, genv1alpha1.AnnotationUndelivered)
		s.Spec.GarbageCollectionDeadline = nil
	})
	if err == nil && !stays {
		err = fault.New(fault.Conflict, "GeneratorState %q was deleted before its values were delivered, and with it they are given back: "+
			"others are obtained at the next refresh", state.Name)
	}
	return err
}

// change patches a state, which becomes what the API server answers, and reports whether it stays. One that is gone is no
// error. Nothing depends on the version of the object: its owner alone decides, and the collector writes no more than its status
// and finalizers.
func (l *Ledger) change(ctx context.Context, state State, edit func(*genv1alpha1.GeneratorState)) (stays bool, err error) {
	before := state.DeepCopy()
	edit(state.GeneratorState)
	err = l.Client.Patch(ctx, state.GeneratorState, client.MergeFrom(before))
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return state.DeletionTimestamp.IsZero(), l.refused(err, "patch", state)
}

func (*Ledger) refused(err error, verb string, state State) error {
	name := state.Name
	if name == "" {
		name = state.GenerateName
	}
	return fault.OfWrite(err, verb, fault.Object{
		Kind: "GeneratorState", Resource: "generatorstates", Namespace: state.Namespace, Name: name,
	})
}
