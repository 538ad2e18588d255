package report

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
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

// Status writes the status of object when it differs from that of before, by one patch that holds the difference. An
// object that is gone is no error.
func Status(ctx context.Context, c client.Client, before, object client.Object) error {
	if equality.Semantic.DeepEqual(before, object) {
		return nil
	}
	return client.IgnoreNotFound(c.Status().Patch(ctx, object, client.MergeFrom(before)))
}

// safetyNet is the longest wait after a failure that takes a change: not everything that can mend one is watched.
const safetyNet = 5 * time.Minute

// Retry says when to try again after err: at once and then ever more slowly where waiting may help, and where it takes a
// change after wait or safetyNet, whichever is shorter. A zero wait is none.
func Retry(ctx context.Context, err error, wait time.Duration) (ctrl.Result, error) {
	log := logf.FromContext(ctx)
	switch kind := fault.KindOf(err); kind {
	case fault.Invalid, fault.Conflict, fault.Unsupported:
		if wait <= 0 || wait > safetyNet {
			wait = safetyNet
		}
		log.Info("waiting for a change", "kind", kind.String(), "reason", fault.Message(err))
		return ctrl.Result{RequeueAfter: wait}, nil
	case fault.Throttled:
		if after := fault.RetryAfter(err); after > 0 {
			return ctrl.Result{RequeueAfter: after}, nil
		}
	case fault.Unknown:
		log.Info("unexpected error", "causes", fault.Chain(err))
	default:
		log.V(1).Info("failed", "kind", kind.String(), "causes", fault.Chain(err))
	}
	return ctrl.Result{}, err
}
