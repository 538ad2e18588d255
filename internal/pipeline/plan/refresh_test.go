package plan_test

import (
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

var noon = time.Date(2030, 6, 3, 12, 0, 0, 0, time.UTC) // a Monday

// settled returns the facts of a Periodic object that was delivered ten minutes ago and that nothing has happened to since.
func settled() plan.Facts {
	return plan.Facts{
		Now: noon, Policy: esv1.RefreshPeriodic, Interval: time.Hour, IntervalWritten: true, Identity: "uid",
		RefreshTime: noon.Add(-10 * time.Minute), Version: "1-a", SyncedVersion: "1-a", Inputs: "i", SyncedInputs: "i",
	}
}

func with(change func(*plan.Facts)) plan.Facts {
	f := settled()
	change(&f)
	return f
}

// overdue moves the last refresh so far back that no jitter matters.
func overdue(f *plan.Facts) { f.RefreshTime = f.Now.Add(-2 * f.Interval) }

func frozen(f *plan.Facts) { f.Interval = 0 }

func refreshCases() map[string]struct {
	reason string
	facts  plan.Facts
	want   plan.Decision
} {
	rest := 50*time.Minute + plan.Jitter("uid", time.Hour)
	return map[string]struct {
		reason string
		facts  plan.Facts
		want   plan.Decision
	}{
		"never synced": {
			"the first refresh never waits, and is no rotation: an object that was created anew adopts what is there",
			with(func(f *plan.Facts) { f.RefreshTime = time.Time{} }),
			plan.Decision{Due: true, Reason: plan.ReasonNeverSynced},
		},
		"status lost": {
			"without a recorded version nobody knows what was delivered",
			with(func(f *plan.Facts) { f.SyncedVersion = "" }),
			plan.Decision{Due: true, Reason: plan.ReasonNeverSynced},
		},
		"new object with force-sync": {
			"a force-sync that was there from the start asks for nothing more than the first refresh",
			with(func(f *plan.Facts) { f.RefreshTime, f.ForceSync = time.Time{}, "1" }),
			plan.Decision{Due: true, Reason: plan.ReasonNeverSynced},
		},
		"not due": {
			"the next look is after the rest of the interval and the object's own jitter",
			settled(),
			plan.Decision{Reason: plan.ReasonNotDue, Next: rest},
		},
		"interval passed": {
			"an interval that the user wrote is a rotation",
			with(overdue),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"default interval passed": {
			"an interval that nobody wrote reads sources, and runs no generator",
			with(func(f *plan.Facts) { overdue(f); f.IntervalWritten = false }),
			plan.Decision{Due: true, Reason: plan.ReasonInterval},
		},
		"interval passed exactly": {
			"the moment itself is due, or a wake-up on time would be for nothing",
			with(func(f *plan.Facts) { f.RefreshTime = noon.Add(-time.Hour - plan.Jitter("uid", time.Hour)) }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"object changed": {
			"a label, an annotation or a template is no reason for another password",
			with(func(f *plan.Facts) { f.Version = "2-a" }),
			plan.Decision{Due: true, Reason: plan.ReasonObjectChanged},
		},
		"input changed": {
			"a store or a template source is no reason for another password",
			with(func(f *plan.Facts) { f.Inputs = "j" }),
			plan.Decision{Due: true, Reason: plan.ReasonInputChanged},
		},
		"input changed when the interval has passed": {
			"a source that changes often must not put off a rotation for ever",
			with(func(f *plan.Facts) { overdue(f); f.Inputs = "j" }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"source changed": {
			"a secret in a store is no reason for another password",
			with(func(f *plan.Facts) { f.SourceChanged = true }),
			plan.Decision{Due: true, Reason: plan.ReasonSourceChanged},
		},
		"source changed when the interval has passed": {
			"a source that changes often must not put off a rotation for ever",
			with(func(f *plan.Facts) { overdue(f); f.SourceChanged = true }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"source changed, OnChange": {
			"only the object counts",
			with(func(f *plan.Facts) { f.Policy, f.SourceChanged = esv1.RefreshOnChange, true }),
			plan.Decision{Reason: plan.ReasonUnchangedSince},
		},
		"source changed, CreatedOnce": {
			"what was delivered stays",
			with(func(f *plan.Facts) { f.Policy, f.SourceChanged = esv1.RefreshCreatedOnce, true }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"source changed, interval 0": {
			"what was delivered stays",
			with(func(f *plan.Facts) { f.Interval, f.SourceChanged = 0, true }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"force-sync": {
			"the user asked",
			with(func(f *plan.Facts) { f.ForceSync, f.Version = "1", "1-b" }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonForceSync},
		},
		"force-sync handled": {
			"one value of the annotation is one request",
			with(func(f *plan.Facts) { f.ForceSync, f.HandledForceSync = "1", "1" }),
			plan.Decision{Reason: plan.ReasonNotDue, Next: rest},
		},
		"force-sync removed": {
			"taking the annotation away asks for nothing",
			with(func(f *plan.Facts) { f.HandledForceSync, f.Version = "1", "1-b" }),
			plan.Decision{Due: true, Reason: plan.ReasonObjectChanged},
		},
		"target missing": {
			"a deleted target is made again at once",
			with(func(f *plan.Facts) { f.Target = plan.TargetMissing }),
			plan.Decision{Due: true, Reason: plan.ReasonTargetMissing},
		},
		"target drifted": {
			"an edited target is mended at once, with the value that was there",
			with(func(f *plan.Facts) { f.Target = plan.TargetDrifted }),
			plan.Decision{Due: true, Reason: plan.ReasonTargetDrifted},
		},
		"target drifted and force-sync": {
			"the request is recorded as handled after this refresh, so it must be carried out by it",
			with(func(f *plan.Facts) { f.Target, f.ForceSync = plan.TargetDrifted, "1" }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonTargetDrifted},
		},
		"target drifted and a request for single keys": {
			"so must one for single keys, which mends the target too",
			with(func(f *plan.Facts) { f.Target, f.Rotate = plan.TargetDrifted, "a" }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonRotate},
		},
		"target drifted and both requests": {
			"a request for all includes one for single keys",
			with(func(f *plan.Facts) { f.Target, f.ForceSync, f.Rotate = plan.TargetDrifted, "1", "a" }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonTargetDrifted},
		},
		"interval 0, target drifted and a request for single keys": {
			"never again includes single keys",
			with(func(f *plan.Facts) { frozen(f); f.Target, f.Rotate = plan.TargetDrifted, "a" }),
			plan.Decision{Due: true, Reason: plan.ReasonTargetDrifted},
		},
		"clock went back": {
			"a refresh in the future would never be due",
			with(func(f *plan.Facts) { f.RefreshTime = noon.Add(2 * time.Hour) }),
			plan.Decision{Due: true, Reason: plan.ReasonClockWentBack},
		},
		"clock is a little behind": {
			"clocks of two nodes differ by seconds, which is no reason",
			with(func(f *plan.Facts) { f.RefreshTime = noon.Add(30 * time.Second) }),
			plan.Decision{Reason: plan.ReasonNotDue, Next: rest + 10*time.Minute + 30*time.Second},
		},
		"interval 0, object changed": {
			"interval 0 is never again, also not for a change of the spec",
			with(func(f *plan.Facts) { frozen(f); f.Version = "2-a" }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"interval 0, force-sync": {
			"never again includes force-sync",
			with(func(f *plan.Facts) { frozen(f); f.ForceSync = "1" }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"interval 0, target missing": {
			"a damaged target is mended under every policy, without a rotation",
			with(func(f *plan.Facts) { frozen(f); f.Target, f.ForceSync = plan.TargetMissing, "1" }),
			plan.Decision{Due: true, Reason: plan.ReasonTargetMissing},
		},
		"CreatedOnce, interval passed": {
			"the interval means nothing under CreatedOnce",
			with(func(f *plan.Facts) { overdue(f); f.Policy = esv1.RefreshCreatedOnce }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"OnChange, nothing changed": {
			"neither time nor sources count under OnChange",
			with(func(f *plan.Facts) { overdue(f); f.Policy, f.Inputs = esv1.RefreshOnChange, "j" }),
			plan.Decision{Reason: plan.ReasonUnchangedSince},
		},
		"OnChange, changed": {
			"OnChange follows the object",
			with(func(f *plan.Facts) { f.Policy, f.Version = esv1.RefreshOnChange, "2-a" }),
			plan.Decision{Due: true, Reason: plan.ReasonObjectChanged},
		},
		"OnChange, interval 0": {
			"the interval does not freeze OnChange",
			with(func(f *plan.Facts) { frozen(f); f.Policy, f.Version = esv1.RefreshOnChange, "2-a" }),
			plan.Decision{Due: true, Reason: plan.ReasonObjectChanged},
		},
	}
}

func TestRefresh(t *testing.T) {
	for name, c := range refreshCases() {
		t.Run(name, func(t *testing.T) {
			if got := plan.Refresh(c.facts); got != c.want {
				t.Errorf("Refresh() = %+v, want %+v: %s", got, c.want, c.reason)
			}
		})
	}
}

func TestRefreshInWindows(t *testing.T) {
	closed := esv1.SyncWindows{Kind: esv1.SyncWindowAllow, Windows: []esv1.SyncWindow{window("0 13 * * *", time.Hour)}}
	cases := map[string]struct {
		reason string
		change func(*plan.Facts)
		want   plan.Decision
	}{
		"interval": {
			"a periodic refresh waits for the window",
			overdue,
			plan.Decision{Reason: plan.ReasonWindowClosed, Next: time.Hour},
		},
		"input changed": {
			"what a source does waits too",
			func(f *plan.Facts) { f.Inputs = "j" },
			plan.Decision{Reason: plan.ReasonWindowClosed, Next: time.Hour},
		},
		"source changed": {
			"what changes in a store waits too",
			func(f *plan.Facts) { f.SourceChanged = true },
			plan.Decision{Reason: plan.ReasonWindowClosed, Next: time.Hour},
		},
		"object changed": {
			"the user's own change does not wait",
			func(f *plan.Facts) { f.Version = "2-a" },
			plan.Decision{Due: true, Reason: plan.ReasonObjectChanged},
		},
		"target missing": {
			"an application without its Secret does not wait",
			func(f *plan.Facts) { f.Target = plan.TargetMissing },
			plan.Decision{Due: true, Reason: plan.ReasonTargetMissing},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := with(c.change)
			f.Windows = parsed(t, closed)
			if got := plan.Refresh(f); got != c.want {
				t.Errorf("Refresh() = %+v, want %+v: %s", got, c.want, c.reason)
			}
		})
	}
}

func TestAfterRotation(t *testing.T) {
	hourly := with(func(f *plan.Facts) { f.Identity = "" })
	jitter := plan.Jitter("", hourly.Interval)
	for name, c := range map[string]struct {
		edit func(*plan.Facts)
		want time.Duration
	}{
		"the interval counts from the rotation":   {func(f *plan.Facts) { f.Rotated = f.Now.Add(-time.Minute) }, hourly.Interval + jitter - time.Minute},
		"what is due already is looked at soon":   {func(f *plan.Facts) { f.Rotated = f.Now.Add(-24 * time.Hour) }, time.Millisecond},
		"a previous value may end sooner":         {func(f *plan.Facts) { f.PreviousOver = f.Now.Add(time.Minute) }, time.Minute},
		"a previous value may be all there is":    {func(f *plan.Facts) { f.Interval, f.PreviousOver = 0, f.Now.Add(time.Minute) }, time.Minute},
		"a previous value may end after the rest": {func(f *plan.Facts) { f.PreviousOver = f.Now.Add(24 * time.Hour) }, hourly.Interval + jitter},
	} {
		f := hourly
		c.edit(&f)
		if got := plan.After(f); got != c.want {
			t.Errorf("%s: After() = %s, want %s", name, got, c.want)
		}
	}
}

func TestJitter(t *testing.T) {
	seen := map[time.Duration]bool{}
	for _, identity := range []string{"a", "b", "c", "d"} {
		jitter := plan.Jitter(identity, time.Hour)
		if jitter < 0 || jitter >= 3*time.Minute || jitter != plan.Jitter(identity, time.Hour) {
			t.Errorf("Jitter(%q, 1h) = %v: it must be a fixed part of a twentieth", identity, jitter)
		}
		seen[jitter] = true
	}
	if len(seen) < 2 {
		t.Error("all objects have the same jitter, so they stay together")
	}
	if got := plan.Jitter("a", 10*time.Nanosecond); got != 0 {
		t.Errorf("Jitter(10ns) = %v, want none: a twentieth of it is nothing", got)
	}
}

func TestAfter(t *testing.T) {
	cases := map[string]struct {
		reason string
		facts  plan.Facts
		want   time.Duration
	}{
		"Periodic":    {"the interval, and the same jitter by which it is judged", settled(), time.Hour + plan.Jitter("uid", time.Hour)},
		"interval 0":  {"only a change helps", with(frozen), 0},
		"CreatedOnce": {"only a change helps", with(func(f *plan.Facts) { f.Policy = esv1.RefreshCreatedOnce }), 0},
		"OnChange":    {"only a change helps", with(func(f *plan.Facts) { f.Policy = esv1.RefreshOnChange }), 0},
	}
	for name, c := range cases {
		if got := plan.After(c.facts); got != c.want {
			t.Errorf("%s: After() = %v, want %v: %s", name, got, c.want, c.reason)
		}
	}
}
