package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/sluice-operator/sluice/apis"
	"github.com/sluice-operator/sluice/controllers"
	"github.com/sluice-operator/sluice/internal/catalog"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// Scheme returns a scheme of our kinds and Kubernetes' own.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(clientgoscheme.AddToScheme, apis.AddToScheme)
	if err := builder.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	return scheme, nil
}

// Run runs the operator against the API server of config until ctx ends.
func Run(ctx context.Context, config *rest.Config, o Options) error {
	mgr, err := New(ctx, config, o)
	if err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// New returns a manager with every controller registered, ready to be started.
func New(ctx context.Context, config *rest.Config, o Options) (manager.Manager, error) {
	for _, name := range o.withoutEffect {
		logf.FromContext(ctx).Info("a flag has no effect", "flag", name)
	}
	if err := o.checkShards(); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = float32(o.ClientQPS), o.ClientBurst
	if o.ClientQPS <= 0 {
		config.QPS = -1
	}
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, managerOptions(scheme, o))
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	deps, err := dependencies(ctx, mgr, config, scheme, o)
	if err != nil {
		return nil, err
	}
	if err := wakeup.IndexStores(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, fmt.Errorf("index the stores: %w", err)
	}
	if err := wakeup.IndexGenerators(ctx, mgr.GetFieldIndexer(), deps.Generators.Generators); err != nil {
		return nil, fmt.Errorf("index the generators: %w", err)
	}
	for _, c := range controllers.All(deps) {
		if err := c.Register(ctx, mgr); err != nil {
			return nil, fmt.Errorf("register controller %s: %w", c.Name(), err)
		}
	}
	return mgr, probes(mgr)
}

// farewell is how long an operator that is told to stop goes on with what it has begun: a call to a generator takes up to 30 seconds, and
// what it obtains is lost when nobody writes it down. The Deployment in config gives it the time.
const farewell = time.Minute

func managerOptions(scheme *runtime.Scheme, o Options) ctrl.Options {
	e := o.LeaderElection
	readYourWrites := true
	_, alone := o.metrics()
	patience := farewell
	if o.sharded() {
		patience = o.drainTime()
	}
	return ctrl.Options{
		GracefulShutdownTimeout: &patience,
		Scheme:                  scheme,
		Cache:                   mainCache(o.Namespace),
		// A controller that reads its own write back from a stale cache would do its work twice, and a generator must
		// not run twice.
		Client:                        client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: &readYourWrites}},
		Controller:                    ctrlconfig.Controller{SkipNameValidation: new(!alone)},
		Metrics:                       o.metricsServer(),
		HealthProbeBindAddress:        o.LiveAddr,
		PprofBindAddress:              o.ProfilesAddr,
		LeaderElection:                e.Enabled,
		LeaderElectionID:              e.ID,
		LeaderElectionNamespace:       o.OperatorNamespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &e.LeaseDuration,
		RenewDeadline:                 &e.RenewDeadline,
		RetryPeriod:                   &e.RetryPeriod,
	}
}

func dependencies(
	ctx context.Context,
	mgr manager.Manager,
	config *rest.Config,
	scheme *runtime.Scheme,
	o Options,
) (controllers.Deps, error) {
	noticed, err := newNotices(config, scheme, o.Namespace)
	if err != nil {
		return controllers.Deps{}, err
	}
	registry, _ := o.metrics()
	measured, err := metrics.New(registry)
	if err != nil {
		return controllers.Deps{}, err
	}
	gate, err := share(mgr, config, measured, o)
	if err != nil {
		return controllers.Deps{}, err
	}
	pool, runner, err := sources(mgr, config, measured, o.Class)
	if err != nil {
		return controllers.Deps{}, err
	}
	closing := manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		pool.Close(context.WithoutCancel(ctx))
		return nil
	})
	if err := errors.Join(mgr.Add(noticed), mgr.Add(closing)); err != nil {
		return controllers.Deps{}, fmt.Errorf("add to the manager: %w", err)
	}
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return controllers.Deps{}, fmt.Errorf("make the client: %w", err)
	}
	hashing, err := hasher(ctx, direct, o.OperatorNamespace)
	if err != nil {
		return controllers.Deps{}, err
	}
	if o.GeneratorStates {
		runner.Ledger = &lease.Ledger{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Hasher: hashing, Grace: o.GeneratorGrace}
	}
	limit := newEventLimit(o.EventQPS, o.EventBurst, measured.EventDropped)
	return controllers.Deps{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Notices: noticed, Namespaces: o.Namespace == "",
		Recorder: func(source string) events.EventRecorder { return limit.on(tellingApart{mgr.GetEventRecorder(source)}) },
		Stores:   pool, Generators: runner,
		Engine: o.engine(), Hasher: hashing, Metrics: measured, Clock: clock.RealClock{}, Shards: gate,
		Concurrency: o.Concurrency, StoreInterval: o.StoreInterval, FloodGate: o.FloodGate, NeverCopied: o.neverCopied(),
		CheckStores: o.Stores, CheckClusterStores: o.ClusterStores, PushSecrets: o.PushSecrets,
		GenericTargets: o.GenericTargets, GeneratorStates: o.GeneratorStates,
		// An operator of one namespace has no right to fill others.
		ClusterExternalSecrets: o.ClusterExternalSecrets && o.Namespace == "",
		ClusterPushSecrets:     o.ClusterPushSecrets && o.Namespace == "",
	}, nil
}

// sources returns what values come from: the stores and the generators that the build contains.
func sources(mgr manager.Manager, config *rest.Config, m *metrics.Metrics, class string) (*stores.Pool, *lease.Runner, error) {
	providers, err := catalog.Providers(config)
	if err != nil {
		return nil, nil, err
	}
	generators, err := catalog.Generators()
	if err != nil {
		return nil, nil, err
	}
	resolver, http, now := credentials.New(mgr.GetAPIReader(), mgr.GetClient()), transports(), clock.RealClock{}
	pool := stores.NewPool(stores.Config{
		Reader: mgr.GetClient(), Providers: providers, Credentials: resolver, Metrics: m, Class: class, Clock: now, HTTP: http,
	})
	runner := &lease.Runner{
		Reader: mgr.GetClient(), Generators: generators, Credentials: resolver, Class: class, Clock: now, HTTP: http,
	}
	return pool, runner, nil
}

// transports returns a function that gives every client with the system's TLS settings the same transport, and the
// others one of their own.
func transports() func(*tls.Config) http.RoundTripper {
	shared := http.DefaultTransport
	return func(settings *tls.Config) http.RoundTripper {
		standard, ok := shared.(*http.Transport)
		if settings == nil || !ok {
			return shared
		}
		own := standard.Clone()
		own.TLSClientConfig = settings
		return own
	}
}

func probes(mgr manager.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	return nil
}
