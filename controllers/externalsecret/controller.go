package externalsecret

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// Config is what the controller works with.
type Config struct {
	// Client reads ExternalSecrets and managed Secrets from a cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Notices is a cache of the metadata of all Secrets and ConfigMaps.
	Notices cache.Cache
	// Namespaces says whether the labels of namespaces are watched.
	Namespaces bool
	// Stores opens stores.
	Stores *stores.Pool
	// GenericTargets allows targets of other kinds than Secret.
	GenericTargets bool
	// RequireReady refuses stores that are not Ready.
	RequireReady bool
	// Generators finds and runs generators.
	Generators *lease.Runner
	// Collector reads the values.
	Collector fetch.Collector
	// Renderer shapes them.
	Renderer render.Renderer
	// Hasher recognises what was delivered.
	Hasher fingerprint.Hasher
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

// Controller keeps the targets of ExternalSecrets.
type Controller struct {
	Config
	refreshed *report.Refreshes
	// running is the controller in the manager, nil until Register. watched are the kinds of targets that it watches.
	running controller.Controller
	watched sync.Map
	// recent are the template sources that were read lately.
	recent *fetch.Recent
	// followers are the ExternalSecrets that changes in stores wake.
	followers *stores.Followers[*esv1.ExternalSecretList]
}

// New returns the controller.
func New(config Config) *Controller {
	recent := fetch.NewRecent(config.Live, config.Notices)
	return &Controller{Config: config, refreshed: report.NewRefreshes(), recent: recent, followers: &stores.Followers[*esv1.ExternalSecretList]{
		Pool: config.Stores, Shards: config.Shards, List: &esv1.ExternalSecretList{}, Follows: follows, Searches: searches,
		Mirrored: true, Clock: config.Clock,
	}}
}

// Name implements controllers.Controller.
func (*Controller) Name() string { return "externalsecret" }

// Register adds the controller, its indexes and its watches to mgr.
func (c *Controller) Register(ctx context.Context, mgr manager.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &esv1.ExternalSecret{}, wakeup.Index, references); err != nil {
		return err
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &esv1.ExternalSecret{}, stores.RemoteIndex, remotes); err != nil {
		return err
	}
	c.followers.Client = mgr.GetCache()
	b := ctrl.NewControllerManagedBy(mgr).
		Named(c.Name()).
		WithOptions(c.Options).
		For(&esv1.ExternalSecret{}, wakeup.OwnChanges()).
		WatchesRawSource(source.Func(c.followers.Start)).
		WatchesRawSource(c.Shards.Source(mgr.GetCache(), &esv1.ExternalSecretList{}, c.followers.Arrived, c.leave)).
		Watches(&corev1.Secret{}, wakeup.Handler(mgr.GetCache(), wakeup.KindSecret, &esv1.ExternalSecretList{}))
	if c.Generators.Ledger != nil {
		b = wakeup.WatchStates(b, mgr, &esv1.ExternalSecret{})
	}
	var err error
	c.running, err = wakeup.Watch(b, &esv1.ExternalSecretList{}, wakeup.Sources{
		Reader: mgr.GetCache(), Notices: c.Notices, Generators: c.Generators.Generators, Namespaces: c.Namespaces,
	}).Build(c)
	return err
}

// Reconcile brings one target into the wanted state and says in the status how that went.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	started := c.Clock.Now()
	var es esv1.ExternalSecret
	if err := c.Client.Get(ctx, req.NamespacedName, &es); err != nil {
		if client.IgnoreNotFound(err) == nil {
			c.forget(req.NamespacedName)
			c.Metrics.Forget(metrics.ExternalSecret, req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if c.foreign(ctx, &es) {
		return ctrl.Result{}, nil
	}
	if !es.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, c.release(ctx, &es)
	}
	before := es.DeepCopy()
	if es.Status.ObservedGeneration == 0 {
		// A request that stood there before Sluice first looked was another operator's, which does not record what it handled.
		es.Status.LastHandledForceSync, es.Status.LastHandledRotate = plan.ForceSync(&es), es.Annotations[esv1.AnnotationRotate]
	}
	out, err := c.sync(ctx, &es)
	result, err := c.report(ctx, before, &es, out, err)
	c.Metrics.Reconciled(metrics.ExternalSecret, es.Namespace, es.Name, c.Clock.Since(started))
	return result, err
}

// forget drops what is remembered of an object that is gone, or is another replica's from now on.
func (c *Controller) forget(name types.NamespacedName) {
	c.refreshed.Forget(name)
	c.followers.Forget(name)
	c.Generators.Forget(esv1.KindExternalSecret, name)
}

// leave drops everything about an object that is another replica's from now on.
func (c *Controller) leave(name types.NamespacedName) {
	c.forget(name)
	c.Metrics.Leave(metrics.ExternalSecret, name.Namespace, name.Name)
}

// finalizerOfReference is set on every ExternalSecret by the reference implementation. An owner reference does that
// work here; an object that comes from there must still be let go.
const finalizerOfReference = "externalsecrets.external-secrets.io/externalsecret-cleanup"

func (c *Controller) release(ctx context.Context, es *esv1.ExternalSecret) error {
	before := es.DeepCopy()
	if !controllerutil.RemoveFinalizer(es, finalizerOfReference) {
		return nil
	}
	return client.IgnoreNotFound(c.Client.Patch(ctx, es, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}
