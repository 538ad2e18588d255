package plan_test

import (
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func TestLeaseDue(t *testing.T) {
	seen := map[time.Time]bool{}
	for _, identity := range []string{"a", "b", "c", "d"} {
		l := plan.Lease{From: noon, Until: noon.Add(100 * time.Hour)}
		due := l.Due(identity)
		if due.Before(noon.Add(75*time.Hour)) || due.After(noon.Add(80*time.Hour)) || !due.Equal(l.Due(identity)) {
			t.Errorf("Due(%q) of 100 hours is after %v: it must be a fixed time after 75 to 80", identity, due.Sub(noon))
		}
		seen[due] = true
	}
	if len(seen) < 2 {
		t.Error("all objects are due at the same moment")
	}
}

func TestLongLeases(t *testing.T) {
	for _, years := range []int{1, 100, 250} {
		l := plan.Lease{From: noon, Until: noon.AddDate(years, 0, 0)}
		if l.Ends("uid", noon) || !l.Due("uid").After(noon) {
			t.Errorf("a lease of %d years is to be replaced at %s", years, l.Due("uid"))
		}
	}
}

func TestLeaseEnds(t *testing.T) {
	lent := func(from, until time.Duration) plan.Lease {
		return plan.Lease{From: noon.Add(from), Until: noon.Add(until)}
	}
	cases := map[string]struct {
		reason string
		lease  plan.Lease
		want   bool
	}{
		"none":                 {"what does not end is never replaced", plan.Lease{}, false},
		"no end":               {"nor is one whose beginning alone is known", plan.Lease{From: noon}, false},
		"young":                {"three quarters have not passed", lent(-74*time.Hour, 26*time.Hour), false},
		"old":                  {"no jitter makes it later than 80 %", lent(-81*time.Hour, 19*time.Hour), true},
		"over":                 {"what has ended is replaced all the more", lent(-2*time.Hour, -time.Hour), true},
		"beginning unknown":    {"the end is what is left", plan.Lease{Until: noon.Add(time.Hour)}, false},
		"beginning unknown 2":  {"the end is what is left", plan.Lease{Until: noon}, true},
		"ends before it began": {"clocks that differ must not make it due for ever before its end", lent(2*time.Hour, time.Hour), false},
	}
	for name, c := range cases {
		if got := c.lease.Ends("uid", noon); got != c.want {
			t.Errorf("%s: Ends() = %t, want %t: %s", name, got, c.want, c.reason)
		}
	}
}

func TestFirst(t *testing.T) {
	long := plan.Lease{From: noon, Until: noon.Add(10 * time.Hour)}
	short := plan.Lease{From: noon, Until: noon.Add(time.Hour)}
	old := plan.Lease{From: noon.Add(-9 * time.Hour), Until: noon.Add(2 * time.Hour)}
	cases := map[string]struct {
		reason string
		leases []plan.Lease
		want   plan.Lease
	}{
		"none":           {"there is nothing to replace", nil, plan.Lease{}},
		"endless":        {"there is nothing to replace", []plan.Lease{{From: noon}}, plan.Lease{}},
		"one of two":     {"the one that is due first", []plan.Lease{long, short}, short},
		"in any order":   {"the one that is due first", []plan.Lease{short, long}, short},
		"with endless":   {"what does not end is never first", []plan.Lease{{From: noon}, long}, long},
		"by what is due": {"a long lease that is old comes before a short one that is new", []plan.Lease{short, old}, old},
	}
	for name, c := range cases {
		if got := plan.First("uid", c.leases...); got != c.want {
			t.Errorf("%s: First() = %v, want %v: %s", name, got, c.want, c.reason)
		}
	}
}

func TestRefreshWithLease(t *testing.T) {
	windows := func(kind esv1.SyncWindowKind, schedule string) *plan.Windows {
		return parsed(t, esv1.SyncWindows{Kind: kind, Windows: []esv1.SyncWindow{window(schedule, time.Hour)}})
	}
	ends := func(f *plan.Facts) {
		f.Lease = plan.Lease{From: noon.Add(-9 * time.Hour), Until: noon.Add(time.Hour)}
	}
	lasts := func(f *plan.Facts) { f.Lease = plan.Lease{From: noon, Until: noon.Add(40 * time.Minute)} }
	due := plan.Decision{Due: true, Reason: plan.ReasonLeaseEnds}
	rest := plan.Lease{From: noon, Until: noon.Add(40 * time.Minute)}.Due("uid").Sub(noon)
	cases := map[string]struct {
		reason string
		facts  plan.Facts
		want   plan.Decision
	}{
		"ends": {"it is replaced, and nothing else is rotated", with(ends), due},
		"ends, no interval written": {
			"a lease that ends is a reason of its own",
			with(func(f *plan.Facts) { ends(f); f.IntervalWritten = false }), due,
		},
		"ends, OnChange": {
			"what has ended is of no use to anybody",
			with(func(f *plan.Facts) { ends(f); f.Policy = esv1.RefreshOnChange }), due,
		},
		"given back": {
			"it is of no use any more", with(func(f *plan.Facts) { f.LeaseGone = true }), plan.Decision{Due: true, Reason: plan.ReasonLeaseGone},
		},
		"given back, OnChange": {
			"it is of no use any more", with(func(f *plan.Facts) { f.LeaseGone, f.Policy = true, esv1.RefreshOnChange }),
			plan.Decision{Due: true, Reason: plan.ReasonLeaseGone},
		},
		"given back, interval 0": {
			"the policy replaces nothing", with(func(f *plan.Facts) { f.LeaseGone = true; frozen(f) }), plan.Decision{Reason: plan.ReasonFrozen},
		},
		"ends, CreatedOnce": {
			"the policy replaces nothing",
			with(func(f *plan.Facts) { ends(f); f.Policy = esv1.RefreshCreatedOnce }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"ends, interval 0": {
			"the policy replaces nothing",
			with(func(f *plan.Facts) { ends(f); frozen(f) }),
			plan.Decision{Reason: plan.ReasonFrozen},
		},
		"ends when the interval has passed": {
			"the interval rotates everything",
			with(func(f *plan.Facts) { ends(f); overdue(f) }),
			plan.Decision{Due: true, Rotate: true, Reason: plan.ReasonInterval},
		},
		"ends before the interval": {
			"the next look is in time to replace it", with(lasts), plan.Decision{Reason: plan.ReasonNotDue, Next: rest},
		},
		"ends, OnChange, later": {
			"the next look is in time to replace it",
			with(func(f *plan.Facts) { lasts(f); f.Policy = esv1.RefreshOnChange }),
			plan.Decision{Reason: plan.ReasonUnchangedSince, Next: rest},
		},
		"ends, a window opens before": {
			"changes are wanted in the window",
			with(func(f *plan.Facts) { ends(f); f.Windows = windows(esv1.SyncWindowAllow, "30 12 * * *") }),
			plan.Decision{Reason: plan.ReasonWindowClosed, Next: 30 * time.Minute},
		},
		"ends, no window opens before": {
			"a value that is of no use is wanted by nobody",
			with(func(f *plan.Facts) { ends(f); f.Windows = windows(esv1.SyncWindowAllow, "30 14 * * *") }), due,
		},
		"ends, a window is open that keeps changes out": {
			"there is time to wait for its end",
			with(func(f *plan.Facts) { ends(f); f.Windows = windows(esv1.SyncWindowDeny, "0 12 * * *") }),
			plan.Decision{Reason: plan.ReasonWindowClosed, Next: time.Minute},
		},
		"is about to end, a window is open that keeps changes out": {
			"there is no time to wait",
			with(func(f *plan.Facts) {
				f.Lease = plan.Lease{From: noon.Add(-10 * time.Hour), Until: noon.Add(30 * time.Minute)}
				f.Windows = windows(esv1.SyncWindowDeny, "0 12 * * *")
			}), due,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := plan.Refresh(c.facts); got != c.want {
				t.Errorf("Refresh() = %+v, want %+v: %s", got, c.want, c.reason)
			}
		})
	}
}

func TestAfterWithLease(t *testing.T) {
	lent := plan.Lease{From: noon, Until: noon.Add(40 * time.Minute)}
	rest := lent.Due("uid").Sub(noon)
	cases := map[string]struct {
		reason string
		facts  plan.Facts
		want   time.Duration
	}{
		"before the interval": {"the sooner of the two", with(func(f *plan.Facts) { f.Lease = lent }), rest},
		"OnChange":            {"time matters to the lease alone", with(func(f *plan.Facts) { f.Lease, f.Policy = lent, esv1.RefreshOnChange }), rest},
		"CreatedOnce": {
			"the policy replaces nothing", with(func(f *plan.Facts) { f.Lease, f.Policy = lent, esv1.RefreshCreatedOnce }), 0,
		},
		"over": {
			"what could not be replaced now is tried again at the interval, not at once",
			with(func(f *plan.Facts) { f.Lease = plan.Lease{From: noon.Add(-time.Hour), Until: noon.Add(-time.Minute)} }),
			time.Hour + plan.Jitter("uid", time.Hour),
		},
	}
	for name, c := range cases {
		if got := plan.After(c.facts); got != c.want {
			t.Errorf("%s: After() = %v, want %v: %s", name, got, c.want, c.reason)
		}
	}
}

// An hour, second by second where something is asked for: what is lent for a quarter of an hour is looked at when the plan said, and each
// attempt may take a while or fail, as often as there is time. At no moment does the object hold what has ended.
func TestAnHourOfShortLeases(t *testing.T) {
	const lifetime, hour = 15 * time.Minute, time.Hour
	cases := []struct {
		reason   string
		interval time.Duration
		// takes is how long a refresh takes, and failures how many fail first, after a wait of a minute each.
		takes    time.Duration
		failures int
	}{
		{"an interval longer than the life", hour, 0, 0},
		{"an interval shorter than the life", 5 * time.Minute, 0, 0},
		{"refreshes that take half a minute", hour, 30 * time.Second, 0},
		{"a backend that is away for two minutes each time", hour, time.Second, 2},
	}
	for _, tt := range cases {
		for _, identity := range []string{"a", "b", "c", "d", "e"} {
			now := noon
			f := plan.Facts{
				Now: now, Policy: esv1.RefreshPeriodic, Interval: tt.interval, IntervalWritten: true, Identity: identity,
				RefreshTime: now, Version: "1-a", SyncedVersion: "1-a", Lease: plan.Lease{From: now, Until: now.Add(lifetime)},
			}
			minted, next := 1, plan.After(f)
			for now.Before(noon.Add(hour)) {
				if next <= 0 {
					t.Fatalf("%s: %s is never looked at again", tt.reason, identity)
				}
				now = now.Add(next)
				f.Now = now
				d := plan.Refresh(f)
				if next = d.Next; !d.Due {
					continue
				}
				now = now.Add(tt.takes + time.Duration(tt.failures)*time.Minute)
				if now.After(f.Lease.Until) {
					t.Errorf("%s: %s held what had ended, from %v to %v", tt.reason, identity, f.Lease.Until, now)
				}
				minted++
				f.Now, f.RefreshTime, f.Lease = now, now, plan.Lease{From: now, Until: now.Add(lifetime)}
				next = plan.After(f)
			}
			if most := int(hour/min(tt.interval, lifetime*3/4)) + 2; minted > most {
				t.Errorf("%s: %d were obtained for %s in an hour, want at most %d", tt.reason, minted, identity, most)
			}
		}
	}
}
