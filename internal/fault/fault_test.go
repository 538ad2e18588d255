package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/sluice-operator/sluice/internal/fault"
)

// marked stands for a value that a foreign error quotes.
const marked = "do-not-quote"

func kinds() []fault.Kind {
	return []fault.Kind{
		fault.Unknown, fault.Invalid, fault.NotFound, fault.Denied, fault.Conflict, fault.Unsupported, fault.Throttled, fault.Unavailable,
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range kinds() {
		if name := kind.String(); name == "" || seen[name] {
			t.Errorf("kind %d has the name %q, which is empty or another's", kind, name)
		}
		seen[kind.String()] = true
	}
	if got := fault.Kind(200).String(); got != "Unknown" {
		t.Errorf("a kind that does not exist is called %q, want Unknown", got)
	}
}

func TestReading(t *testing.T) {
	const generic = "unexpected error, see the operator's log"
	foreign := errors.New(marked)
	denied := fault.New(fault.Denied, "the key %q is not readable", "a")
	tests := []struct {
		reason  string
		err     error
		kind    fault.Kind
		message string
	}{
		{"no error has no kind that could be acted on", nil, fault.Unknown, generic},
		{"a foreign error has neither kind nor text", foreign, fault.Unknown, generic},
		{"a fault has both", denied, fault.Denied, `the key "a" is not readable`},
		{"a cause adds nothing to the text", fault.Wrap(fault.Invalid, foreign, "line %d", 3), fault.Invalid, "line 3"},
		{"a fault is found under a foreign error", fmt.Errorf("%s: %w", marked, denied), fault.Denied, `the key "a" is not readable`},
		{"and among several", errors.Join(foreign, denied), fault.Denied, `the key "a" is not readable`},
		{"context stands in front", fault.In(denied, "store %q", "s"), fault.Denied, `store "s": the key "a" is not readable`},
		{
			"context upon context", fault.In(fault.In(denied, "inner"), "outer"),
			fault.Denied, `outer: inner: the key "a" is not readable`,
		},
		{"a foreign error is not quoted in context", fault.In(foreign, "store"), fault.Unknown, "store: " + generic},
		{
			"nor is what stands around a fault", fault.In(fmt.Errorf("%s: %w", marked, denied), "store"),
			fault.Denied, `store: the key "a" is not readable`,
		},
		{"a kind can be given anew", fault.Wrap(fault.Invalid, denied, "template"), fault.Invalid, "template"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := fault.KindOf(tt.err); got != tt.kind {
				t.Errorf("kind %v, want %v", got, tt.kind)
			}
			if got := fault.Message(tt.err); got != tt.message {
				t.Errorf("message %q, want %q", got, tt.message)
			}
			for _, kind := range kinds() {
				if got, want := fault.Is(tt.err, kind), tt.err != nil && kind == tt.kind; got != want {
					t.Errorf("is %v: %v, want %v", kind, got, want)
				}
			}
		})
	}
}

func TestInKeepsWhatIsActedOn(t *testing.T) {
	slow := &fault.Error{Kind: fault.Throttled, Message: "slow down", RetryAfter: 7 * time.Second, Cause: io.ErrUnexpectedEOF}
	err := fault.In(slow, "store")
	if got := fault.RetryAfter(err); got != 7*time.Second {
		t.Errorf("the wait is %v, want 7s", got)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if fault.In(nil, "store") != nil {
		t.Error("context makes an error out of none")
	}
	if got := fault.RetryAfter(io.EOF); got != 0 {
		t.Errorf("a foreign error asks for a wait of %v", got)
	}
}

func TestTextsNeverQuoteTheCause(t *testing.T) {
	foreign := errors.New(marked)
	for _, err := range []error{
		fault.Wrap(fault.Invalid, foreign, "a"), fault.In(foreign, "b"), fault.In(fault.Wrap(fault.Invalid, foreign, "c"), "d"),
	} {
		if text := err.Error() + fmt.Sprintf("%v %s %q", err, err, err); strings.Contains(text, marked) {
			t.Errorf("the cause is quoted: %s", text)
		}
		if !errors.Is(err, foreign) {
			t.Errorf("%v: the log cannot reach the cause", err)
		}
	}
}

func TestChainNamesTypesAndReasons(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, marked, errors.New(marked))
	err := fault.In(fault.Wrap(fault.Denied, fmt.Errorf("%s: %w", marked, forbidden), "not readable"), "store")
	got, want := fault.Chain(err), "*fault.Error <- *fault.Error <- *fmt.wrapError <- *errors.StatusError (403 Forbidden)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := fault.Chain(nil); got != "" {
		t.Errorf("no error has the chain %q", got)
	}
}
