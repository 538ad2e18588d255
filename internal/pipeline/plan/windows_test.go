package plan_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func window(schedule string, length time.Duration) esv1.SyncWindow {
	return esv1.SyncWindow{Schedule: schedule, Duration: metav1.Duration{Duration: length}}
}

func parsed(t *testing.T, spec esv1.SyncWindows) *plan.Windows {
	t.Helper()
	windows, err := plan.ParseWindows(&spec)
	if err != nil {
		t.Fatal(err)
	}
	return windows
}

func TestWindowsWait(t *testing.T) {
	allow, deny := esv1.SyncWindowAllow, esv1.SyncWindowDeny
	cases := map[string]struct {
		reason  string
		kind    esv1.SyncWindowKind
		windows []esv1.SyncWindow
		now     time.Time
		want    time.Duration
	}{
		"allow, before":    {"wait for the start", allow, []esv1.SyncWindow{window("30 12 * * *", time.Hour)}, noon, 30 * time.Minute},
		"allow, start":     {"the start is within", allow, []esv1.SyncWindow{window("0 12 * * *", time.Hour)}, noon, 0},
		"allow, within":    {"the start was earlier", allow, []esv1.SyncWindow{window("30 11 * * *", time.Hour)}, noon, 0},
		"allow, end":       {"the end is outside", allow, []esv1.SyncWindow{window("0 11 * * *", time.Hour)}, noon, 23 * time.Hour},
		"allow, shorthand": {"@daily starts at midnight", allow, []esv1.SyncWindow{window("@daily", time.Hour)}, noon, 12 * time.Hour},
		"allow, yesterday": {"a window may be longer than a day", allow, []esv1.SyncWindow{window("0 0 * * 0", 48*time.Hour)}, noon, 0},
		"allow, far away": {
			"a start in months is looked for again after a day", allow,
			[]esv1.SyncWindow{window("0 0 1 1 *", time.Hour)},
			noon,
			24 * time.Hour,
		},
		"allow, never": {"February 30 never comes", allow, []esv1.SyncWindow{window("0 0 30 2 *", time.Hour)}, noon, 24 * time.Hour},
		"allow, empty": {
			"a window without length holds no moment", allow, []esv1.SyncWindow{window("0 12 * * *", 0)}, noon, 24 * time.Hour,
		},
		"allow, two": {
			"the first that starts counts", allow,
			[]esv1.SyncWindow{window("0 15 * * *", time.Hour), window("0 14 * * *", time.Hour)},
			noon, 2 * time.Hour,
		},
		"deny, within":  {"look again soon", deny, []esv1.SyncWindow{window("30 11 * * *", time.Hour)}, noon, time.Minute},
		"deny, outside": {"go ahead", deny, []esv1.SyncWindow{window("30 12 * * *", time.Hour)}, noon, 0},
		"UTC": {
			"schedules are in UTC, whatever zone the clock is in", allow,
			[]esv1.SyncWindow{window("0 12 * * *", time.Hour)},
			noon.In(time.FixedZone("far", 9*3600)), 0,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			windows := parsed(t, esv1.SyncWindows{Kind: c.kind, Windows: c.windows})
			if got := windows.Wait(c.now); got != c.want {
				t.Errorf("Wait() = %v, want %v: %s", got, c.want, c.reason)
			}
		})
	}
	var none *plan.Windows
	if none.Wait(noon) != 0 {
		t.Error("without windows nothing is limited")
	}
}

func TestParseWindowsRefuses(t *testing.T) {
	cases := map[string]string{
		"":                          "it is empty",
		"0 25 * * *":                "there is no such hour",
		"* * * *":                   "a field is missing",
		"@fortnightly":              "there is no such shorthand",
		"@every 1h":                 "it has no fixed start, so no window",
		"CRON_TZ=Asia/Tokyo @daily": "windows are in UTC",
		"TZ=UTC":                    "windows are in UTC",
	}
	for schedule, reason := range cases {
		_, err := plan.ParseWindows(&esv1.SyncWindows{Windows: []esv1.SyncWindow{window("@daily", 1), window(schedule, 1)}})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), "windows[1].schedule") {
			t.Errorf("schedule %q gives %v, want a fault.Invalid that names windows[1].schedule: %s", schedule, err, reason)
		}
	}
	if windows, err := plan.ParseWindows(nil); windows != nil || err != nil {
		t.Errorf("ParseWindows(nil) = %v, %v; want nothing", windows, err)
	}
}

func FuzzParseWindows(f *testing.F) {
	for _, schedule := range []string{"0 12 * * *", "@daily", "@every 5m", "TZ=UTC", "CRON_TZ=UTC @daily", "*/15 9-17 * * MON-FRI", "0 0 30 2 ?"} {
		f.Add(schedule, int64(time.Hour), int64(0))
	}
	f.Fuzz(func(t *testing.T, schedule string, length, seconds int64) {
		for _, kind := range []esv1.SyncWindowKind{esv1.SyncWindowAllow, esv1.SyncWindowDeny} {
			length, seconds = max(0, length), seconds%(1<<32)
			spec := esv1.SyncWindows{Kind: kind, Windows: []esv1.SyncWindow{window(schedule, time.Duration(length))}}
			windows, err := plan.ParseWindows(&spec)
			if err != nil {
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("schedule %q gives %v, want fault.Invalid", schedule, err)
				}
				continue
			}
			if wait := windows.Wait(noon.Add(time.Duration(seconds) * time.Second)); wait < 0 || wait > 24*time.Hour {
				t.Errorf("schedule %q: wait of %v, want between nothing and a day", schedule, wait)
			}
		}
	})
}
