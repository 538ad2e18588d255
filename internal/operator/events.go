package operator

import (
	"fmt"
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-operator/sluice/internal/pipeline/report"
)

// tellingApart is a recorder that makes an event of every different note. The recorder within takes events that differ in
// their note alone for repetitions of the first, so that nobody would read what else went wrong.
type tellingApart struct{ events.EventRecorder }

// Eventf implements events.EventRecorder.
func (r tellingApart) Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any) {
	text := fmt.Sprintf(note, args...)
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text)) // a hash takes everything
	r.EventRecorder.Eventf(regarding, related, eventtype, reason, fmt.Sprintf("%s-%08x", action, sum.Sum32()), "%s", report.Note(text))
}

// eventLimit is how many events an operator records at most: each is a write that costs the API server as much as a Secret
// does, and of thousands at once nobody reads one. What they say stands in the status too, or else in the log. Warnings are counted apart, so that
// they are not lost among successes. It is safe for concurrent use.
type eventLimit struct {
	normal, warning flowcontrol.PassiveRateLimiter
	dropped         func(eventtype string)
}

// newEventLimit returns a limit of so many events of each type a second, after a burst; nil for a qps of zero.
func newEventLimit(qps float64, burst int, dropped func(eventtype string)) *eventLimit {
	if qps <= 0 {
		return nil
	}
	limiter := func() flowcontrol.PassiveRateLimiter {
		return flowcontrol.NewTokenBucketPassiveRateLimiter(float32(qps), burst)
	}
	return &eventLimit{normal: limiter(), warning: limiter(), dropped: dropped}
}

// on returns a recorder that keeps the limit.
func (l *eventLimit) on(recorder events.EventRecorder) events.EventRecorder {
	if l == nil {
		return recorder
	}
	return limited{recorder, l}
}

type limited struct {
	events.EventRecorder

	limit *eventLimit
}

// Eventf implements events.EventRecorder.
func (r limited) Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any) {
	limiter := r.limit.normal
	if eventtype == corev1.EventTypeWarning {
		limiter = r.limit.warning
	}
	if !limiter.TryAccept() {
		r.limit.dropped(eventtype)
		// Not all that a warning says stands in a status, such as which keys a target lost when it was taken over.
		if o, ok := regarding.(client.Object); ok && eventtype == corev1.EventTypeWarning {
			logf.Log.WithName("events").Info("not recorded: there are too many", "namespace", o.GetNamespace(), "name", o.GetName(),
				"reason", reason, "note", fmt.Sprintf(note, args...))
		}
		return
	}
	r.EventRecorder.Eventf(regarding, related, eventtype, reason, action, note, args...)
}
