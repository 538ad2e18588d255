package retry

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// maxWait is the longest wait between two tries, and minWait the shortest.
	maxWait = 30 * time.Second
	minWait = 100 * time.Millisecond
	// maxTries is how many tries there are at most after the first: what takes longer is for the ordinary retries of an object, which
	// keep nobody else waiting.
	maxTries = 10
	// oneTry is the longest that one try takes. None is begun that its context would not let end.
	oneTry = 30 * time.Second
)

// Policy says how often a call that failed for a passing reason is made again. Its zero value repeats nothing.
type Policy struct {
	// Max is the number of tries after the first.
	Max int
	// Interval is the wait before the first of them. It doubles each time, up to 30 seconds.
	Interval time.Duration
}

// Default is for settings that ask for retries without saying how many, or how far apart.
func Default() Policy { return Policy{Max: 3, Interval: time.Second} }

// Of reads the settings that users write in spec.retrySettings; where there are none, nothing is repeated. There are at most 10 tries, a
// tenth of a second apart or more. What cannot be read is fault.Invalid.
func Of(settings *esv1.SecretStoreRetrySettings) (Policy, error) {
	if settings == nil {
		return Policy{}, nil
	}
	p := Default()
	p.Max = min(int(ptr.Deref(settings.MaxRetries, int32(p.Max))), maxTries) //nolint:gosec // it is 3
	if settings.RetryInterval == nil {
		return p, nil
	}
	var err error
	if p.Interval, err = time.ParseDuration(*settings.RetryInterval); err != nil || p.Interval < 0 {
		return p, fault.Wrap(fault.Invalid, err, "spec.retrySettings.retryInterval %q is not a duration such as 5s", *settings.RetryInterval)
	}
	p.Interval = max(p.Interval, minWait)
	return p, nil
}

// Run calls op until it succeeds, fails in a way that does not pass, or the retries are used up. Waits are at least what a
// throttling system asks for; one that asks for more than 30 seconds is not waited for. It ends early with ctx, or when the
// deadline of ctx is nearer than the time of a wait and a try, and returns the last error of op.
func (p Policy) Run(ctx context.Context, now clock.Clock, passes func(error) bool, op func() error) error {
	backoff := wait.Backoff{Duration: p.Interval, Factor: 2, Jitter: 0.1, Steps: p.Max, Cap: maxWait}
	for range p.Max {
		err := op()
		after := fault.RetryAfter(err)
		if err == nil || !passes(err) || after > maxWait {
			return err
		}
		after = min(max(backoff.Step(), after), maxWait)
		if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) < after+oneTry { //nolint:forbidigo // deadlines are in real time
			return err
		}
		select {
		case <-now.After(after):
		case <-ctx.Done():
			return err
		}
	}
	return op()
}

// Passing reports whether an error is of a kind that passes by itself.
func Passing(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Throttled)
}
