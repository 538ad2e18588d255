package plan

import (
	"hash/fnv"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// Target is the state of what was delivered.
type Target uint8

// The states of a target.
const (
	// TargetIntact holds what was last delivered.
	TargetIntact Target = iota
	// TargetMissing is not there.
	TargetMissing
	// TargetDrifted was changed by somebody else.
	TargetDrifted
	// TargetUnknown was delivered, and nobody can tell whether it is intact.
	TargetUnknown
)

// Reason says why a refresh is due or not; it is a log field.
type Reason string

// The reasons.
const (
	ReasonNeverSynced    Reason = "NeverSynced"
	ReasonTargetMissing  Reason = "TargetMissing"
	ReasonTargetDrifted  Reason = "TargetDrifted"
	ReasonTargetUnknown  Reason = "TargetUnknown"
	ReasonForceSync      Reason = "ForceSync"
	ReasonRotate         Reason = "RotationAsked"
	ReasonRotating       Reason = "RotationIncomplete"
	ReasonPreviousOver   Reason = "PreviousValueOver"
	ReasonObjectChanged  Reason = "ObjectChanged"
	ReasonInputChanged   Reason = "InputChanged"
	ReasonSourceChanged  Reason = "SourceChanged"
	ReasonClockWentBack  Reason = "RefreshTimeInFuture"
	ReasonInterval       Reason = "IntervalPassed"
	ReasonLeaseEnds      Reason = "LeaseEnds"
	ReasonLeaseGone      Reason = "LeaseGone"
	ReasonNotDue         Reason = "NotDue"
	ReasonWindowClosed   Reason = "SyncWindowClosed"
	ReasonFrozen         Reason = "NeverAgain"
	ReasonUnchangedSince Reason = "ObjectUnchanged"
)

// Facts are what the decision to refresh rests on.
type Facts struct {
	// Now is the time of the decision.
	Now time.Time
	// Policy is the refresh policy.
	Policy esv1.ExternalSecretRefreshPolicy
	// Interval is the time between two refreshes; zero means never again after the first.
	Interval time.Duration
	// IntervalWritten says that the user wrote the interval.
	IntervalWritten bool
	// Identity seeds the jitter; the same object always gets the same.
	Identity string
	// Windows limit periodic refreshes; nil when there are none.
	Windows *Windows
	// RefreshTime is when the last refresh was; zero when there was none.
	RefreshTime time.Time
	// Version is the object's state, SyncedVersion the state that was last delivered.
	Version, SyncedVersion string
	// Inputs is the state of what the object refers to, SyncedInputs the state that was last delivered.
	Inputs, SyncedInputs string
	// SourceChanged says that a secret in a store has changed since it was read, as far as anybody noticed.
	SourceChanged bool
	// ForceSync is what ForceSync returns of the object, HandledForceSync what was last acted on.
	ForceSync, HandledForceSync string
	// Rotate is the value of the annotation that asks for new values of single keys, HandledRotate the value last acted on.
	Rotate, HandledRotate string
	// Rotating says that a rotation has begun and is not complete.
	Rotating bool
	// Rotated is when the last rotation was, from which the interval to the next counts; zero where it counts from RefreshTime.
	Rotated time.Time
	// PreviousOver is when a previous value is next to be taken away; zero for never.
	PreviousOver time.Time
	// Target is the state of what was delivered.
	Target Target
	// Lease is the time that what was generated is good for, of several leases the one that is to be replaced first; zero
	// when there is none that ends.
	Lease Lease
	// LeaseGone says that something that was delivered has been given back, so that it is of no use any more.
	LeaseGone bool
}

// Decision is what is to be done.
type Decision struct {
	// Due says that the sources are to be read and delivered now.
	Due bool
	// Rotate says that generators are to run though they have delivered a value before.
	Rotate bool
	// Reason says why.
	Reason Reason
	// Next is how long until the next look; zero when only a change can make a refresh due.
	Next time.Duration
}

// Fields returns the decision as keys and values for a log.
func (d Decision) Fields() []any {
	return []any{"due", d.Due, "reason", d.Reason, "rotate", d.Rotate, "next", d.Next}
}

// jitterShare is the largest part of an interval that is added to it, so that objects made at one moment do not stay
// together for ever.
const jitterShare = 20

// Refresh decides whether a refresh is due. A generator is asked for a new value only by an interval that the user
// wrote and by force-sync.
func Refresh(f Facts) Decision {
	if d, decided := first(f); decided {
		return d
	}
	if Frozen(f) {
		return Decision{Reason: ReasonFrozen}
	}
	return withLease(f, unfrozen(f))
}

func unfrozen(f Facts) Decision {
	switch {
	case forced(f):
		return Decision{Due: true, Rotate: true, Reason: ReasonForceSync}
	case asked(f):
		return some(f)
	case f.Version != f.SyncedVersion:
		return Decision{Due: true, Reason: ReasonObjectChanged}
	case f.Policy == esv1.RefreshOnChange:
		return Decision{Reason: ReasonUnchangedSince}
	default:
		return periodic(f)
	}
}

// Frozen reports whether the policy lets nothing but a damaged target make a refresh due after the first.
func Frozen(f Facts) bool {
	return f.Policy == esv1.RefreshCreatedOnce || (f.Policy != esv1.RefreshOnChange && f.Interval == 0)
}

// Follows reports whether what changes after a refresh makes another one due, so that what was read a moment too early is put
// right.
func Follows(f Facts) bool {
	return (f.Policy == "" || f.Policy == esv1.RefreshPeriodic) && f.Interval != 0
}

// first covers what makes a refresh due under every policy. A request that comes along is not lost.
func first(f Facts) (Decision, bool) {
	switch {
	case f.RefreshTime.IsZero() || f.SyncedVersion == "":
		return Decision{Due: true, Reason: ReasonNeverSynced}, true
	case f.Target == TargetMissing:
		return Decision{Due: true, Rotate: forced(f) && !Frozen(f), Reason: ReasonTargetMissing}, true
	case f.Target == TargetDrifted:
		return drifted(f), true
	case f.Target == TargetUnknown:
		return Decision{Due: true, Reason: ReasonTargetUnknown}, true
	default:
		return Decision{}, false
	}
}

// drifted is the decision for a target that somebody has changed. What is asked for mends it too.
func drifted(f Facts) Decision {
	if asked(f) && !forced(f) && !Frozen(f) {
		return Decision{Due: true, Rotate: true, Reason: ReasonRotate}
	}
	return Decision{Due: true, Rotate: forced(f) && !Frozen(f), Reason: ReasonTargetDrifted}
}

func forced(f Facts) bool { return NewRequest(f.ForceSync, f.HandledForceSync) }

// counted returns the time from which the interval counts.
func counted(f Facts) time.Time {
	if f.Rotated.IsZero() {
		return f.RefreshTime
	}
	return f.Rotated
}

func periodic(f Facts) Decision {
	due := counted(f).Add(f.Interval + Jitter(f.Identity, f.Interval))
	var d Decision
	switch {
	case counted(f).After(f.Now.Add(time.Minute)):
		d = Decision{Due: true, Reason: ReasonClockWentBack}
	// The interval comes first: a source that changes often must not put off a rotation for ever.
	case !f.Now.Before(due):
		d = Decision{Due: true, Rotate: f.IntervalWritten, Reason: ReasonInterval}
	case f.Inputs != f.SyncedInputs:
		d = Decision{Due: true, Reason: ReasonInputChanged}
	case f.SourceChanged:
		d = Decision{Due: true, Reason: ReasonSourceChanged}
	default:
		return Decision{Reason: ReasonNotDue, Next: due.Sub(f.Now)}
	}
	if wait := f.Windows.Wait(f.Now); wait > 0 {
		return Decision{Reason: ReasonWindowClosed, Next: wait}
	}
	return d
}

// Jitter returns the part of interval that is added to it for the object of the given identity: between nothing and a
// twentieth.
func Jitter(identity string, interval time.Duration) time.Duration {
	span := interval / jitterShare
	if span <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(identity))               // a hash never fails to be written
	return time.Duration(h.Sum64() % uint64(span)) //nolint:gosec // smaller than span, which fits
}

// After returns when to look again after a refresh at this moment: zero when only a change can make the next one due.
func After(f Facts) time.Duration {
	if Frozen(f) {
		return sooner(0, f)
	}
	var wait time.Duration
	if f.Policy == esv1.RefreshPeriodic {
		wait = f.Interval + Jitter(f.Identity, f.Interval)
		if !f.Rotated.IsZero() {
			wait = max(f.Rotated.Add(wait).Sub(f.Now), soon)
		}
	}
	return sooner(Sooner(wait, f.Lease.Due(f.Identity).Sub(f.Now)), f)
}

// soon is the wait for what is due already.
const soon = time.Millisecond

// sooner returns the wait, zero for ever, or that until the end of a previous value when it is shorter.
func sooner(wait time.Duration, f Facts) time.Duration {
	if f.PreviousOver.IsZero() {
		return wait
	}
	return Sooner(wait, max(f.PreviousOver.Sub(f.Now), soon))
}
