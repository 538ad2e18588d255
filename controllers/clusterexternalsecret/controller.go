package clusterexternalsecret

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// Config is what the controller works with.
type Config struct {
	// Client reads ClusterExternalSecrets, ExternalSecrets and Namespaces from a cache, and writes. Of the managed fields of
	// ExternalSecrets the cache must hold those of esv1.FieldManagerClusterExternalSecret.
	Client client.Client
	// Metrics counts.
	Metrics *metrics.Metrics
	// Events records events.
	Events events.EventRecorder
	// Clock is the time.
	Clock clock.Clock
	// Options are those of the work queue.
	Options controller.Options
}

// Controller keeps the ExternalSecrets of ClusterExternalSecrets.
type Controller struct {
	Config
}

// New returns the controller.
func New(config Config) *Controller { return &Controller{Config: config} }

// Name implements controllers.Controller.
func (*Controller) Name() string { return "clusterexternalsecret" }

// Register adds the controller, its index and its watches to mgr.
func (c *Controller) Register(ctx context.Context, mgr manager.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &esv1.ExternalSecret{}, ownerIndex, owners); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named(c.Name()).
		WithOptions(c.Options).
		For(&esv1.ClusterExternalSecret{}, wakeup.OwnChanges()).
		Watches(
			&esv1.ExternalSecret{},
			handler.EnqueueRequestsFromMapFunc(c.concernedByExternalSecret),
			builder.WithPredicates(externalSecretChanges()),
		).
		Watches(
			&corev1.Namespace{},
			handler.EnqueueRequestsFromMapFunc(c.concernedByNamespace),
			builder.WithPredicates(namespaceChanges()),
		).
		Complete(c)
}

// Reconcile brings the ExternalSecrets of one ClusterExternalSecret into the wanted state and says in its status how that
// went.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	started := c.Clock.Now()
	var ces esv1.ClusterExternalSecret
	if err := c.Client.Get(ctx, req.NamespacedName, &ces); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
		c.Metrics.Forget(metrics.ClusterExternalSecret, "", req.Name)
		return ctrl.Result{}, c.releaseNamespaces(ctx, req.Name)
	}
	if !ces.DeletionTimestamp.IsZero() {
		// The garbage collector deletes the ExternalSecrets, through their owner references.
		return ctrl.Result{}, c.release(ctx, &ces)
	}
	before := ces.DeepCopy()
	out, err := c.sync(ctx, &ces)
	result, err := c.report(ctx, before, &ces, out, err)
	c.Metrics.Reconciled(metrics.ClusterExternalSecret, "", ces.Name, c.Clock.Since(started))
	return result, err
}
