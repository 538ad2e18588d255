package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind says what a failure means for what happens next: whether to retry, when, and what the user is told.
type Kind uint8

// The kinds of failure. Denied and Unavailable are never reported as NotFound: a policy that deletes what has disappeared
// would otherwise delete a live Secret.
const (
	// Unknown is a failure that nobody classified.
	Unknown Kind = iota
	// Invalid is input that no retry can mend: a field, a template, a malformed value.
	Invalid
	// NotFound is something that is certainly absent.
	NotFound
	// Denied is a missing right, or a credential that is missing or was refused.
	Denied
	// Conflict is something that belongs to somebody else.
	Conflict
	// Unsupported is an ability that a store, a generator or this build does not have.
	Unsupported
	// Throttled is a request to slow down; Error.RetryAfter may say for how long.
	Throttled
	// Unavailable is a system that could not be reached or that failed on its own side.
	Unavailable
)

// String returns the kind's name, as metrics and logs show it.
func (k Kind) String() string {
	names := [...]string{"Unknown", "Invalid", "NotFound", "Denied", "Conflict", "Unsupported", "Throttled", "Unavailable"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[Unknown]
}

// Error is a failure with its kind. Its message is fit for a status field: it holds no secret value, token or query string.
type Error struct {
	Kind Kind
	// Message is what users read in a status, an event or a log.
	Message string
	// RetryAfter is the wait that a system asked for which is throttling or not available; zero when it did not.
	RetryAfter time.Duration
	// Costly says that each try uses something up that is not had back, so that tries are to be few.
	Costly bool
	// Cause is for the log at debug level only: the text of a foreign error may quote values.
	Cause error
}

// Error returns the message alone; the cause is reached through errors.As and Unwrap.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New returns an error of the given kind with a formatted message.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of the given kind whose message is the formatted text alone: the cause's own text is not
// repeated, since it may quote values.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// In returns err with a formatted context in front of its message, and keeps kind, RetryAfter and Costly. An error without a
// kind becomes Unknown and its own text is left out of the message. In returns nil for a nil err.
func In(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	context := fmt.Sprintf(format, args...)
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Kind: Unknown, Message: context + ": unexpected error, see the operator's log", Cause: err}
	}
	return &Error{Kind: e.Kind, Message: context + ": " + Message(err), RetryAfter: e.RetryAfter, Costly: e.Costly, Cause: err}
}

// Lasting says that trying again does not help: it takes a change of what was asked for, or of what stands in its way.
func (k Kind) Lasting() bool { return k == Invalid || k == Conflict || k == Unsupported }

// KindOf returns the kind of err, Unknown for an error without one.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unknown
}

// Is reports whether err is a failure of the given kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Message returns the text of err that is fit for a status field. An error without a kind yields a generic text.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "unexpected error, see the operator's log"
}

// RetryAfter returns how long the failing system asked to be left alone, zero when it did not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// Costly reports whether each try that fails with err uses something up.
func Costly(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Costly
}

// Chain describes the causes of err for the log: their types, and what an API server said of its reason. Their texts may
// quote values and are left out.
func Chain(err error) string {
	var links []string
	for ; err != nil; err = errors.Unwrap(err) {
		link := fmt.Sprintf("%T", err)
		if status, ok := err.(interface{ Status() metav1.Status }); ok {
			link += fmt.Sprintf(" (%d %s)", status.Status().Code, status.Status().Reason)
		}
		links = append(links, link)
	}
	return strings.Join(links, " <- ")
}
