package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// lending makes what was delivered a lease that is about to end.
func lending(f *plan.Facts) {
	f.Lease = plan.Lease{From: f.Now.Add(-time.Hour), Until: f.Now.Add(time.Minute)}
}

func TestPush(t *testing.T) {
	cases := map[string]struct {
		reason              string
		facts               plan.Facts
		generated, replaces bool
		want                plan.Decision
	}{
		"single keys asked for when all are due": {
			reason: "one round, and not two of which nobody has seen the first",
			facts:  with(func(f *plan.Facts) { overdue(f); f.Rotate = "a" }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"single keys asked for when only a look is due": {
			reason: "an interval that nobody wrote asks for no value, and takes none away",
			facts:  with(func(f *plan.Facts) { overdue(f); f.IntervalWritten, f.Rotate = false, "a" }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonRotate},
		},
		"never pushed": {
			reason: "the first push is no rotation: the stores may hold the value",
			facts:  with(func(f *plan.Facts) { f.RefreshTime = time.Time{} }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonNeverSynced},
		},
		"interval passed": {
			reason: "a written interval is a rotation where values may be replaced",
			facts:  with(overdue), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"interval passed, IfNotExists": {
			reason: "what exists is left alone, so nothing new is needed",
			facts:  with(overdue), generated: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonInterval},
		},
		"interval 0, nothing changed": {
			reason: "interval 0 pushes until the first success",
			facts:  with(frozen), want: plan.Decision{Reason: plan.ReasonFrozen},
		},
		"interval 0, object changed": {
			reason: "a store that is added later gets the value too",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Version = "2-a" }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonObjectChanged},
		},
		"interval 0, source Secret changed": {
			reason: "values are not read again",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Inputs = "j" }),
			want:   plan.Decision{Reason: plan.ReasonFrozen},
		},
		"interval 0, store changed for a generator": {
			reason: "a store that was selected anew receives the value that the others hold",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Inputs = "j" }), generated: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonInputChanged},
		},
		"source Secret changed": {
			reason: "a changed source is pushed at once",
			facts:  with(func(f *plan.Facts) { f.Inputs = "j" }),
			want:   plan.Decision{Due: true, Reason: plan.ReasonInputChanged},
		},
		"input changed when the interval has passed": {
			reason: "stores that change often must not put off a rotation for ever",
			facts:  with(func(f *plan.Facts) { overdue(f); f.Inputs = "j" }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"force-sync with interval 0": {
			reason: "a PushSecret can be asked for a rotation under every interval",
			facts:  with(func(f *plan.Facts) { frozen(f); f.ForceSync = "1" }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonForceSync},
		},
		"force-sync, IfNotExists": {
			reason: "what exists is left alone, also on request",
			facts:  with(func(f *plan.Facts) { f.ForceSync = "1" }), generated: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonForceSync},
		},
		"force-sync for a Secret": {
			reason: "only a generator has new values",
			facts:  with(func(f *plan.Facts) { f.ForceSync = "1" }), replaces: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonForceSync},
		},
		"new values of single keys with interval 0": {
			reason: "a request is a request under every interval",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Rotate, f.HandledRotate = "a@2", "a@1" }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonRotate},
		},
		"new values of single keys, asked for before": {
			reason: "one request is one rotation",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Rotate, f.HandledRotate = "a@1", "a@1" }), generated: true, replaces: true,
			want: plan.Decision{Reason: plan.ReasonFrozen},
		},
		"a rotation that is not complete": {
			reason: "it goes on before anything else, whatever asked for it",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Rotating = true }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonRotating},
		},
		"a rotation that is not complete, IfNotExists": {
			reason: "it waits until something may be replaced again",
			facts:  with(func(f *plan.Facts) { frozen(f); f.Rotating = true }), generated: true,
			want: plan.Decision{Reason: plan.ReasonFrozen},
		},
		"a store changed with interval 0": {
			reason: "what was changed or deleted in a store is mended under every interval",
			facts:  with(func(f *plan.Facts) { frozen(f); f.SourceChanged = true }),
			want:   plan.Decision{Due: true, Reason: plan.ReasonSourceChanged},
		},
		"pushed again just now, rotated an interval ago": {
			reason: "a store that changes often must not put off a rotation for ever",
			facts:  with(func(f *plan.Facts) { f.Rotated = f.Now.Add(-2 * time.Hour) }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"a lease near its end": {
			reason: "what was obtained for a time is replaced before that is over, whatever the interval",
			facts:  with(lending), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonLeaseEnds},
		},
		"a lease near its end when a look is due": {
			reason: "one round, and not a push of what is about to end",
			facts:  with(func(f *plan.Facts) { overdue(f); lending(f); f.IntervalWritten = false }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonLeaseEnds},
		},
		"a lease near its end that is not known to be pushed": {
			reason: "the first push is no rotation: the stores may hold the value",
			facts:  with(func(f *plan.Facts) { lending(f); f.RefreshTime = time.Time{} }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Reason: plan.ReasonNeverSynced},
		},
		"a lease that was given back": {
			reason: "it is of no use any more",
			facts:  with(func(f *plan.Facts) { f.LeaseGone = true }), generated: true, replaces: true,
			want: plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonLeaseGone},
		},
		"a lease near its end with interval 0": {
			reason: "the policy never replaces anything",
			facts:  with(func(f *plan.Facts) { frozen(f); lending(f) }), generated: true, replaces: true,
			want: plan.Decision{Reason: plan.ReasonFrozen},
		},
		"a lease near its end, IfNotExists": {
			reason: "what exists is left alone",
			facts:  with(lending), generated: true,
			want: plan.Decision{Reason: plan.ReasonNotDue, Next: 50*time.Minute + plan.Jitter("uid", time.Hour)},
		},
		"a lease that ends before the interval": {
			reason: "the next look is when it is to be replaced",
			facts: with(func(f *plan.Facts) {
				f.Lease = plan.Lease{From: f.Now.Add(-10 * time.Minute), Until: f.Now.Add(10 * time.Minute)}
			}), generated: true, replaces: true,
			want: plan.Decision{Reason: plan.ReasonNotDue, Next: 5*time.Minute + plan.Jitter("uid", 20*time.Minute)},
		},
		"a previous value whose time is over": {
			reason: "it is taken away under every interval",
			facts:  with(func(f *plan.Facts) { frozen(f); f.PreviousOver = f.Now }),
			want:   plan.Decision{Due: true, Reason: plan.ReasonPreviousOver},
		},
		"a previous value whose time is not over": {
			reason: "the next look is when it is",
			facts:  with(func(f *plan.Facts) { frozen(f); f.PreviousOver = f.Now.Add(time.Minute) }),
			want:   plan.Decision{Reason: plan.ReasonFrozen, Next: time.Minute},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := plan.Push(c.facts, c.generated, c.replaces); got != c.want {
				t.Errorf("Push() = %+v, want %+v: %s", got, c.want, c.reason)
			}
		})
	}
}

func TestRotateKeys(t *testing.T) {
	for value, want := range map[string][]string{
		"a":              {"a"},
		"a,b@2026-11-26": {"a", "b"},
		"a , b.c ,@x, y": {"a", "b.c"},
		"@again":         nil,
		"":               nil,
	} {
		got, err := plan.RotateKeys(value)
		if !slices.Equal(got, want) {
			t.Errorf("RotateKeys(%q) = %q, want %q", value, got, want)
		}
		if refused := want == nil; refused != fault.Is(err, fault.Invalid) {
			t.Errorf("RotateKeys(%q) yields the error %v", value, err)
		}
	}
}
