package fanout

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// Config is what the controller works with.
type Config struct {
	// Client reads parents, children and Namespaces from a cache, and writes. Of the managed fields of children the cache must
	// hold those of esv1.FieldManagerClusterExternalSecret and esv1alpha1.FieldManagerClusterPushSecret.
	Client client.Client
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

// Controller keeps the children of one kind of parent.
type Controller struct {
	Config
	kinds *kinds
}

// Name implements controllers.Controller.
func (c *Controller) Name() string { return c.kinds.name }

// Register adds the controller, its index and its watches to mgr.
func (c *Controller) Register(ctx context.Context, mgr manager.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, c.kinds.newChild(), c.kinds.ownerIndex(), c.kinds.owners); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named(c.Name()).
		WithOptions(c.Options).
		WatchesRawSource(c.Shards.Source(mgr.GetCache(), c.kinds.newParents(), nil, c.leave)).
		For(c.kinds.newParent(), wakeup.OwnChanges()).
		Watches(
			c.kinds.newChild(),
			handler.EnqueueRequestsFromMapFunc(c.concernedByChild),
			builder.WithPredicates(childChanges()),
		).
		Watches(
			&corev1.Namespace{},
			handler.EnqueueRequestsFromMapFunc(c.concernedByNamespace),
			builder.WithPredicates(namespaceChanges()),
		).
		Complete(c)
}

// leave drops the metrics of a parent that is another replica's from now on.
func (c *Controller) leave(name types.NamespacedName) { c.Metrics.Leave(c.kinds.metric, "", name.Name) }

// Reconcile brings the children of one parent into the wanted state and says in its status how that went.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	started := c.Clock.Now()
	parent := c.kinds.newParent()
	if err := c.Client.Get(ctx, req.NamespacedName, parent); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
		c.Metrics.Forget(c.kinds.metric, "", req.Name)
		return ctrl.Result{}, c.releaseNamespaces(ctx, req.Name)
	}
	if !parent.GetDeletionTimestamp().IsZero() {
		// The garbage collector deletes the children, through their owner references.
		return ctrl.Result{}, c.release(ctx, parent)
	}
	before := copyOf(parent)
	want := c.kinds.wanted(parent)
	out, err := c.sync(ctx, &want)
	result, err := c.report(ctx, before, &want, out, err)
	c.Metrics.Reconciled(c.kinds.metric, "", parent.GetName(), c.Clock.Since(started))
	return result, err
}

// copyOf returns a deep copy of an object.
func copyOf(o client.Object) client.Object {
	return o.DeepCopyObject().(client.Object) //nolint:forcetypeassert // it has the type of o
}
