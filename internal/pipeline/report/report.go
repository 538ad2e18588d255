package report

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/queue"
)

const (
	// maxMessage bounds a message: many joined errors must not fill a status.
	maxMessage = 4096
	// maxNote is what the API server takes as the text of an event.
	maxNote = 1024
)

// Note returns text as an event can hold it.
func Note(text string) string { return shortened(text, maxNote) }

func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-3], "") + "..."
}

// Ready sets the Ready condition, and reports whether its status, reason or message changed. The time of transition
// moves with the status alone. Conditions without such a time, as the reference implementation leaves them, are dropped:
// the API server refuses a status that has one.
func Ready(conditions *[]metav1.Condition, now time.Time, generation int64, status metav1.ConditionStatus, reason, message string) bool {
	message = shortened(message, maxMessage)
	condition := metav1.Condition{
		Type: esv1.ConditionReady, Status: status, Reason: reason, Message: message,
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
	}
	*conditions = slices.DeleteFunc(*conditions, func(c metav1.Condition) bool { return c.LastTransitionTime.IsZero() })
	before := meta.FindStatusCondition(*conditions, esv1.ConditionReady)
	changed := before == nil || before.Status != status || before.Reason != reason || before.Message != message
	meta.SetStatusCondition(conditions, condition)
	return changed
}

// Stalled sets the Stalled condition, with the words of the Ready condition, when err waits for a change that somebody has to
// make, and takes it away otherwise. read is that of Retry.
func Stalled(conditions *[]metav1.Condition, err error, read bool) {
	ready := meta.FindStatusCondition(*conditions, esv1.ConditionReady)
	if ready == nil || !fault.KindOf(err).Lasting() || mendedInStore(err, read) {
		meta.RemoveStatusCondition(conditions, esv1.ConditionStalled)
		return
	}
	stalled := *ready
	stalled.Type, stalled.Status = esv1.ConditionStalled, metav1.ConditionTrue
	meta.SetStatusCondition(conditions, stalled)
}

// mendedInStore says that the change may be one in a store, which nobody would notice. read says that what a store holds has a
// part in err.
func mendedInStore(err error, read bool) bool { return read && fault.Is(err, fault.Invalid) }

// Status writes the status of object when it differs from that of before, by one patch that holds the difference. An
// object that is gone is no error.
func Status(ctx context.Context, c client.Client, before, object client.Object) error {
	if equality.Semantic.DeepEqual(before, object) {
		return nil
	}
	return client.IgnoreNotFound(c.Status().Patch(ctx, object, client.MergeFrom(before)))
}

// CleanupPatience is how long the deletion of an object waits for a system that does not let go of what the object has left
// there. After it the object goes, so that its namespace can.
const CleanupPatience = 2 * time.Minute

// By what part of it, at most, a wait is lengthened at random where it must not be shorter: one that a system asked for, and an
// interval.
const (
	throttledJitter = 0.5
	intervalJitter  = 0.05
)

// safetyNet is the longest wait after a failure that takes a change, because not everything that can mend one is watched. The
// queue's own waits grow to the same length.
const safetyNet = 5 * time.Minute

const (
	// longestAsked is the longest wait that a system can ask for: some ask for years by mistake.
	longestAsked = 10 * time.Minute
	// longestCostly is the longest wait between two tries each of which uses something up.
	longestCostly = time.Hour
)

// Later asks for another look after a time, zero for none. When that has come, what is new or has changed goes first.
func Later(after time.Duration) ctrl.Result { return again(after, queue.Periodic) }

// again asks for another look after a time, as work of the given class.
func again(after time.Duration, class int) ctrl.Result {
	if after <= 0 {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: after, Priority: &class}
}

// Failing returns for how long an object has not been Ready.
func Failing(conditions []metav1.Condition, now time.Time) time.Duration {
	ready := meta.FindStatusCondition(conditions, esv1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse {
		return 0
	}
	return now.Sub(ready.LastTransitionTime.Time)
}

// patience is how long to wait after an error that takes a change, which is no longer than longest unless each try costs something.
func patience(err error, read bool, longest, failing time.Duration) time.Duration {
	switch {
	case fault.Costly(err):
		return min(max(longest, failing), longestCostly)
	case mendedInStore(err, read):
		return min(longest, max(failing, time.Second))
	default:
		return longest
	}
}

// Retry says when to try again after err, for an object that is looked at each interval, zero for never, and that has failed
// for some time. Where it takes a change it is after the interval or safetyNet, whichever is shorter. read says that what a store
// holds has a part in the error: that may be mended in the store, which nobody would notice, so that it is tried sooner at first.
// Where waiting may help it is ever more slowly, as the queue does it with an error, but not more slowly than each interval. A
// time that a system asked for is kept, up to longestAsked. What uses something up each time is tried more and more seldom. What
// may have failed together is scattered.
func Retry(ctx context.Context, err error, read bool, interval, failing time.Duration) (ctrl.Result, error) {
	log := logf.FromContext(ctx)
	kind := fault.KindOf(err)
	longest := safetyNet
	if interval > 0 {
		longest = min(interval, safetyNet)
	}
	if kind.Lasting() {
		log.Info("waiting for a change", "kind", kind.String(), "reason", fault.Message(err))
		return Later(patience(err, read, longest, failing)), nil
	}
	if kind == fault.Unknown {
		log.Info("unexpected error", "causes", fault.Chain(err))
	} else {
		log.V(1).Info("failed", "kind", kind.String(), "causes", fault.Chain(err))
	}
	after := fault.RetryAfter(err)
	switch {
	case after > 0:
		after = wait.Jitter(min(after, longestAsked), throttledJitter)
	case fault.Costly(err) && failing >= safetyNet:
		after = wait.Jitter(min(failing, longestCostly), intervalJitter)
	case longest < safetyNet && failing >= longest:
		after = wait.Jitter(longest, intervalJitter)
	case kind == fault.Throttled || kind == fault.Denied:
		return ctrl.Result{Priority: new(queue.Refused)}, err
	default:
		return ctrl.Result{}, err
	}
	log.Info("trying again later", "kind", kind.String(), "reason", fault.Message(err), "after", after)
	return again(after, queue.Retry), nil
}
