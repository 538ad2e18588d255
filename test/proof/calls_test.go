package proof_test

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind says what a call does to the world.
type kind string

const (
	// peek reads from the operator's cache: it cannot fail, and takes part in nothing but what it shows.
	peek kind = "peek"
	// read reads from a server.
	read kind = "read"
	// write changes something on a server.
	write kind = "write"
	// mint runs the generator.
	mint kind = "mint"
)

// call is one step of the operator over the border of its process.
type call struct {
	name string
	kind kind
	// store is the namespace of the store that it goes to; empty for the operator's own API server.
	store string
	// age is how many changes the cache has seen since the present step of the play began.
	age int
}

// never is the place of a disturbance that is not at a call.
const never = -1

// disturbance is what goes wrong in one run, at one call.
type disturbance struct {
	name string
	// at is the number of the call, from 0; or never.
	at int
	// before and after happen around the call; nil for nothing.
	before, after func(*world, *process)
	// refusal is what the caller gets in place of an answer; nil for the answer. spared says that the call has no effect.
	refusal error
	spared  bool
	// loose says that a round may fall together with another one, or not be needed any more.
	loose bool
}

// errDead is what a process gets that has died in the meantime: nothing that it does has an effect any more. It looks like
// something that nobody tries again.
var errDead = apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("this process is dead"))

// The refusals of a server that has a bad moment.
func conflict() error {
	return apierrors.NewConflict(schema.GroupResource{Resource: "things"}, "thing", errors.New("the object has been modified"))
}

func broken() error { return apierrors.NewInternalError(errors.New("a bad moment")) }

func timeout() error { return apierrors.NewTimeoutError("too late", 0) }

func outOfReach() error { return apierrors.NewServiceUnavailable("out of reach") }

// call makes one call of a process, unless it is dead or something goes wrong.
func (p *process) call(c call, effect func() error) error {
	w := p.world
	if p.dead {
		return errDead
	}
	number := len(w.calls)
	c.age = len(w.past) - w.step
	w.calls = append(w.calls, c)
	if c.kind == write || c.kind == mint {
		w.effects++
	}
	if w.down[c.store] > 0 && c.store != "" {
		return outOfReach()
	}
	d := w.disturbance
	if d == nil || d.at != number {
		return effect()
	}
	w.disturbance = nil
	w.struck = c
	if d.before != nil {
		d.before(w, p)
	}
	if p.dead {
		return errDead
	}
	var err error
	if !d.spared {
		err = effect()
	}
	if d.after != nil {
		d.after(w, p)
	}
	switch {
	case p.dead:
		return errDead
	case d.refusal != nil:
		return d.refusal
	default:
		return err
	}
}

// statusOf returns an error as a server puts it into an answer.
func statusOf(err error) metav1.Status {
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		status := known.Status()
		status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		return status
	}
	return apierrors.NewInternalError(err).Status()
}
