package secretstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
	"github.com/sluice-operator/sluice/providers"
)

// Config is what the controller works with.
type Config struct {
	// Client reads stores from a cache and writes their status.
	Client client.Client
	// Notices is a cache of the metadata of all Secrets and ConfigMaps.
	Notices cache.Cache
	// Stores opens stores.
	Stores *stores.Pool
	// Interval is the time between two checks of a store that names none.
	Interval time.Duration
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

// store is a SecretStore or a ClusterSecretStore.
type store interface {
	client.Object
	esv1.GenericStore
}

// Controller checks the stores of one kind.
type Controller struct {
	Config
	name   string
	metric metrics.Kind
	empty  func() store
	list   client.ObjectList
}

// NewNamespaced returns the controller of SecretStores.
func NewNamespaced(config Config) *Controller {
	return &Controller{
		Config: config,
		name:   "secretstore",
		metric: metrics.SecretStore,
		empty:  func() store { return &esv1.SecretStore{} },
		list:   &esv1.SecretStoreList{},
	}
}

// NewCluster returns the controller of ClusterSecretStores.
func NewCluster(config Config) *Controller {
	return &Controller{
		Config: config,
		name:   "clustersecretstore",
		metric: metrics.ClusterSecretStore,
		empty:  func() store { return &esv1.ClusterSecretStore{} },
		list:   &esv1.ClusterSecretStoreList{},
	}
}

// Name implements controllers.Controller.
func (c *Controller) Name() string { return c.name }

// Register adds the controller to mgr, with watches of what stores take their credentials from. Stores must be indexed by
// wakeup.IndexStores.
func (c *Controller) Register(_ context.Context, mgr manager.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr).
		Named(c.name).
		WithOptions(c.Options).
		WatchesRawSource(c.Shards.Source(mgr.GetCache(), c.list, nil, c.leave)).
		// Every replica has clients of stores, also of those that another one checks.
		Watches(c.empty(), handler.Funcs{DeleteFunc: c.deleted}).
		For(
			c.empty(),
			builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})),
		)
	return wakeup.WatchCore(b, c.list, wakeup.Sources{Reader: mgr.GetCache(), Notices: c.Notices}).Complete(c)
}

// deleted closes the clients of a store that is gone.
func (c *Controller) deleted(ctx context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[ctrl.Request]) {
	c.Stores.Forget(ctx, storeOf(c.empty(), client.ObjectKeyFromObject(e.Object)))
}

// leave drops the metrics of a store that is another replica's from now on.
func (c *Controller) leave(name types.NamespacedName) {
	c.Metrics.Leave(c.metric, name.Namespace, name.Name)
}

func storeOf(kind esv1.GenericStore, name types.NamespacedName) providers.Store {
	return providers.Store{Kind: kind.StoreKind(), Namespace: name.Namespace, Name: name.Name}
}

// Reconcile checks one store.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	started := c.Clock.Now()
	object := c.empty()
	if err := c.Client.Get(ctx, req.NamespacedName, object); err != nil {
		if client.IgnoreNotFound(err) == nil {
			c.Stores.Forget(ctx, storeOf(object, req.NamespacedName))
			c.Metrics.Forget(c.metric, req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before, ok := object.DeepCopyObject().(store)
	if !ok || !c.Stores.Serves(object) {
		return ctrl.Result{}, nil
	}
	if !object.GetDeletionTimestamp().IsZero() {
		return ctrl.Result{}, c.release(ctx, before, object)
	}
	object.StoreStatus().Capabilities = c.Stores.Capabilities(object)
	var limits string
	interval, err := refreshInterval(object.StoreSpec().RefreshInterval, c.Interval)
	if err == nil {
		limits, err = c.check(ctx, object)
	}
	c.report(object, limits, err)
	if statusErr := report.Status(ctx, c.Client, before, object); statusErr != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", statusErr)
	}
	c.Metrics.Reconciled(c.metric, req.Namespace, req.Name, c.Clock.Since(started))
	if err != nil {
		// The rights of a store are not watched, and neither is its system: one that is not ready is tried again at growing
		// distances, whatever the cause.
		return ctrl.Result{}, err
	}
	return report.Later(interval), nil
}

// finalizerOfReference is what the reference implementation sets on a store while a PushSecret with deletionPolicy Delete uses
// it. Nothing waits for it here; a store that comes from there must still be let go.
const finalizerOfReference = "secretstore.externalsecrets.io/finalizer"

func (c *Controller) release(ctx context.Context, before, object store) error {
	if !controllerutil.RemoveFinalizer(object, finalizerOfReference) {
		return nil
	}
	return client.IgnoreNotFound(c.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

// check opens the store and asks it whether it can be used, and what it cannot do. A store with credentials in the
// namespace of its users cannot be asked, and is taken to be usable.
func (c *Controller) check(ctx context.Context, object store) (limits string, err error) {
	session, err := c.Stores.OpenStore(ctx, object)
	if err != nil {
		if errors.Is(err, providers.ErrNeedsConsumer) {
			return "", nil
		}
		return "", fault.In(err, "unable to create client")
	}
	limits, err = session.Check(ctx)
	if err != nil && !errors.Is(err, providers.ErrNeedsConsumer) {
		return "", fault.In(err, "unable to validate store")
	}
	return limits, nil
}

func (c *Controller) report(object store, limits string, err error) {
	state, reason, message := metav1.ConditionTrue, esv1.ReasonStoreValid, "store validated"
	kind := corev1.EventTypeNormal
	if limits != "" {
		message += "; " + limits
	}
	if err != nil {
		state, reason, message = metav1.ConditionFalse, esv1.ReasonInvalidProviderConfig, fault.Message(err)
		kind = corev1.EventTypeWarning
	}
	status := object.StoreStatus()
	status.ObservedGeneration = object.GetGeneration()
	if report.Ready(&status.Conditions, c.Clock.Now(), object.GetGeneration(), state, reason, message) {
		c.Events.Eventf(object, nil, kind, reason, "Check", "%s", message)
	}
	report.Stalled(&status.Conditions, err, false)
	c.Metrics.Ready(c.metric, object.GetNamespace(), object.GetName(), state)
}

// refreshInterval returns the interval of a store: seconds or a duration. Zero and nothing mean the default.
func refreshInterval(written *intstr.IntOrString, otherwise time.Duration) (time.Duration, error) {
	if written == nil {
		return otherwise, nil
	}
	interval := time.Duration(written.IntVal) * time.Second
	if written.Type == intstr.String {
		parsed, err := time.ParseDuration(strings.TrimSpace(written.StrVal))
		if err != nil {
			return 0, fault.Wrap(fault.Invalid, err, "spec.refreshInterval %q is neither a number of seconds nor a duration such as 5m",
				written.StrVal)
		}
		interval = parsed
	}
	if interval < 0 {
		return 0, fault.New(fault.Invalid, "spec.refreshInterval %s must not be negative", written.String())
	}
	if interval == 0 {
		return otherwise, nil
	}
	return interval, nil
}
