package externalsecret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/templates"
)

// uncheckedRetry is how long to wait for the check of a store, should its end be missed.
const uncheckedRetry = 10 * time.Second

// report says in status, events and metrics how a sync went, and when to come again.
func (c *Controller) report(ctx context.Context, before, es *esv1.ExternalSecret, out outcome, err error) (ctrl.Result, error) {
	if errors.Is(err, stores.ErrOtherClass) {
		return ctrl.Result{}, nil
	}
	if errors.Is(err, stores.ErrUnchecked) && meta.IsStatusConditionTrue(es.Status.Conditions, esv1.ConditionReady) {
		// The end of the check wakes the object; until then what was true stays true.
		return ctrl.Result{RequeueAfter: uncheckedRetry}, nil
	}
	status := metav1.ConditionTrue
	reason, message := c.success(es, out)
	if err != nil {
		status, reason, message = metav1.ConditionFalse, wordsOf(es).failed, fault.Message(err)+report.Left(out.facts.Lease.Until, out.facts.Now)
	}
	es.Status.ObservedGeneration = es.Generation
	changed := report.Ready(&es.Status.Conditions, c.Clock.Now(), es.Generation, status, reason, message)
	report.Stalled(&es.Status.Conditions, err, out.read)
	if err == nil {
		c.succeeded(before, es, out)
	}
	if out.decision.Due || err != nil {
		c.Metrics.Synced(es.Namespace, es.Name, err)
	}
	c.Metrics.Ready(metrics.ExternalSecret, es.Namespace, es.Name, status)
	c.announce(es, out, err, changed)
	if statusErr := report.Status(ctx, c.Client, before, es); statusErr != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", statusErr)
	}
	if err != nil {
		failing := report.Failing(es.Status.Conditions, c.Clock.Now())
		return report.Retry(ctx, err, out.read, es.Spec.RefreshIntervalOrDefault(), failing)
	}
	if out.unfinished != nil {
		return report.Retry(ctx, out.unfinished, false, es.Spec.RefreshIntervalOrDefault(), 0)
	}
	return report.Later(out.next()), nil
}

// succeeded remembers a sync without an error.
func (c *Controller) succeeded(before, es *esv1.ExternalSecret, out outcome) {
	name := client.ObjectKeyFromObject(es)
	if out.decision.Reason != plan.ReasonWindowClosed {
		// What an earlier try has obtained is delivered by now, or not wanted any more. A later request asks for something new.
		c.Generators.Forget(esv1.KindExternalSecret, name)
	}
	if out.decision.Due {
		c.record(before, es, out)
		c.followers.Settle(name, out.changes)
	}
}

// success returns the reason and message of a sync without an error.
func (c *Controller) success(es *esv1.ExternalSecret, out outcome) (reason, message string) {
	synced, say := plan.SyncedGeneration(es.Status.SyncedResourceVersion), wordsOf(es)
	switch {
	case out.held:
		return say.synced, say.noun + " synced; " + heldBack(es, out)
	case !out.decision.Due && out.decision.Reason == plan.ReasonFrozen && synced != es.Generation:
		return say.synced, fmt.Sprintf("%s synced; generation %d is not applied, generation %d was synced: %s",
			say.noun, es.Generation, synced, frozenBy(&es.Spec)) + lasting(es, out)
	case !out.decision.Due:
		return settled(es, out)
	case out.change.Absent:
		return say.deleted, say.noun + " deleted due to DeletionPolicy=Delete"
	case out.change.Action == apply.Wait:
		return say.missing, fmt.Sprintf("%s will not be created due to CreationPolicy=Merge: %s %q does not exist",
			say.noun, say.kind, es.TargetName())
	case out.change.Retained:
		return say.synced, say.noun + " retained due to DeletionPolicy=Retain"
	default:
		return delivered(es, out)
	}
}

// heldBack says why nothing was done, and what the user can do.
func heldBack(es *esv1.ExternalSecret, out outcome) string {
	remedy := fmt.Sprintf("change annotation %s to ask for a new value", esv1.AnnotationForceSync)
	if plan.Frozen(out.facts) {
		remedy = fmt.Sprintf("delete %s %q to have a new value made", wordsOf(es).kind, es.TargetName())
	}
	synced := plan.SyncedGeneration(es.Status.SyncedResourceVersion)
	what := fmt.Sprintf("generation %d is not applied, generation %d was synced: the change", es.Generation, synced)
	switch {
	case plan.Renews(out.facts):
		what = fmt.Sprintf("what was generated ends at %s and is not replaced: that", out.facts.Lease.Until.UTC().Format(time.RFC3339))
	case out.facts.Target != plan.TargetDrifted && synced == es.Generation:
		what = "what else the sources hold now is not applied: that"
	case out.facts.Target == plan.TargetDrifted:
		what = fmt.Sprintf("%s %q was changed by somebody else and is left so: its repair", wordsOf(es).kind, es.TargetName())
	}
	return what + " needs a generated value which the template has used up, and generators run again only on request: " + remedy
}

// helmHint returns what is to be said of templates that Helm seems to have spoiled: they render, but hardly to what was meant.
func helmHint(t *esv1.ExternalSecretTemplate) string {
	if t == nil {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(t.Data)) {
		if hint := templates.HelmHint(t.Data[key]); hint != "" {
			return fmt.Sprintf("; %s.data[%s]: %s", templatePath, key, hint)
		}
	}
	return ""
}

// settled keeps what the last sync said when it succeeded.
func settled(es *esv1.ExternalSecret, out outcome) (reason, message string) {
	ready := meta.FindStatusCondition(es.Status.Conditions, esv1.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == es.Generation {
		return ready.Reason, ready.Message
	}
	return delivered(es, out)
}

func delivered(es *esv1.ExternalSecret, out outcome) (reason, message string) {
	say := wordsOf(es)
	return say.synced, say.noun + " synced" + lasting(es, out) + helmHint(es.Spec.Target.Template)
}

func frozenBy(spec *esv1.ExternalSecretSpec) string {
	if spec.RefreshPolicyOrDefault() == esv1.RefreshCreatedOnce {
		return "refreshPolicy is CreatedOnce"
	}
	return "refreshInterval is 0"
}

// record writes down what was delivered. The time alone is not worth a write each time. A look at a source that turns out to
// be as it was is no refresh.
func (c *Controller) record(before, es *esv1.ExternalSecret, out outcome) {
	now := c.Clock.Now()
	if out.looked() && equality.Semantic.DeepEqual(before.Status, es.Status) {
		return
	}
	c.refreshed.Set(es, now, out.facts.ForceSync)
	es.Status.LastHandledForceSync, es.Status.LastHandledRotate = out.facts.ForceSync, out.facts.Rotate
	if out.held {
		return
	}
	es.Status.SyncedResourceVersion = out.facts.Version
	es.Status.SyncedInputs = out.facts.Inputs
	if out.change.Action != apply.Wait && es.Spec.Target.CreationPolicyOrDefault() != esv1.CreateNone {
		es.Status.Binding.Name, es.Status.Manifest = es.TargetName(), es.Spec.Target.Manifest
	}
	idle := out.change.Action == apply.Keep || out.change.Action == apply.Wait
	quiet := idle && equality.Semantic.DeepEqual(before.Status, es.Status)
	es.Status.RefreshTime = report.Stamp(es.Status.RefreshTime, now, quiet)
}

// announce records events for what happened, and for a failure when it is new.
func (c *Controller) announce(es *esv1.ExternalSecret, out outcome, err error, changed bool) {
	event := func(kind, reason, note string, args ...any) {
		c.Events.Eventf(es, nil, kind, reason, "Sync", note, args...)
	}
	if err != nil {
		// A check that is about to be made is no failure.
		if changed && !errors.Is(err, stores.ErrUnchecked) {
			event(corev1.EventTypeWarning, "UpdateFailed", "%s", fault.Message(err))
		}
		return
	}
	touched := out.change.Action == apply.Write || out.change.Action == apply.Delete
	if touched {
		reason, note := deed(es, out.change)
		event(corev1.EventTypeNormal, reason, "%s", note)
	}
	if len(out.change.Lost) > 0 {
		event(corev1.EventTypeWarning, "Adopted",
			"%s %q existed before; these keys are gone from it: %s", wordsOf(es).kind, es.TargetName(), strings.Join(out.change.Lost, ", "))
	}
	for range out.orphans {
		event(corev1.EventTypeNormal, "Deleted", "%s deleted because it was orphaned", wordsOf(es).noun)
	}
	if changed || touched {
		for _, entry := range out.gone {
			event(corev1.EventTypeNormal, "MissingProviderSecret", "secret does not exist at provider using %s", entry)
		}
	}
}
