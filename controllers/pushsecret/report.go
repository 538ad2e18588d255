package pushsecret

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/stores"
)

// report says in status, events and metrics how a sync went, and when to come again.
func (c *Controller) report(ctx context.Context, p *pass, out outcome, err error) (ctrl.Result, error) {
	ps, before := p.ps, p.before
	if errors.Is(err, stores.ErrOtherClass) {
		return ctrl.Result{}, nil
	}
	status, reason, message := verdict(ps, out, err)
	ps.Status.ObservedGeneration = ps.Generation
	changed := report.Ready(&ps.Status.Conditions, c.Clock.Now(), ps.Generation, status, reason, message)
	report.Stalled(&ps.Status.Conditions, err, false)
	if out.decision.Due {
		ps.Status.SyncedPushSecrets = out.synced
		if len(out.synced) == 0 {
			ps.Status.SyncedPushSecrets = nil
		}
		if err == nil {
			c.record(p, &out)
			c.followers.Settle(client.ObjectKeyFromObject(ps), p.changes)
		}
	}
	if changed {
		kind := corev1.EventTypeNormal
		if err != nil {
			kind = corev1.EventTypeWarning
		}
		c.Events.Eventf(ps, nil, kind, reason, "Push", "%s", message)
	}
	c.Metrics.Ready(metrics.PushSecret, ps.Namespace, ps.Name, status)
	if statusErr := report.Status(ctx, c.Client, before, ps); statusErr != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", statusErr)
	}
	if err != nil {
		return report.Retry(ctx, err, false, ps.Spec.RefreshIntervalOrDefault(), report.Failing(ps.Status.Conditions, c.Clock.Now()))
	}
	c.rounds.end(client.ObjectKeyFromObject(ps))
	c.Generators.Forget(kind, client.ObjectKeyFromObject(ps))
	return report.Later(next(ps, out)), nil
}

func verdict(ps *esv1alpha1.PushSecret, out outcome, err error) (status metav1.ConditionStatus, reason, message string) {
	switch {
	case err != nil:
		return metav1.ConditionFalse, esv1alpha1.ReasonErrored, fault.Message(err) + report.Left(out.facts.Lease.Until, out.facts.Now)
	case out.sourceGone:
		return metav1.ConditionFalse, esv1alpha1.ReasonSourceDeleted, "source secret deleted; provider secrets cleaned up"
	case out.unchanged:
		return metav1.ConditionTrue, esv1alpha1.ReasonSynced, "PushSecret synced successfully. Existing secrets in providers unchanged." + ends(ps, out)
	}
	ready := meta.FindStatusCondition(ps.Status.Conditions, esv1.ConditionReady)
	settled := !out.decision.Due && ready != nil && ready.ObservedGeneration == ps.Generation
	if settled && (ready.Status == metav1.ConditionTrue || ready.Reason == esv1alpha1.ReasonSourceDeleted) {
		return ready.Status, ready.Reason, ready.Message
	}
	return metav1.ConditionTrue, esv1alpha1.ReasonSynced, "PushSecret synced successfully" + ends(ps, out)
}

// ends says when the values end, and where the policy keeps them until then and beyond.
func ends(ps *esv1alpha1.PushSecret, out outcome) string {
	why := ""
	switch {
	case !endless(ps, out.facts):
	case ps.Spec.UpdatePolicyOrDefault() != esv1alpha1.UpdateReplace:
		why = "updatePolicy is " + string(ps.Spec.UpdatePolicy)
	default:
		why = "refreshInterval is 0"
	}
	return report.Ends(out.facts.Lease.Until, why)
}

// record writes down what was pushed. The time alone is not worth a write each time.
func (c *Controller) record(p *pass, out *outcome) {
	ps, now := p.ps, c.Clock.Now()
	force, rotate := out.facts.ForceSync, out.facts.Rotate
	if round := ps.Status.Rotation; round != nil && !waits(ps) {
		// What was asked for since it began is the next one.
		force, rotate = round.ForceSync, round.Rotate
	}
	// The values of other keys wait for their interval all the same.
	whole := ps.Status.Rotation != nil && len(ps.Status.Rotation.Keys) == 0 && !waits(ps)
	generator := ps.Spec.Selector.GeneratorRef != nil
	if generator && (whole || ps.Status.LastRotationTime == nil) {
		ps.Status.LastRotationTime = &metav1.Time{Time: now}
	}
	if !generator {
		ps.Status.LastRotationTime = nil
	}
	if ps.Status.Rotation == nil || !waits(ps) {
		ps.Status.Rotation, ps.Status.Generated, ps.Status.Leases = nil, out.generated, out.leases
	}
	ps.Status.LastHandledForceSync, ps.Status.LastHandledRotate = force, rotate
	c.refreshed.Set(ps, now, force)
	ps.Status.SyncedResourceVersion = out.facts.Version
	ps.Status.SyncedInputs = out.facts.Inputs
	ps.Status.RefreshTime = report.Stamp(ps.Status.RefreshTime, now, equality.Semantic.DeepEqual(p.before.Status, ps.Status))
}

// next is how long until the next look.
func next(ps *esv1alpha1.PushSecret, out outcome) time.Duration {
	if !out.decision.Due {
		return plan.Sooner(out.decision.Next, out.undecided)
	}
	if plan.NewRequest(out.facts.ForceSync, ps.Status.LastHandledForceSync) || out.facts.Rotate != ps.Status.LastHandledRotate {
		return time.Millisecond
	}
	f := out.facts
	if rotates(ps) && ps.Status.LastRotationTime != nil {
		f.Rotated = ps.Status.LastRotationTime.Time
	}
	f.PreviousOver = previousOver(ps, f.Now)
	if endless(ps, f) {
		f.Lease = plan.Lease{}
	}
	return plan.Sooner(plan.After(f), out.undecided)
}
