package generatorstate

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// Config is what the controller works with.
type Config struct {
	// Client reads GeneratorStates from a cache, and writes them.
	Client client.Client
	// Generators gives back what a state describes.
	Generators *lease.Runner
	// Metrics counts.
	Metrics *metrics.Metrics
	// Events records events.
	Events events.EventRecorder
	// Clock is the time.
	Clock clock.Clock
	// Shards are what this replica holds of the objects; nil for all.
	Shards *shard.Gate
	// Options are those of the work queue.
	Options controller.Options
}

// Controller collects GeneratorStates.
type Controller struct{ Config }

// New returns the controller.
func New(config Config) *Controller { return &Controller{Config: config} }

// Name implements controllers.Controller.
func (*Controller) Name() string { return "generatorstate" }

// Register adds the controller to mgr.
func (c *Controller) Register(_ context.Context, mgr manager.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named(c.Name()).
		WithOptions(c.Options).
		WatchesRawSource(c.Shards.Source(mgr.GetCache(), &genv1alpha1.GeneratorStateList{}, nil, c.leave)).
		For(&genv1alpha1.GeneratorState{}, wakeup.OwnChanges()).
		Complete(c)
}

// leave drops the metrics of a state that is another replica's from now on.
func (c *Controller) leave(name types.NamespacedName) {
	c.Metrics.Leave(metrics.GeneratorState, name.Namespace, name.Name)
}

// Reconcile gives back what one state describes when its time has come.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	started := c.Clock.Now()
	var object genv1alpha1.GeneratorState
	if err := c.Client.Get(ctx, req.NamespacedName, &object); err != nil {
		if client.IgnoreNotFound(err) == nil {
			c.Metrics.Forget(metrics.GeneratorState, req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !c.Generators.Serves(&object) {
		return ctrl.Result{}, nil
	}
	state := lease.State{GeneratorState: &object}
	c.expose(state)
	before := object.DeepCopy()
	due, wait := c.due(state)
	var err error
	if due {
		if err = c.collect(ctx, state); err == nil || apierrors.IsConflict(err) {
			return ctrl.Result{}, err // what changed at the same moment is no failure, and looked at again at once
		}
	}
	c.report(&object, err)
	if statusErr := report.Status(ctx, c.Client, before, &object); statusErr != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", statusErr)
	}
	c.Metrics.Reconciled(metrics.GeneratorState, req.Namespace, req.Name, c.Clock.Since(started))
	if err != nil {
		return c.retry(ctx, state, err)
	}
	return report.Later(wait), nil
}

// due says whether a state is to be collected, or else after what time, zero for when it changes. What was obtained and not
// delivered is its owner's to decide about, which alone can see whether it was delivered after all.
func (c *Controller) due(state lease.State) (bool, time.Duration) {
	now := c.Clock.Now()
	switch {
	case !state.DeletionTimestamp.IsZero():
		return true, 0
	case state.Undelivered() && !state.Orphaned(), state.Spec.GarbageCollectionDeadline == nil:
		return false, 0
	case state.Overdue(now):
		return true, 0
	default:
		return false, state.Spec.GarbageCollectionDeadline.Sub(now)
	}
}

// collect gives back what the state describes, and removes the state. One that is being deleted goes after some time though
// nothing could be given back: a namespace must not wait for ever for a system that is gone, or for credentials that went
// before.
func (c *Controller) collect(ctx context.Context, state lease.State) error {
	if !state.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(state, genv1alpha1.FinalizerGeneratorState) {
		return nil
	}
	if !c.over(state) {
		if err := c.Generators.Revoke(ctx, state.GeneratorState); err != nil {
			if c.patience(state) > 0 {
				return fault.In(err, "could not be given back")
			}
			c.abandon(ctx, state, err)
		}
	}
	return fault.In(c.remove(ctx, state), "could not be removed after it was given back")
}

// over reports whether what the state describes has ended by itself, for long enough that no clock which is a little late thinks
// otherwise. It need not be given back, which may not be possible at all: to a token that may only obtain, or a site that is gone.
func (c *Controller) over(state lease.State) bool {
	ends := state.Expires()
	return !ends.IsZero() && c.Clock.Since(ends) >= report.CleanupPatience
}

// patience is for how long giving back is still tried. What nobody deletes is tried until it has ended by itself.
func (c *Controller) patience(state lease.State) time.Duration {
	if state.DeletionTimestamp.IsZero() {
		return report.CleanupPatience
	}
	return report.CleanupPatience - c.Clock.Since(state.DeletionTimestamp.Time)
}

// abandon says everywhere that something was not given back: in a namespace that is being deleted no event is taken.
func (c *Controller) abandon(ctx context.Context, state lease.State, err error) {
	c.Events.Eventf(state.GeneratorState, nil, corev1.EventTypeWarning, "Abandoned", "Revoke",
		"%s", report.Note(fmt.Sprintf("given up after %s, what was obtained is not given back: %s", report.CleanupPatience, fault.Message(err))))
	c.Metrics.Abandoned(state.Namespace)
	logf.FromContext(ctx).Info("given up, what was obtained is not given back", "kind", fault.KindOf(err).String(), "reason", fault.Message(err))
}

// remove deletes a state that nothing is to be given back for. A process that dies in between gives back once more, which is
// no error.
func (c *Controller) remove(ctx context.Context, state lease.State) error {
	object := state.DeepCopy()
	if controllerutil.RemoveFinalizer(object, genv1alpha1.FinalizerGeneratorState) {
		lock := client.MergeFromWithOptions(state.GeneratorState, client.MergeFromWithOptimisticLock{})
		if err := c.Client.Patch(ctx, object, lock); err != nil {
			return fault.OfWrite(client.IgnoreNotFound(err), "patch", named(state))
		}
	}
	if !state.DeletionTimestamp.IsZero() {
		return nil
	}
	uid := state.UID
	return fault.OfWrite(client.IgnoreNotFound(c.Client.Delete(ctx, object, client.Preconditions{UID: &uid})), "delete", named(state))
}

func named(state lease.State) fault.Object {
	return fault.Object{Kind: "GeneratorState", Resource: "generatorstates", Namespace: state.Namespace, Name: state.Name}
}

// report says in the condition whether the state is kept as it should be, and in an event when that has changed for the worse.
func (c *Controller) report(object *genv1alpha1.GeneratorState, err error) {
	status, reason, message := metav1.ConditionTrue, genv1alpha1.ReasonStateCreated, "what was obtained is given back when nobody needs it any more"
	if err != nil {
		status, reason, message = metav1.ConditionFalse, genv1alpha1.ReasonStateError, fault.Message(err)
	}
	object.Status.ObservedGeneration = object.Generation
	changed := report.Ready(&object.Status.Conditions, c.Clock.Now(), object.Generation, status, reason, message)
	if changed && err != nil {
		c.Events.Eventf(object, nil, corev1.EventTypeWarning, reason, "Revoke", "%s", report.Note(message))
	}
	c.Metrics.Ready(metrics.GeneratorState, object.Namespace, object.Name, status)
}

// expose records when what is in use ends.
func (c *Controller) expose(state lease.State) {
	owner := ""
	if !state.Orphaned() {
		owner = state.OwnerReferences[0].Kind + "/" + state.OwnerReferences[0].Name
	}
	ends := state.Expires()
	if !state.Live() {
		ends = time.Time{}
	}
	c.Metrics.Expires(state.Namespace, state.Name, owner, ends)
}

// retry says when to try again: at growing distances, and for what is being deleted so that it is given up in time. Whatever
// the cause, it is not watched.
func (c *Controller) retry(ctx context.Context, state lease.State, err error) (ctrl.Result, error) {
	logf.FromContext(ctx).V(1).Info("failed", "kind", fault.KindOf(err).String(), "causes", fault.Chain(err))
	if state.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	tried := c.Clock.Since(state.DeletionTimestamp.Time)
	return report.Later(max(min(tried, c.patience(state)), time.Second)), nil
}
