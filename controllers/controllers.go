package controllers

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/controllers/fanout"
	"github.com/sluice-operator/sluice/controllers/generatorstate"
	"github.com/sluice-operator/sluice/controllers/pushsecret"
	"github.com/sluice-operator/sluice/controllers/secretstore"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/queue"
	"github.com/sluice-operator/sluice/internal/shard"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/templates"
)

// Controller is one concern that is kept true.
type Controller interface {
	// Name is the controller's name in logs and metrics.
	Name() string
	// Register adds the controller to mgr, with its watches and indexes.
	Register(ctx context.Context, mgr manager.Manager) error
}

// Deps is everything that the controllers work with.
type Deps struct {
	// Client reads from the manager's cache and writes; Live reads from the API server.
	Client client.Client
	Live   client.Reader
	// Notices is a cache of the metadata of all Secrets and ConfigMaps.
	Notices cache.Cache
	// Namespaces says whether the labels of namespaces are watched, which takes a right in the whole cluster.
	Namespaces bool
	// Recorder returns an event recorder for the given source.
	Recorder func(source string) events.EventRecorder
	// Stores opens stores.
	Stores *stores.Pool
	// Generators finds and runs generators. It has a Ledger where GeneratorStates is true.
	Generators *lease.Runner
	// Engine renders templates.
	Engine *templates.Engine
	// Hasher recognises what was delivered.
	Hasher fingerprint.Hasher
	// Metrics counts.
	Metrics *metrics.Metrics
	// Clock is the time.
	Clock clock.Clock
	// Shards are what this replica works on; nil for everything.
	Shards *shard.Gate
	// Concurrency is the number of objects that each controller works on at a time.
	Concurrency int
	// StoreInterval is the time between two checks of a store.
	StoreInterval time.Duration
	// GenericTargets allows ExternalSecrets to have targets of other kinds than Secret.
	GenericTargets bool
	// FloodGate refuses to read from stores that are not Ready.
	FloodGate bool
	// NeverCopied are further prefixes of labels and annotations that are not copied to what is made from an object.
	NeverCopied []string
	// CheckStores, CheckClusterStores, PushSecrets, ClusterExternalSecrets, ClusterPushSecrets and GeneratorStates say whether these
	// controllers run.
	CheckStores, CheckClusterStores, PushSecrets, ClusterExternalSecrets, ClusterPushSecrets, GeneratorStates bool
}

// The first and the longest wait after a failure. A store is tried again soon: what it lacks, such as a right, cannot
// be watched.
const (
	firstRetry      = 100 * time.Millisecond
	lastRetry       = 5 * time.Minute
	lastRetryStores = 10 * time.Second
)

// All returns every controller: the whole system on one screen.
func All(d Deps) []Controller {
	renderer := render.Renderer{Engine: d.Engine, Ignored: d.NeverCopied}
	store := func(source string) secretstore.Config {
		return secretstore.Config{
			Client: d.Client, Notices: d.Notices, Stores: d.Stores, Interval: d.StoreInterval, Metrics: d.Metrics,
			Events: d.Recorder(source), Clock: d.Clock, Shards: d.Shards, Options: d.options(lastRetryStores),
		}
	}
	children := func(source string) fanout.Config {
		return fanout.Config{
			Client: d.Client, Metrics: d.Metrics, Events: d.Recorder(source), Clock: d.Clock, Shards: d.Shards, Options: d.options(lastRetry),
		}
	}
	all := []Controller{
		externalsecret.New(externalsecret.Config{
			Client: d.Client, Live: d.Live, Notices: d.Notices, Namespaces: d.Namespaces, Stores: d.Stores, RequireReady: d.FloodGate,
			Generators: d.Generators, GenericTargets: d.GenericTargets, Collector: fetch.Collector{Engine: d.Engine}, Renderer: renderer,
			Hasher: d.Hasher, Metrics: d.Metrics, Events: d.Recorder("external-secrets"), Clock: d.Clock, Shards: d.Shards, Options: d.options(lastRetry),
		}),
	}
	if d.ClusterExternalSecrets {
		all = append(all, fanout.NewExternalSecrets(children("cluster-external-secret")))
	}
	if d.GeneratorStates {
		all = append(all, generatorstate.New(generatorstate.Config{
			Client: d.Client, Generators: d.Generators, Metrics: d.Metrics, Events: d.Recorder("generator-state"), Clock: d.Clock, Shards: d.Shards,
			Options: d.options(lastRetry),
		}))
	}
	if d.PushSecrets {
		all = append(all, pushsecret.New(pushsecret.Config{
			Client:     d.Client,
			Live:       d.Live,
			Notices:    d.Notices,
			Namespaces: d.Namespaces,
			Stores:     d.Stores,
			Generators: d.Generators,
			Renderer:   renderer,
			Hasher:     d.Hasher,
			Metrics:    d.Metrics,
			Events:     d.Recorder("pushsecret"),
			Clock:      d.Clock,
			Shards:     d.Shards,
			Options:    d.options(lastRetry),
		}))
	}
	if d.ClusterPushSecrets {
		all = append(all, fanout.NewPushSecrets(children("cluster-push-secret")))
	}
	if d.CheckStores {
		all = append(all, secretstore.NewNamespaced(store("secret-store")))
	}
	if d.CheckClusterStores {
		all = append(all, secretstore.NewCluster(store("cluster-secret-store")))
	}
	return all
}

// options returns those of a work queue with the longest wait after a failure.
func (d *Deps) options(longest time.Duration) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: d.Concurrency,
		RateLimiter:             queue.Backoff(firstRetry, longest),
		NewQueue: func(
			name string,
			limiter workqueue.TypedRateLimiter[reconcile.Request],
		) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			return queue.New(name, limiter, d.Shards)
		},
	}
}
