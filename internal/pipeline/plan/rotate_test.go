package plan_test

import (
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// happenings are what can happen to an object, each without and with a request or an interval that asks for a new value.
func happenings() map[string]func(*plan.Facts) {
	return map[string]func(*plan.Facts){
		"nothing":              func(*plan.Facts) {},
		"first seen":           func(f *plan.Facts) { f.RefreshTime, f.SyncedVersion = time.Time{}, "" },
		"version lost":         func(f *plan.Facts) { f.SyncedVersion = "" },
		"edited":               func(f *plan.Facts) { f.Version = "2-b" },
		"input changed":        func(f *plan.Facts) { f.Inputs = "j" },
		"store changed":        func(f *plan.Facts) { f.SourceChanged = true },
		"target missing":       func(f *plan.Facts) { f.Target = plan.TargetMissing },
		"target drifted":       func(f *plan.Facts) { f.Target = plan.TargetDrifted },
		"target unknown":       func(f *plan.Facts) { f.Target = plan.TargetUnknown },
		"clock went back":      func(f *plan.Facts) { f.RefreshTime = f.Now.Add(2 * time.Hour) },
		"previous value over":  func(f *plan.Facts) { f.PreviousOver = f.Now },
		"all but the interval": everything,
	}
}

func everything(f *plan.Facts) {
	f.Version, f.Inputs, f.SourceChanged, f.Target, f.PreviousOver = "2-b", "j", true, plan.TargetDrifted, f.Now
}

// TestNothingElseAsksForANewValue is the promise on which a password rests: whatever happens to an object, generators run
// again only at an interval that the user wrote, or when the user asks.
func TestNothingElseAsksForANewValue(t *testing.T) {
	intervals := map[string]func(*plan.Facts){
		"written":                func(*plan.Facts) {},
		"not written":            func(f *plan.Facts) { f.IntervalWritten = false },
		"not written and passed": func(f *plan.Facts) { f.IntervalWritten = false; overdue(f) },
		"0":                      frozen,
		"0 a year ago":           func(f *plan.Facts) { frozen(f); f.RefreshTime = f.Now.AddDate(-1, 0, 0) },
	}
	requests := map[string]func(*plan.Facts){
		"no request":              func(*plan.Facts) {},
		"force-sync handled":      func(f *plan.Facts) { f.ForceSync, f.HandledForceSync = "1", "1" },
		"force-sync taken away":   func(f *plan.Facts) { f.HandledForceSync = "1" },
		"single keys handled":     func(f *plan.Facts) { f.Rotate, f.HandledRotate = "a", "a" },
		"single keys, taken away": func(f *plan.Facts) { f.HandledRotate = "a" },
	}
	policies := []esv1.ExternalSecretRefreshPolicy{esv1.RefreshPeriodic, esv1.RefreshOnChange, esv1.RefreshCreatedOnce}
	for interval, under := range intervals {
		for request, asked := range requests {
			for what, happens := range happenings() {
				f := with(func(f *plan.Facts) { under(f); asked(f); happens(f) })
				if d := plan.Push(f, true, true); d.Rotate {
					t.Errorf("Push() = %+v after %q with interval %s, %s", d, what, interval, request)
				}
				for _, policy := range policies {
					f.Policy = policy
					if d := plan.Refresh(f); d.Rotate {
						t.Errorf("Refresh() = %+v after %q under %s with interval %s, %s", d, what, policy, interval, request)
					}
				}
			}
		}
	}
}

// TestNothingHidesARequest is the other side: what happens beside it does not make a request go unheard.
func TestNothingHidesARequest(t *testing.T) {
	for what, happens := range happenings() {
		if what == "first seen" || what == "version lost" || what == "target unknown" {
			continue // nobody knows what was delivered and when: a value that is there stays
		}
		for _, handled := range []string{"", "1"} {
			f := with(func(f *plan.Facts) { happens(f); f.ForceSync, f.HandledForceSync = "2", handled })
			if d := plan.Refresh(f); !d.Due || !d.Rotate {
				t.Errorf("Refresh() = %+v after %q, with force-sync", d, what)
			}
			for _, interval := range []time.Duration{0, time.Hour} {
				f.Interval = interval
				if d := plan.Push(f, true, true); !d.Due || !d.Rotate {
					t.Errorf("Push() = %+v after %q with interval %s, with force-sync", d, what, interval)
				}
			}
		}
	}
}
