package report_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
)

func secretWith(uid types.UID) *esv1.ExternalSecret {
	return &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", UID: uid}}
}

func TestRefreshesLatest(t *testing.T) {
	at := func(when time.Time) *metav1.Time { return &metav1.Time{Time: when} }
	cases := []struct {
		reason     string
		remembered time.Time
		uid        types.UID
		recorded   *metav1.Time
		want       time.Time
	}{
		{"nothing remembered, the status counts", time.Time{}, "", at(noon), noon},
		{"what is remembered is later", later, "1", at(noon), later},
		{"the status is later", noon, "1", at(later), later},
		{"an object that was made anew has no past", later, "other", at(noon), noon},
		{"a status that was lost means that there was no refresh", later, "1", nil, time.Time{}},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			refreshes := report.NewRefreshes()
			if !tc.remembered.IsZero() {
				refreshes.Set(secretWith(tc.uid), tc.remembered, "")
			}
			if got := refreshes.Latest(secretWith("1"), tc.recorded); !got.Equal(tc.want) {
				t.Errorf("Latest = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestRefreshesForget(t *testing.T) {
	refreshes := report.NewRefreshes()
	refreshes.Set(secretWith("1"), later, "")
	refreshes.Forget(types.NamespacedName{Namespace: "a", Name: "b"})
	if got := refreshes.Latest(secretWith("1"), &metav1.Time{Time: noon}); !got.Equal(noon) {
		t.Errorf("Latest = %v, want the time in the status", got)
	}
	if got := refreshes.Handled(secretWith("1"), "1"); got != "1" {
		t.Errorf("Handled = %q, want what the status says", got)
	}
}

func TestRefreshesHandled(t *testing.T) {
	refreshes := report.NewRefreshes()
	if got := refreshes.Handled(secretWith("1"), "1"); got != "1" {
		t.Errorf("Handled = %q, want what the status says", got)
	}
	refreshes.Set(secretWith("1"), noon, "2")
	if got := refreshes.Handled(secretWith("1"), "1"); got != "2" {
		t.Errorf("Handled = %q, want what was acted on though the status could not be written", got)
	}
	if got := refreshes.Handled(secretWith("other"), "1"); got != "1" {
		t.Errorf("Handled = %q: an object that was made anew has no past", got)
	}
}

func TestStamp(t *testing.T) {
	cases := []struct {
		reason   string
		recorded *metav1.Time
		quiet    bool
		moves    bool
	}{
		{"the first refresh", nil, true, true},
		{"a recent time stays when nothing else is written", &metav1.Time{Time: noon.Add(-59 * time.Second)}, true, false},
		{"a minute is long enough", &metav1.Time{Time: noon.Add(-time.Minute)}, true, true},
		{"with a write to make anyway, the time moves", &metav1.Time{Time: noon.Add(-time.Second)}, false, true},
		{"a time in the future is mended", &metav1.Time{Time: noon.Add(time.Second)}, true, true},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			want := noon
			if !tc.moves {
				want = tc.recorded.Time
			}
			if got := report.Stamp(tc.recorded, noon, tc.quiet); !got.Time.Equal(want) {
				t.Errorf("Stamp = %v, want %v", got, want)
			}
		})
	}
}
