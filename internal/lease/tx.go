package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// booking is how long a lease that nobody has received yet is kept. It is longer than the distance of two tries.
	booking = 15 * time.Minute
	// renewal is how much of that must be left for another try.
	renewal = 10 * time.Minute
	// finishing is the time for one step that must not be left half done.
	finishing = time.Minute
)

// Tx is what one sync of an owner obtains from generators. It is begun before the first of them runs and ends with
// Deliver, when the values have been written, with Close, when nobody is going to have them, or with neither, when
// another try is going to deliver them. It is for one goroutine, and an owner has one at a time.
type Tx struct {
	runner  *Runner
	owner   Owner
	request string
	booked  []State
	// patient says that values are returned though they are aged.
	patient bool
	aged    []State
}

// Begin begins a transaction. request is what asked for new values, such as the value of an annotation; it may be empty.
func (r *Runner) Begin(owner Owner, request string) *Tx {
	return &Tx{runner: r, owner: owner, request: request}
}

// Patient lets Run return also values of an earlier try of whose time so much has passed that others are to be delivered in their
// place. Whoever calls it asks Aged before it delivers, sees whether these could be delivered, and calls Renew then: what fails for
// hours obtains nothing that nobody receives.
func (t *Tx) Patient() { t.patient = true }

// Aged says that Run has returned such values. They must not be delivered.
func (t *Tx) Aged() bool { return len(t.aged) > 0 }

// Renew gives back all aged values, so that Run obtains others in their place.
func (t *Tx) Renew(ctx context.Context) error {
	r := t.runner
	for _, state := range t.aged {
		if err := r.Ledger.release(ctx, state, r.Clock.Now()); err != nil {
			return err
		}
	}
	t.aged, t.booked, t.patient = nil, nil, false // what is not aged is returned, and booked, once more
	return nil
}

// Run returns new values of a generator for the given slot of the owner: those of an earlier try that were not delivered,
// or those of a run. A lease is written down before its values are returned; where that fails it is given back at once.
// The values are the caller's to change.
func (t *Tx) Run(ctx context.Context, slot string, bound generators.Bound) (map[string][]byte, error) {
	ctx, cancel := unhurried(ctx)
	defer cancel()
	r, of := t.runner, holderOf(t.owner)
	id := strings.Join([]string{
		string(t.owner.GetUID()), t.request, string(bound.Object().GetUID()), strconv.FormatInt(bound.Object().GetGeneration(), 10),
	}, "|")
	if begun, ok := r.rounds.get(of, slot, id); ok {
		usable, err := t.resume(ctx, &begun, slot, bound)
		if err != nil {
			return nil, err
		}
		if usable {
			r.rounds.begin(of, slot, begun)
			return maps.Clone(begun.result.Data), nil
		}
	}
	result, err := bound.Generate(ctx, r.env(t.owner.GetNamespace(), bound))
	if err != nil {
		return nil, t.discard(ctx, result.Lease, slot, bound, fault.In(err, "%s", described(bound)))
	}
	begun := round{id: id, result: result}
	if result.Lease != nil {
		if r.Ledger == nil {
			return nil, r.refuse(ctx, t.owner.GetNamespace(), bound, result.Lease)
		}
		if err := t.book(ctx, &begun, slot, bound); err != nil {
			return nil, t.undo(ctx, begun, slot, bound, err)
		}
	}
	r.rounds.begin(of, slot, begun)
	return maps.Clone(result.Data), nil
}

// unhurried returns a context for what must not be left half done, also when the operator is told to stop.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), finishing)
}

// undo gives back at once what could not be written down. What cannot be given back either is kept in mind, to be written
// down by the next try.
func (t *Tx) undo(ctx context.Context, begun round, slot string, bound generators.Bound, cause error) error {
	ctx, cancel := unhurried(ctx)
	defer cancel()
	r := t.runner
	if err := bound.Revoke(ctx, begun.result.Lease.State, r.env(t.owner.GetNamespace(), bound)); err != nil {
		r.rounds.begin(holderOf(t.owner), slot, begun)
		return fault.In(cause, "%s: what it obtained could not be given back (%s) and not be written down",
			described(bound), fault.Message(err))
	}
	return costly(fault.In(cause, "%s: what it obtained could not be written down, and was given back", described(bound)))
}

// discard gives back at once what came with an error, and returns that error. What cannot be given back now is written down, for the
// collector to try again.
func (t *Tx) discard(ctx context.Context, obtained *generators.Lease, slot string, bound generators.Bound, why error) error {
	if obtained == nil {
		return why
	}
	r := t.runner
	err := bound.Revoke(ctx, obtained.State, r.env(t.owner.GetNamespace(), bound))
	if err != nil && r.Ledger != nil {
		useless := round{result: generators.Result{Lease: obtained}}
		if err = t.book(ctx, &useless, slot, bound); err == nil {
			t.booked = t.booked[:len(t.booked)-1]
			err = r.Ledger.release(ctx, *useless.state, r.Clock.Now())
		}
	}
	said := fault.Message(why)
	if err != nil {
		said += ". What was obtained could not be given back: " + fault.Message(err)
	}
	return costly(&fault.Error{Kind: fault.KindOf(why), Message: said, RetryAfter: fault.RetryAfter(why), Cause: why})
}

// costly returns err as one after which each try uses something up.
func costly(err error) error {
	return &fault.Error{Kind: fault.KindOf(err), Message: fault.Message(err), RetryAfter: fault.RetryAfter(err), Costly: true, Cause: err}
}

// resume reports whether the values of an earlier try can be delivered by this one, and sees to it that they stay until
// then.
func (t *Tx) resume(ctx context.Context, begun *round, slot string, bound generators.Bound) (bool, error) {
	obtained := begun.result.Lease
	if obtained == nil {
		return true, nil
	}
	if begun.state == nil {
		return true, fault.In(t.book(ctx, begun, slot, bound), "%s", described(bound))
	}
	now := t.runner.Clock.Now()
	var state genv1alpha1.GeneratorState
	err := t.runner.Ledger.Live.Get(ctx, client.ObjectKeyFromObject(begun.state), &state)
	if err != nil {
		return false, t.runner.Ledger.refused(client.IgnoreNotFound(err), "get", *begun.state)
	}
	found := State{&state}
	if !found.Undelivered() || !found.DeletionTimestamp.IsZero() {
		return false, nil
	}
	aged := found.aged(now)
	if aged && !t.patient {
		return false, t.runner.Ledger.release(ctx, found, now)
	}
	if deadline := found.Spec.GarbageCollectionDeadline; deadline != nil && deadline.Sub(now) < renewal {
		if err := t.runner.Ledger.extend(ctx, found, now.Add(booking)); err != nil {
			return false, err
		}
	}
	begun.state = &found
	if aged {
		t.aged = append(t.aged, found)
	} else {
		t.booked = append(t.booked, found)
	}
	return true, nil
}

// book writes down what a run obtained.
func (t *Tx) book(ctx context.Context, begun *round, slot string, bound generators.Bound) error {
	ledger, obtained := t.runner.Ledger, begun.result.Lease
	resource, err := snapshot(bound)
	if err != nil {
		return err
	}
	keys, err := json.Marshal(slices.Sorted(maps.Keys(begun.result.Data)))
	if err != nil {
		return fault.Wrap(fault.Unknown, err, "the keys of the values have no JSON form")
	}
	now := t.runner.Clock.Now()
	state := State{&genv1alpha1.GeneratorState{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       t.owner.GetNamespace(),
			GenerateName:    fmt.Sprintf("gen-%s-%s-", strings.ToLower(bound.Kind()), bound.Object().GetName()),
			Labels:          map[string]string{genv1alpha1.LabelOwnerKey: t.owner.key()},
			Finalizers:      []string{genv1alpha1.FinalizerGeneratorState},
			OwnerReferences: []metav1.OwnerReference{t.owner.reference()},
			Annotations: map[string]string{
				genv1alpha1.AnnotationUndelivered: "true",
				genv1alpha1.AnnotationSlot:        slot,
				genv1alpha1.AnnotationValues:      ledger.sign(t.owner, begun.result.Data),
				genv1alpha1.AnnotationKeys:        string(keys),
				genv1alpha1.AnnotationRequest:     ledger.asked(t.request),
				genv1alpha1.AnnotationIssuedAt:    now.UTC().Format(time.RFC3339),
			},
		},
		Spec: genv1alpha1.GeneratorStateSpec{
			Resource:                  resource,
			State:                     runtime.RawExtension{Raw: obtained.State},
			GarbageCollectionDeadline: &metav1.Time{Time: now.Add(booking)},
		},
	}}
	if !obtained.ExpiresAt.IsZero() {
		state.Annotations[genv1alpha1.AnnotationExpiresAt] = obtained.ExpiresAt.UTC().Format(time.RFC3339)
	}
	ctx, cancel := unhurried(ctx)
	defer cancel()
	if err := ledger.Client.Create(ctx, state.GeneratorState); err != nil {
		return ledger.refused(err, "create", state)
	}
	begun.state = &state
	t.booked = append(t.booked, state)
	return nil
}

// Booked returns the states of what this transaction obtained and has not delivered or given back.
func (t *Tx) Booked() []State { return t.booked }

// Yielded says whether the values of a state are these, as they were before anything was made of them.
func (t *Tx) Yielded(s State, values map[string][]byte) bool {
	return t.runner.Ledger != nil && s.Annotations[genv1alpha1.AnnotationValues] == t.runner.Ledger.sign(t.owner, values)
}

// AskedFor says whether it was this request that a state was made for.
func (r *Runner) AskedFor(s State, request string) bool {
	return r.Ledger != nil && s.Annotations[genv1alpha1.AnnotationRequest] == r.Ledger.asked(request)
}

// Deliver says that what this transaction obtained is in use now. Of known, the states of the owner as they were, those for
// which still is false are not in use any more, and are collected after the grace period; a nil still is always false. An
// error leaves everything so that Settle completes it.
//
// What was replaced is marked first: as long as the successor is undelivered, Settle knows that there is something to do.
func (t *Tx) Deliver(ctx context.Context, known []State, still func(State) bool) error {
	r := t.runner
	r.rounds.end(holderOf(t.owner))
	if r.Ledger == nil {
		return nil
	}
	booked := t.booked
	t.booked = nil
	return r.Ledger.deliver(ctx, booked, known, still, r.Clock.Now().Add(r.Ledger.Grace))
}

// Close gives back what this transaction obtained and has not delivered. Without any there is nothing to do.
func (t *Tx) Close(ctx context.Context) error {
	r := t.runner
	r.rounds.end(holderOf(t.owner))
	for _, state := range t.booked {
		if err := r.Ledger.release(ctx, state, r.Clock.Now()); err != nil {
			return err
		}
	}
	t.booked = nil
	return nil
}

// States returns the states of owner as the cache has them.
func (r *Runner) States(ctx context.Context, owner Owner) ([]State, error) {
	if r.Ledger == nil {
		return nil, nil
	}
	return r.Ledger.cached(ctx, owner)
}

// Current returns the states of owner as the API server has them. It is for decisions that must not rest on a stale cache.
func (r *Runner) Current(ctx context.Context, owner Owner) ([]State, error) {
	if r.Ledger == nil {
		return nil, nil
	}
	return r.Ledger.current(ctx, owner)
}

// Settle decides about what earlier transactions of owner have left undelivered, and returns the states as they are then,
// asked of the API server. held says whether the values of a state are in use; of those that were in use and are not, what
// has taken their place is known then. What nobody has is given back when its deadline has passed, until which a write that
// is under way, or another try, may still deliver it. States without an owner, as they are after the owner was deleted and
// they were not, and it was made anew, are owned again.
func (r *Runner) Settle(ctx context.Context, owner Owner, held func(State) bool) ([]State, error) {
	states, err := r.Current(ctx, owner)
	if err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	var arrived, others []State
	for _, state := range states {
		if state.Orphaned() {
			if _, err := r.Ledger.change(ctx, state, func(s *genv1alpha1.GeneratorState) {
				s.OwnerReferences = append(s.OwnerReferences, owner.reference())
			}); err != nil {
				return nil, err
			}
		}
		switch {
		case !state.Undelivered():
			others = append(others, state)
		case held(state):
			arrived = append(arrived, state)
		case state.Overdue(now) && state.DeletionTimestamp.IsZero():
			if err := r.Ledger.release(ctx, state, now); err != nil {
				return nil, err
			}
		}
	}
	if len(arrived) > 0 {
		if err := r.Ledger.deliver(ctx, arrived, others, held, now.Add(r.Ledger.Grace)); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Forget drops what is remembered of an owner that is gone.
func (r *Runner) Forget(kind string, name types.NamespacedName) {
	r.rounds.end(holder{kind: kind, name: name})
}
