package plan

import (
	"slices"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Push decides whether a PushSecret is to be pushed. It differs from Refresh in what interval 0 means: values are not
// read again, but a change of the object is still carried out, with the values that the stores hold, and what was changed
// in a store is mended. generated says that the source is a generator; replaces, that existing values are to be replaced,
// without which nothing asks for a new value.
func Push(f Facts, generated, replaces bool) Decision {
	// A rotation that stopped half way waits while nothing may be replaced.
	f.Rotating = f.Rotating && replaces
	d := push(f, generated)
	if !d.Rotate && d.Reason != ReasonNeverSynced && generated && replaces && f.Interval != 0 {
		d = withPushedLease(f, d)
	}
	d.Rotate = d.Rotate && generated && replaces
	if !d.Due {
		d.Next = sooner(d.Next, f)
	}
	return d
}

// withPushedLease makes a rotation due for a lease that ends, or that was given back, also where a look at what was pushed is due.
func withPushedLease(f Facts, d Decision) Decision {
	switch {
	case f.LeaseGone:
		return Decision{Due: true, Rotate: true, Reason: ReasonLeaseGone}
	case f.Lease.Ends(f.Identity, f.Now):
		return Decision{Due: true, Rotate: true, Reason: ReasonLeaseEnds}
	case d.Due:
		return d
	}
	d.Next = Sooner(d.Next, f.Lease.Due(f.Identity).Sub(f.Now))
	return d
}

func push(f Facts, generated bool) Decision {
	switch {
	case f.Rotating && generated:
		return Decision{Due: true, Rotate: true, Reason: ReasonRotating}
	case f.RefreshTime.IsZero() || f.SyncedVersion == "":
		return Decision{Due: true, Reason: ReasonNeverSynced}
	case forced(f):
		return Decision{Due: true, Rotate: true, Reason: ReasonForceSync}
	case asked(f):
		return some(f)
	}
	return unasked(f, generated)
}

// unasked decides about a PushSecret that was pushed before and of which nobody asks for new values.
func unasked(f Facts, generated bool) Decision {
	switch {
	case f.Version != f.SyncedVersion:
		return Decision{Due: true, Reason: ReasonObjectChanged}
	case !f.PreviousOver.IsZero() && !f.Now.Before(f.PreviousOver):
		return Decision{Due: true, Reason: ReasonPreviousOver}
	case f.Interval != 0:
		return periodic(f)
	case generated && f.Inputs != f.SyncedInputs:
		return Decision{Due: true, Reason: ReasonInputChanged}
	case f.SourceChanged:
		return Decision{Due: true, Reason: ReasonSourceChanged}
	}
	return Decision{Reason: ReasonFrozen}
}

// some is the decision when new values of single keys are asked for. Where all of them are due at the same time, that is one round
// and not two: those who still have the previous value would not know the one between.
func some(f Facts) Decision {
	if f.Policy == esv1.RefreshPeriodic && f.Interval != 0 {
		if d := periodic(f); d.Rotate {
			return d
		}
	}
	return Decision{Due: true, Rotate: true, Reason: ReasonRotate}
}

// asked reports whether new values of single keys are asked for.
func asked(f Facts) bool { return f.Rotate != "" && f.Rotate != f.HandledRotate }

// RotateKeys returns the keys that the annotation sluice.dev/rotate names of which new values are asked for: separated by commas, up to
// an @. A value that names none is fault.Invalid.
func RotateKeys(value string) ([]string, error) {
	names, _, _ := strings.Cut(value, "@")
	keys := strings.Split(names, ",")
	for i := range keys {
		keys[i] = strings.TrimSpace(keys[i])
	}
	if keys = slices.DeleteFunc(keys, func(key string) bool { return key == "" }); len(keys) == 0 {
		return nil, fault.New(fault.Invalid, "annotation %s names no key before the @: force-sync rotates all", esv1.AnnotationRotate)
	}
	return keys, nil
}
