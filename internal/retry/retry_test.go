package retry_test

import (
	"context"
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
	for _, tt := range []struct {
		reason   string
		settings *esv1.SecretStoreRetrySettings
		want     retry.Policy
		refused  bool
	}{
		{"nothing is written", nil, retry.Policy{}, false},
		{"retries without numbers", &esv1.SecretStoreRetrySettings{}, retry.Default(), false},
		{
			"numbers", &esv1.SecretStoreRetrySettings{MaxRetries: new(int32(0)), RetryInterval: new("5s")},
			retry.Policy{Interval: 5 * time.Second},
			false,
		},
		{
			"too many, too fast", &esv1.SecretStoreRetrySettings{MaxRetries: new(int32(1_000_000)), RetryInterval: new("0s")},
			retry.Policy{Max: 10, Interval: 100 * time.Millisecond},
			false,
		},
		{"no duration", &esv1.SecretStoreRetrySettings{RetryInterval: new("soon")}, retry.Policy{}, true},
		{"a negative one", &esv1.SecretStoreRetrySettings{RetryInterval: new("-1s")}, retry.Policy{}, true},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := retry.Of(tt.settings)
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

// TestRunLeavesTimeForATry is about a call that must not be cut off, as what it was about to obtain would be lost.
func TestRunLeavesTimeForATry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		calls, began := 0, time.Now()
		err := retry.Policy{Max: 5, Interval: 10 * time.Second}.Run(ctx, clock.RealClock{}, retry.Passing, func() error {
			calls++
			return fault.New(fault.Unavailable, "down")
		})
		if !fault.Is(err, fault.Unavailable) || calls != 2 || time.Since(began) > 30*time.Second {
			t.Errorf("%d calls within %s, %v, want two, and that the third is not begun", calls, time.Since(began), err)
		}
	})
}
