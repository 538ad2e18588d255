package retry_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/retry"
)

func TestOf(t *testing.T) {
	none := retry.Policy{Max: 7, Interval: time.Hour}
	for _, tt := range []struct {
		reason   string
		settings *esv1.SecretStoreRetrySettings
		want     retry.Policy
		refused  bool
	}{
		{"nothing is written", nil, none, false},
		{"retries without numbers", &esv1.SecretStoreRetrySettings{}, retry.Default(), false},
		{
			"numbers", &esv1.SecretStoreRetrySettings{MaxRetries: new(int32(0)), RetryInterval: new("5s")},
			retry.Policy{Interval: 5 * time.Second},
			false,
		},
		{"no duration", &esv1.SecretStoreRetrySettings{RetryInterval: new("soon")}, retry.Policy{}, true},
		{"a negative one", &esv1.SecretStoreRetrySettings{RetryInterval: new("-1s")}, retry.Policy{}, true},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := retry.Of(tt.settings, none)
			if tt.refused != fault.Is(err, fault.Invalid) || !tt.refused && got != tt.want {
				t.Errorf("got %+v, %v, want %+v, refused %t", got, err, tt.want, tt.refused)
			}
		})
	}
}

func TestRunAsksWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lasting, calls := errors.New("lasting"), 0
		err := retry.Policy{Max: 3, Interval: time.Second}.Run(t.Context(), clock.RealClock{},
			func(err error) bool { return !errors.Is(err, lasting) },
			func() error {
				if calls++; calls == 3 {
					return lasting
				}
				return fault.New(fault.Unavailable, "down")
			})
		if !errors.Is(err, lasting) || calls != 3 {
			t.Errorf("%d calls, %v, want that the third is the last", calls, err)
		}
	})
}
