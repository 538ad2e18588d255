package report_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/queue"
)

var (
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

func TestReady(t *testing.T) {
	cases := []struct {
		reason         string
		status         metav1.ConditionStatus
		why, message   string
		changed, flips bool
	}{
		{"the same again is no news", metav1.ConditionTrue, "SecretSynced", "secret synced", false, false},
		{"another message is news but no transition", metav1.ConditionTrue, "SecretSynced", "secret retained", true, false},
		{"another reason is news but no transition", metav1.ConditionTrue, "SecretDeleted", "secret synced", true, false},
		{"another status is a transition", metav1.ConditionFalse, "SecretSynced", "secret synced", true, true},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			var conditions []metav1.Condition
			if !report.Ready(&conditions, noon, 1, metav1.ConditionTrue, "SecretSynced", "secret synced") {
				t.Error("the first condition is not reported as a change")
			}
			if changed := report.Ready(&conditions, later, 2, tc.status, tc.why, tc.message); changed != tc.changed {
				t.Errorf("changed = %v, want %v", changed, tc.changed)
			}
			if len(conditions) != 1 {
				t.Fatalf("there are %d conditions, want one", len(conditions))
			}
			got := conditions[0]
			if got.Type != esv1.ConditionReady || got.Status != tc.status || got.Reason != tc.why || got.Message != tc.message {
				t.Errorf("condition = %+v", got)
			}
			if got.ObservedGeneration != 2 {
				t.Errorf("observedGeneration = %d, want 2", got.ObservedGeneration)
			}
			if flipped := got.LastTransitionTime.Time.Equal(later); flipped != tc.flips {
				t.Errorf("the transition time moved = %v, want %v", flipped, tc.flips)
			}
		})
	}
}

// TestReadyDropsWhatHasNoTime covers the conditions that the reference implementation leaves on a ClusterExternalSecret.
func TestReadyDropsWhatHasNoTime(t *testing.T) {
	conditions := []metav1.Condition{
		{Type: "NotReady", Status: metav1.ConditionTrue},
		{Type: esv1.ConditionReady, Status: metav1.ConditionTrue},
		{Type: "Other", Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon)},
	}
	report.Ready(&conditions, later, 1, metav1.ConditionTrue, "Provisioned", "provisioned")
	times := map[string]time.Time{}
	for _, c := range conditions {
		times[c.Type] = c.LastTransitionTime.Time
	}
	if len(times) != 2 || !times["Other"].Equal(noon) || !times[esv1.ConditionReady].Equal(later) {
		t.Errorf("the conditions have the times %v", times)
	}
}

// TestConditionsAsToolsReadThem judges the conditions with the library that tools which wait for objects use.
func TestConditionsAsToolsReadThem(t *testing.T) {
	cases := []struct {
		reason   string
		err      error
		read     bool
		observed int64
		want     status.Status
	}{
		{"what is done", nil, false, 2, status.CurrentStatus},
		{"what has not been looked at since its spec changed", nil, false, 1, status.InProgressStatus},
		{"a wrong spec", fault.New(fault.Invalid, "x"), false, 2, status.FailedStatus},
		{"something that belongs to somebody else", fault.New(fault.Conflict, "x"), true, 2, status.FailedStatus},
		{"what this build cannot do", fault.New(fault.Unsupported, "x"), true, 2, status.FailedStatus},
		{"a wrong value in a store, which may be mended there", fault.New(fault.Invalid, "x"), true, 2, status.InProgressStatus},
		{"something absent, which may be applied next", fault.New(fault.NotFound, "x"), false, 2, status.InProgressStatus},
		{"an outage", fault.New(fault.Unavailable, "x"), false, 2, status.InProgressStatus},
		{"a failure that nobody foresaw", errors.New("x"), false, 2, status.InProgressStatus},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			es := &esv1.ExternalSecret{
				TypeMeta:   metav1.TypeMeta{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret"},
				ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "team", Generation: 2},
			}
			es.Status.ObservedGeneration = tc.observed
			ready := metav1.ConditionTrue
			if tc.err != nil {
				ready = metav1.ConditionFalse
			}
			report.Ready(&es.Status.Conditions, noon, tc.observed, ready, "Reason", "message")
			report.Stalled(&es.Status.Conditions, tc.err, tc.read)
			fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(es)
			if err != nil {
				t.Fatal(err)
			}
			got, err := status.Compute(&unstructured.Unstructured{Object: fields})
			if err != nil || got.Status != tc.want {
				t.Fatalf("it is read as %+v, %v; want %v", got, err, tc.want)
			}
			report.Ready(&es.Status.Conditions, later, 2, metav1.ConditionTrue, "Reason", "message")
			if report.Stalled(&es.Status.Conditions, nil, tc.read); len(es.Status.Conditions) != 1 {
				t.Errorf("after success the conditions are %+v, want Ready alone", es.Status.Conditions)
			}
		})
	}
}

func TestNote(t *testing.T) {
	const limit = 1024
	if got := report.Note(strings.Repeat("x", limit)); len(got) != limit || strings.HasSuffix(got, "...") {
		t.Errorf("a text that just fits is changed to %d bytes", len(got))
	}
	if got := report.Note("x" + strings.Repeat("é", limit)); len(got) > limit || !utf8.ValidString(got) || !strings.HasSuffix(got, "é...") {
		t.Errorf("a text that is too long becomes %d bytes: %q", len(got), got[len(got)-10:])
	}
}

func TestReadyBoundsItsMessage(t *testing.T) {
	const limit = 4096
	cases := []struct {
		reason, message string
		cut             bool
	}{
		{"a message that just fits", strings.Repeat("x", limit), false},
		{"one byte too many", strings.Repeat("x", limit+1), true},
		{"the cut is inside of a character of two bytes", "x" + strings.Repeat("é", limit), true},
		{"the cut is inside of a character of four bytes", "xx" + strings.Repeat("😀", limit), true},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			var conditions []metav1.Condition
			report.Ready(&conditions, noon, 1, metav1.ConditionFalse, "SecretSyncedError", tc.message)
			got := conditions[0].Message
			if len(got) > limit || !utf8.ValidString(got) {
				t.Errorf("the message has %d bytes, valid UTF-8: %v", len(got), utf8.ValidString(got))
			}
			if cut := strings.HasSuffix(got, "..."); cut != tc.cut || !strings.HasPrefix(tc.message, strings.TrimSuffix(got, "...")) {
				t.Errorf("the message is cut = %v, want %v, and must be the beginning of the text", cut, tc.cut)
			}
			if report.Ready(&conditions, later, 1, metav1.ConditionFalse, "SecretSyncedError", tc.message) {
				t.Error("the same message again counts as a change")
			}
		})
	}
}

func TestRetry(t *testing.T) {
	const interval = time.Minute
	cases := []struct {
		reason string
		err    error
		read   bool
		// class is that of the next try. from and to limit the wait; zero for an error that the queue backs off from.
		from, to time.Duration
		class    int
	}{
		{"a wrong spec waits for a change", fault.New(fault.Invalid, "x"), false, interval, interval, queue.Periodic},
		{"a conflict waits for a change", fault.New(fault.Conflict, "x"), false, interval, interval, queue.Periodic},
		{"whatever was read", fault.New(fault.Conflict, "x"), true, interval, interval, queue.Periodic},
		{"a missing ability too", fault.New(fault.Unsupported, "x"), true, interval, interval, queue.Periodic},
		{"what was read may be mended soon", fault.New(fault.Invalid, "x"), true, time.Second, time.Second, queue.Periodic},
		{"a kind is found through a context", fault.In(fault.New(fault.Invalid, "x"), "spec"), false, interval, interval, queue.Periodic},
		{
			"throttling is obeyed, and never too soon", &fault.Error{Kind: fault.Throttled, RetryAfter: 8 * time.Second}, false,
			8 * time.Second, 12 * time.Second, queue.Retry,
		},
		{
			"also when it is longer than the interval", &fault.Error{Kind: fault.Throttled, RetryAfter: 10 * interval}, false,
			10 * interval, 15 * interval, queue.Retry,
		},
		{
			"an outage that names its end is believed", &fault.Error{Kind: fault.Unavailable, RetryAfter: 8 * time.Second}, false,
			8 * time.Second, 12 * time.Second, queue.Retry,
		},
		{
			"nobody can ask for years", &fault.Error{Kind: fault.Throttled, RetryAfter: 100000 * time.Hour}, false,
			10 * time.Minute, 15 * time.Minute, queue.Retry,
		},
		{"throttling without a time is no reason to hurry", fault.New(fault.Throttled, "x"), false, 0, 0, queue.Refused},
		{"a refusal does not end within milliseconds", fault.New(fault.Denied, "x"), false, 0, 0, queue.Refused},
		{"something absent may appear", fault.New(fault.NotFound, "x"), false, 0, 0, 0},
		{"an outage may end", fault.New(fault.Unavailable, "x"), false, 0, 0, 0},
		{"nobody knows", errors.New("x"), false, 0, 0, 0},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			result, err := report.Retry(t.Context(), tc.err, tc.read, interval, 0)
			if tc.from == 0 {
				if result.RequeueAfter != 0 || ptr.Deref(result.Priority, 0) != tc.class || !errors.Is(err, tc.err) {
					t.Errorf("%+v, %v; want the error itself, so that the queue backs off, in class %d", result, err, tc.class)
				}
				return
			}
			if err != nil || result.RequeueAfter < tc.from || result.RequeueAfter > tc.to {
				t.Errorf("%+v, %v; want to come again after %v to %v", result, err, tc.from, tc.to)
			}
			if result.Priority == nil || *result.Priority != tc.class {
				t.Errorf("%+v, want it in class %d", result, tc.class)
			}
		})
	}
}

func TestRetryScatters(t *testing.T) {
	for _, err := range []error{
		fault.New(fault.Unavailable, "x"), &fault.Error{Kind: fault.Throttled, RetryAfter: time.Second},
	} {
		first, _ := report.Retry(t.Context(), err, false, time.Minute, time.Hour)
		different := slices.ContainsFunc(make([]struct{}, 20), func(struct{}) bool {
			next, _ := report.Retry(t.Context(), err, false, time.Minute, time.Hour)
			return next.RequeueAfter != first.RequeueAfter
		})
		if !different {
			t.Errorf("%v: all come back together, after %v", fault.KindOf(err), first.RequeueAfter)
		}
	}
}

func TestRetryLooksAgain(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Hour} {
		result, err := report.Retry(t.Context(), fault.New(fault.Invalid, "x"), false, wait, time.Hour)
		if err != nil || result.RequeueAfter != 5*time.Minute {
			t.Errorf("after a wait of %v: %+v, %v; want five minutes, since not everything that can mend it is watched", wait, result, err)
		}
	}
}

func TestRetryOfWhatCosts(t *testing.T) {
	err := fault.In(&fault.Error{Kind: fault.Invalid, Message: "x", Costly: true}, "spec")
	for failing, want := range map[time.Duration]time.Duration{
		0: 5 * time.Minute, 20 * time.Minute: 20 * time.Minute, 24 * time.Hour: time.Hour,
	} {
		if result, _ := report.Retry(t.Context(), err, true, 45*time.Minute, failing); result.RequeueAfter != want {
			t.Errorf("after %v of failures it is tried again after %v, want %v", failing, result.RequeueAfter, want)
		}
	}
	err = fault.In(&fault.Error{Kind: fault.Denied, Message: "x", Costly: true}, "spec")
	if _, retried := report.Retry(t.Context(), err, true, 45*time.Minute, time.Minute); retried == nil {
		t.Error("at first the queue says when")
	}
	result, retried := report.Retry(t.Context(), err, true, 45*time.Minute, 20*time.Minute)
	if retried != nil || result.RequeueAfter < 20*time.Minute || result.RequeueAfter > 25*time.Minute {
		t.Errorf("what may pass by itself is tried again after %v, %v, want about as long as it has failed", result.RequeueAfter, retried)
	}
}

func TestRetryKeepsTheInterval(t *testing.T) {
	cases := []struct {
		reason            string
		kind              fault.Kind
		interval, failing time.Duration
		from, to          time.Duration
	}{
		{"what has failed for an interval is tried each interval", fault.NotFound, 10 * time.Second, 11 * time.Second, 10 * time.Second, 11 * time.Second},
		{"also what is refused", fault.Denied, 10 * time.Second, time.Hour, 10 * time.Second, 11 * time.Second},
		{"and what does not answer", fault.Unavailable, 10 * time.Second, 10 * time.Second, 10 * time.Second, 11 * time.Second},
		{"and what was read and is not as it should be", fault.Invalid, 10 * time.Second, time.Hour, 10 * time.Second, 10 * time.Second},
		{"which is looked at after as long as it has failed", fault.Invalid, time.Hour, 9 * time.Second, 9 * time.Second, 9 * time.Second},
		{"but not more seldom than what nobody reads", fault.Invalid, time.Hour, 2 * time.Hour, 5 * time.Minute, 5 * time.Minute},
		{"before that it is tried sooner", fault.NotFound, 10 * time.Second, 9 * time.Second, 0, 0},
		{"a long interval does not make it later than the queue does", fault.NotFound, time.Hour, 2 * time.Hour, 0, 0},
		{"without an interval the queue decides", fault.NotFound, 0, time.Hour, 0, 0},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			result, err := report.Retry(t.Context(), fault.New(tc.kind, "x"), true, tc.interval, tc.failing)
			if result.RequeueAfter < tc.from || result.RequeueAfter > tc.to || (err == nil) != (tc.to > 0) {
				t.Errorf("%+v, %v; want to come again after %v to %v, or an error for the queue", result, err, tc.from, tc.to)
			}
		})
	}
}

func TestLater(t *testing.T) {
	if result := report.Later(0); !result.IsZero() {
		t.Errorf("%+v, want no further look", result)
	}
	result := report.Later(time.Hour)
	if result.RequeueAfter != time.Hour || result.Priority == nil || *result.Priority >= 0 {
		t.Errorf("%+v, want a look after an hour, behind what is new", result)
	}
}

func TestFailing(t *testing.T) {
	var conditions []metav1.Condition
	if got := report.Failing(conditions, noon); got != 0 {
		t.Errorf("failing for %v without a condition", got)
	}
	report.Ready(&conditions, noon, 1, metav1.ConditionFalse, "SecretSyncedError", "x")
	report.Ready(&conditions, later, 1, metav1.ConditionFalse, "SecretSyncedError", "y")
	if got := report.Failing(conditions, later.Add(time.Second)); got != later.Sub(noon)+time.Second {
		t.Errorf("failing for %v, want the time since the first failure", got)
	}
	report.Ready(&conditions, later, 1, metav1.ConditionTrue, "SecretSynced", "x")
	if got := report.Failing(conditions, later.Add(time.Second)); got != 0 {
		t.Errorf("failing for %v though it is Ready", got)
	}
}

func TestStatus(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason  string
		exists  bool
		change  bool
		refusal error
		patches int
		fails   bool
	}{
		{reason: "nothing to say, nothing written", exists: true},
		{reason: "a difference is one patch", exists: true, change: true, patches: 1},
		{reason: "an object that is gone is no error", change: true, patches: 1},
		{reason: "a refusal is passed on", exists: true, change: true, refusal: errors.New("no"), patches: 1, fails: true},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			object := &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b"}}
			patches := 0
			builder := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(object).WithInterceptorFuncs(interceptor.Funcs{
				SubResourcePatch: func(
					ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption,
				) error {
					patches++
					if tc.refusal != nil {
						return tc.refusal
					}
					return c.SubResource(sub).Patch(ctx, o, p, opts...)
				},
			})
			if tc.exists {
				builder = builder.WithObjects(object)
			}
			c := builder.Build()
			before := object.DeepCopy()
			if tc.change {
				object.Status.SyncedResourceVersion = "1-x"
			}
			if err := report.Status(t.Context(), c, before, object); (err != nil) != tc.fails {
				t.Errorf("err = %v, want an error: %v", err, tc.fails)
			}
			if patches != tc.patches {
				t.Errorf("%d patches, want %d", patches, tc.patches)
			}
			if tc.exists && tc.change && !tc.fails {
				var stored esv1.ExternalSecret
				if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), &stored); err != nil || stored.Status.SyncedResourceVersion != "1-x" {
					t.Errorf("stored status = %+v, err = %v", stored.Status, err)
				}
			}
		})
	}
}
