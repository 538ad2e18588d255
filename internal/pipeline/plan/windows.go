package plan

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Windows are recurring spans of time in which refreshes are allowed or denied.
type Windows struct {
	deny  bool
	spans []span
}

type span struct {
	schedule cron.Schedule
	length   time.Duration
}

// windowRecheck bounds the wait for the end of a window whose end is not computed: overlapping windows make it tedious,
// and a look costs nothing.
const windowRecheck = time.Minute

// ParseWindows reads the windows of a spec; nil for nil. A bad schedule is fault.Invalid and names its index.
func ParseWindows(spec *esv1.SyncWindows) (*Windows, error) {
	if spec == nil {
		return nil, nil //nolint:nilnil // no windows is a value: nothing is limited
	}
	w := &Windows{deny: spec.Kind == esv1.SyncWindowDeny}
	for i, s := range spec.Windows {
		schedule, err := parseSchedule(s.Schedule)
		if err != nil {
			return nil, fault.In(err, "spec.syncWindows.windows[%d].schedule %q", i, s.Schedule)
		}
		w.spans = append(w.spans, span{schedule: schedule, length: s.Duration.Duration})
	}
	return w, nil
}

// parseSchedule reads the start of a window. Two things that the parser knows make no window: a time zone, since windows are in UTC, and @every,
// which has no fixed start.
func parseSchedule(text string) (cron.Schedule, error) {
	if strings.Contains(text, "TZ=") {
		return nil, fault.New(fault.Invalid, "a time zone cannot be set, windows are in UTC")
	}
	schedule, err := cron.ParseStandard(text)
	if _, every := schedule.(cron.ConstantDelaySchedule); every || err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "it is neither five cron fields nor a shorthand such as @daily")
	}
	return schedule, nil
}

// Wait returns zero when a refresh is allowed at now, and otherwise how long to wait before asking again.
func (w *Windows) Wait(now time.Time) time.Duration {
	if w == nil || w.within(now.UTC()) != w.deny {
		return 0
	}
	if w.deny {
		return windowRecheck
	}
	return w.nextStart(now.UTC()).Sub(now)
}

func (w *Windows) within(now time.Time) bool {
	for _, s := range w.spans {
		if start := s.schedule.Next(now.Add(-s.length)); !start.IsZero() && !start.After(now) {
			return true
		}
	}
	return false
}

func (w *Windows) nextStart(now time.Time) time.Time {
	next := now.Add(24 * time.Hour)
	for _, s := range w.spans {
		if start := s.schedule.Next(now); !start.IsZero() && start.Before(next) {
			next = start
		}
	}
	return next
}
