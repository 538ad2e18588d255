package stores

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

const (
	mebibyte = 1 << 20
	// maxValue bounds one value: a Secret of Kubernetes holds no more than this altogether.
	maxValue = mebibyte
	// maxTotal bounds all that one call returns.
	maxTotal = 4 * mebibyte
)

func checkSecret(key string, secret providers.Secret) error {
	if secret.Fields == nil {
		return checkSizes(key, map[string][]byte{"": secret.Value})
	}
	return checkSizes(key, secret.Fields)
}

func checkSizes(key string, fields map[string][]byte) error {
	total := 0
	for name, value := range fields {
		if len(value) > maxValue {
			return fault.New(fault.Invalid, "secret %q is too large: a value (property %q) has more than %d MiB",
				key, name, maxValue/mebibyte)
		}
		total += len(value)
	}
	if total > maxTotal {
		return fault.New(fault.Invalid, "secret %q is too large: it has more than %d MiB", key, maxTotal/mebibyte)
	}
	return nil
}

// The retries of a store that asks for retries without saying how many, or how far apart, and the longest wait between two.
const (
	defaultRetries  = 3
	defaultInterval = time.Second
	maxWait         = 30 * time.Second
)

// retries says how often a call that failed for a passing reason is made again, in place.
type retries struct {
	max      int
	interval time.Duration
}

// retrySettings reads the settings of a store; without settings there are no retries.
func retrySettings(settings *esv1.SecretStoreRetrySettings) (retries, error) {
	if settings == nil {
		return retries{}, nil
	}
	r := retries{max: int(ptr.Deref(settings.MaxRetries, defaultRetries)), interval: defaultInterval}
	if settings.RetryInterval == nil {
		return r, nil
	}
	var err error
	if r.interval, err = time.ParseDuration(*settings.RetryInterval); err != nil || r.interval < 0 {
		return r, fault.Wrap(fault.Invalid, err, "spec.retrySettings.retryInterval %q is not a duration such as 5s", *settings.RetryInterval)
	}
	return r, nil
}

// run calls op until it succeeds, fails for good, or the retries are used up. Waits double, and are at least what a
// throttling system asks for; one that asks for more than maxWait is not waited for.
func (r retries) run(ctx context.Context, clock clock.Clock, op func() error) error {
	backoff := wait.Backoff{Duration: r.interval, Factor: 2, Jitter: 0.1, Steps: r.max, Cap: maxWait}
	for range r.max {
		err := op()
		after := fault.RetryAfter(err)
		if !passing(err) || after > maxWait {
			return err
		}
		select {
		case <-clock.After(min(max(backoff.Step(), after), maxWait)):
		case <-ctx.Done():
			return err
		}
	}
	return op()
}

func passing(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Throttled)
}
