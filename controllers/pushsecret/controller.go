package pushsecret

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// Config is what the controller works with.
type Config struct {
	// Client reads PushSecrets and stores from a cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Notices is a cache of the metadata of all Secrets and ConfigMaps.
	Notices cache.Cache
	// Namespaces says whether the labels of namespaces are watched.
	Namespaces bool
	// Stores opens stores.
	Stores *stores.Pool
	// Generators finds and runs generators.
	Generators *lease.Runner
	// Renderer shapes the source.
	Renderer render.Renderer
	// Hasher recognises generated values.
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

// outdatedRetry is the wait for the cache when it is behind.
const outdatedRetry = 50 * time.Millisecond

// Controller pushes PushSecrets.
type Controller struct {
	Config
	refreshed *report.Refreshes
	rounds    *rounds
	// followers are the PushSecrets that changes in stores wake.
	followers *stores.Followers[*esv1alpha1.PushSecretList]
}

// New returns the controller.
func New(config Config) *Controller {
	followers := &stores.Followers[*esv1alpha1.PushSecretList]{
		Pool: config.Stores, Shards: config.Shards, List: &esv1alpha1.PushSecretList{}, Follows: follows, Lost: lost, Own: own, Clock: config.Clock,
	}
	return &Controller{Config: config, refreshed: report.NewRefreshes(), rounds: newRounds(), followers: followers}
}

// Name implements controllers.Controller.
func (*Controller) Name() string { return "pushsecret" }

// Register adds the controller, its index and its watches to mgr.
func (c *Controller) Register(ctx context.Context, mgr manager.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &esv1alpha1.PushSecret{}, wakeup.Index, references); err != nil {
		return err
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &esv1alpha1.PushSecret{}, stores.RemoteIndex, remotes); err != nil {
		return err
	}
	c.followers.Client = mgr.GetCache()
	b := ctrl.NewControllerManagedBy(mgr).
		Named(c.Name()).
		WithOptions(c.Options).
		For(&esv1alpha1.PushSecret{}, wakeup.OwnChanges()).
		WatchesRawSource(source.Func(c.followers.Start)).
		WatchesRawSource(c.Shards.Source(mgr.GetCache(), &esv1alpha1.PushSecretList{}, c.followers.Arrived, c.leave))
	if c.Generators.Ledger != nil {
		b = wakeup.WatchStates(b, mgr, &esv1alpha1.PushSecret{})
	}
	return wakeup.Watch(b, &esv1alpha1.PushSecretList{}, wakeup.Sources{
		Reader: mgr.GetCache(), Notices: c.Notices, Generators: c.Generators.Generators, Namespaces: c.Namespaces,
	}).Complete(c)
}

// Reconcile pushes one PushSecret and says in its status how that went.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	started := c.Clock.Now()
	var ps esv1alpha1.PushSecret
	if err := c.Client.Get(ctx, req.NamespacedName, &ps); err != nil {
		if client.IgnoreNotFound(err) == nil {
			c.forget(req.NamespacedName)
			c.Metrics.Forget(metrics.PushSecret, req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if c.foreign(ctx, &ps) {
		return ctrl.Result{}, nil
	}
	if !ps.DeletionTimestamp.IsZero() {
		return c.finalize(ctx, &ps)
	}
	if err := c.guard(ctx, &ps); err != nil {
		return ctrl.Result{}, err
	}
	p := &pass{ps: &ps, before: ps.DeepCopy(), changes: c.followers.Changes(req.NamespacedName)}
	out, err := c.sync(ctx, p)
	if errors.Is(err, errOutdated) {
		return ctrl.Result{RequeueAfter: outdatedRetry}, nil
	}
	result, err := c.report(ctx, p, out, err)
	c.Metrics.Reconciled(metrics.PushSecret, ps.Namespace, ps.Name, c.Clock.Since(started))
	return result, err
}

// forget drops what is remembered of an object that is gone, or is another replica's from now on.
func (c *Controller) forget(name types.NamespacedName) {
	c.rounds.end(name)
	c.followers.Forget(name)
	c.Generators.Forget(kind, name)
	c.refreshed.Forget(name)
}

// leave drops everything about an object that is another replica's from now on.
func (c *Controller) leave(name types.NamespacedName) {
	c.forget(name)
	c.Metrics.Leave(metrics.PushSecret, name.Namespace, name.Name)
}

// foreign says whether a PushSecret is another operator's business because of the controller class of a store or of its
// generator. What cannot be looked up says nothing about that, and is reported by the sync.
func (c *Controller) foreign(ctx context.Context, ps *esv1alpha1.PushSecret) bool {
	for i := range ps.Spec.SecretStoreRefs {
		found, err := c.matching(ctx, ps.Namespace, &ps.Spec.SecretStoreRefs[i])
		if err != nil {
			return false
		}
		for _, store := range found {
			if generic, ok := store.(esv1.GenericStore); ok && !c.Stores.Serves(generic) {
				return true
			}
		}
	}
	if ref := ps.Spec.Selector.GeneratorRef; ref != nil {
		_, err := c.Generators.Bind(ctx, ps.Namespace, *ref)
		return errors.Is(err, stores.ErrOtherClass)
	}
	return false
}
