package fanout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
)

const (
	// maxFailures bounds the list of failures: with a reason each, those of ten thousand namespaces do not fit into an object.
	maxFailures = 500
	// maxNamed is how many namespaces a message names.
	maxNamed = 5
)

// report says in status, events and metrics how a sync went, and when to come again.
func (c *Controller) report(ctx context.Context, before client.Object, want *wanted, out outcome, err error) (ctrl.Result, error) {
	if err != nil && !fault.Is(err, fault.Invalid) {
		// What the caches did not give, or changed at the same moment, is tried again before anybody is told.
		return ctrl.Result{}, err
	}
	state, kind, reason, message := metav1.ConditionTrue, corev1.EventTypeNormal, esv1.ReasonProvisioned, want.success(out)
	switch {
	case err != nil:
		state, kind, reason, message = metav1.ConditionFalse, corev1.EventTypeWarning, esv1.ReasonInvalidSelector, fault.Message(err)
	case len(out.failed) > 0:
		state, kind, reason, message = metav1.ConditionFalse, corev1.EventTypeWarning, esv1.ReasonNamespacesFailed, out.failed.message()
	}
	parent, status := want.parent, c.kinds.statusOf(want.parent)
	if err == nil {
		*status.childName = want.childName
		*status.provisioned = out.provisioned
		*status.failed = out.failed.list()
		err = out.failed.pressing()
	}
	*status.observedGeneration = parent.GetGeneration()
	if report.Ready(status.conditions, c.Clock.Now(), parent.GetGeneration(), state, reason, message) {
		c.Events.Eventf(parent, nil, kind, reason, "Provision", "%s", message)
	}
	report.Stalled(status.conditions, err, false)
	c.Metrics.Ready(c.kinds.metric, "", parent.GetName(), state)
	if statusErr := report.Status(ctx, c.Client, before, parent); statusErr != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", statusErr)
	}
	if err != nil {
		return report.Retry(ctx, err, false, want.refreshTime, report.Failing(*status.conditions, c.Clock.Now()))
	}
	return report.Later(want.refreshTime), nil
}

// success says what there is.
func (w *wanted) success(out outcome) string {
	text := fmt.Sprintf("%s %q is in every selected namespace", w.kinds.called, w.childName)
	if len(out.provisioned) == 0 {
		text = "no namespace is selected"
	}
	if len(out.missing) > 0 {
		text += "; spec.namespaces names what does not exist: " + some(out.missing, ", ")
	}
	return text
}

// message names the namespaces that failed, and why.
func (f failures) message() string {
	var all []string
	for _, failure := range f.list() {
		all = append(all, failure.Namespace+": "+failure.Reason)
	}
	text := "one or more namespaces failed: " + some(all, "; ")
	if len(f) > maxNamed {
		text += fmt.Sprintf(" (%d in all, see status.failedNamespaces)", len(f))
	}
	return text
}

// some joins the first ones of a list.
func some(all []string, separator string) string {
	if len(all) > maxNamed {
		all = append(slices.Clone(all[:maxNamed]), "…")
	}
	return strings.Join(all, separator)
}

// list returns the failures as a status shows them.
func (f failures) list() []esv1.NamespaceFailure {
	var all []esv1.NamespaceFailure
	for _, namespace := range slices.Sorted(maps.Keys(f)) {
		if len(all) == maxFailures {
			break
		}
		all = append(all, esv1.NamespaceFailure{Namespace: namespace, Reason: fault.Message(f[namespace])})
	}
	return all
}

// pressing returns a failure that waiting may mend, or else any, which says when to try again; nil when there is none.
func (f failures) pressing() error {
	var found error
	for _, namespace := range slices.Sorted(maps.Keys(f)) {
		if found = f[namespace]; !fault.KindOf(found).Lasting() {
			break
		}
	}
	return found
}
