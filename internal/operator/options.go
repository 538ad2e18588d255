package operator

import (
	"flag"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/templates"
)

// Options are what a user can set. The flags have the names that users of the External Secrets API know, where there are such.
type Options struct {
	MetricsAddr, LiveAddr string
	ProfilesAddr          string
	MetricsTLS            MetricsTLS
	Class                 string
	Namespace             string
	OperatorNamespace     string
	Concurrency           int
	ClientQPS             float64
	ClientBurst           int
	EventQPS              float64
	EventBurst            int
	StoreInterval         time.Duration
	FloodGate             bool
	Stores                bool
	ClusterStores         bool
	PushSecrets           bool
	GeneratorStates       bool
	GeneratorGrace        time.Duration
	GenericTargets        bool
	LeaderElection        LeaderElection
	Shards                int
	LeftDelimiter         string
	RightDelimiter        string
	NeverCopied           string

	// withoutEffect are flags that were given and set nothing.
	withoutEffect []string

	// ClusterExternalSecrets and ClusterPushSecrets are for an operator of all namespaces alone.
	ClusterExternalSecrets bool
	ClusterPushSecrets     bool

	// registry is where metrics are registered; nil for that of the process. It lets several operators run in one process.
	registry prometheus.Registerer
}

// LeaderElection says whether one of several replicas works at a time, and how fast another one takes over.
type LeaderElection struct {
	Enabled                                   bool
	ID                                        string
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
}

const (
	defaultNamespace = "sluice-system"
	namespaceFile    = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// Bind adds a flag for every option to fs, with its default.
func (o *Options) Bind(fs *flag.FlagSet) {
	fs.StringVar(
		&o.Class,
		"controller-class",
		stores.DefaultClass,
		"The controller class: stores and generators of another class are left alone.",
	)
	fs.StringVar(&o.Namespace, "namespace", "", "The only namespace to work in; all when empty.")
	fs.StringVar(&o.OperatorNamespace, "operator-namespace", ownNamespace(),
		"The namespace of the operator itself: its leader election and the key of its fingerprints live there.")
	fs.IntVar(&o.Concurrency, "concurrent", 4, "How many objects each controller works on at a time.")
	fs.Float64Var(&o.ClientQPS, "client-qps", 0, "The most requests a second to the API server; 0 leaves limiting to the API server.")
	fs.IntVar(&o.ClientBurst, "client-burst", 100, "How many requests may exceed client-qps at once.")
	fs.Float64Var(&o.EventQPS, "event-qps", 20, "The most events of one type a second; more are dropped and counted. 0 records all.")
	fs.IntVar(&o.EventBurst, "event-burst", 200, "How many events may exceed event-qps at once.")
	fs.DurationVar(&o.StoreInterval, "store-requeue-interval", 5*time.Minute, "The time between two checks of a store that names none.")
	fs.BoolVar(&o.FloodGate, "enable-flood-gate", true, "Do not read from stores that are not Ready.")
	fs.BoolVar(&o.Stores, "enable-secret-store-reconciler", true, "Check SecretStores.")
	fs.BoolVar(&o.ClusterStores, "enable-cluster-store-reconciler", true, "Check ClusterSecretStores.")
	fs.BoolVar(&o.PushSecrets, "enable-push-secret-reconciler", true, "Push PushSecrets.")
	fs.BoolVar(&o.GeneratorStates, "enable-generator-state", true,
		"Keep and give back what generators obtain for a time. Without it such generators are refused, and GeneratorStates that "+
			"there are stay.")
	fs.DurationVar(&o.GeneratorGrace, "generator-gc-grace-period", 2*time.Minute,
		"How long what a generator has obtained may still be used after something newer has taken its place.")
	fs.BoolVar(&o.GenericTargets, "unsafe-allow-generic-targets", false,
		"Let ExternalSecrets write objects of other kinds than Secret (target.manifest), which are not protected as Secrets are. "+
			"The operator needs rights to these kinds.")
	fs.BoolVar(&o.ClusterExternalSecrets, "enable-cluster-external-secret-reconciler", true,
		"Make the ExternalSecrets of ClusterExternalSecrets; never done with --namespace.")
	fs.BoolVar(&o.ClusterPushSecrets, "enable-cluster-push-secret-reconciler", true,
		"Make the PushSecrets of ClusterPushSecrets; never done with --namespace.")
	o.bindReplicas(fs)
	fs.StringVar(&o.LeftDelimiter, "template-left-delimiter", "{{", "What opens an action in a template.")
	fs.StringVar(&o.RightDelimiter, "template-right-delimiter", "}}", "What closes an action in a template.")
	fs.StringVar(
		&o.NeverCopied,
		"never-copied-metadata",
		"",
		"Comma-separated prefixes of labels and annotations that are not copied to what is made from an object, "+
			"beside those of Argo CD, Flux, Helm and kubectl.",
	)
	o.bindServing(fs)
	o.bindWithoutEffect(fs)
}

// bindReplicas adds the flags that say how several replicas get along.
func (o *Options) bindReplicas(fs *flag.FlagSet) {
	o.LeaderElection.bind(fs)
	fs.IntVar(&o.Shards, "shards", 1,
		"Among how many shards the objects are divided that replicas share: all work at the same time, each on the shards whose leases "+
			"it holds. The same for all replicas, and at least as many as there are; excludes enable-leader-election.")
}

func (e *LeaderElection) bind(fs *flag.FlagSet) {
	fs.BoolVar(&e.Enabled, "enable-leader-election", false, "Let one of several replicas work at a time.")
	fs.StringVar(&e.ID, "leader-election-id", "external-secrets-controller", "The name of the lease.")
	fs.DurationVar(
		&e.LeaseDuration,
		"leader-election-lease-duration",
		15*time.Second,
		"How long a replica that is silent stays leader.",
	)
	fs.DurationVar(
		&e.RenewDeadline,
		"leader-election-renew-deadline",
		10*time.Second,
		"How long the leader tries to renew its lease before it gives up.",
	)
	fs.DurationVar(&e.RetryPeriod, "leader-election-retry-period", 2*time.Second, "The time between two tries.")
}

// engine returns the template engine that the options describe.
func (o *Options) engine() *templates.Engine {
	return templates.New(templates.WithDelimiters(o.LeftDelimiter, o.RightDelimiter))
}

// metrics returns where metrics are registered, and whether the operator has the process for itself.
func (o *Options) metrics() (registry prometheus.Registerer, alone bool) {
	if o.registry != nil {
		return o.registry, false
	}
	return runtimemetrics.Registry, true
}

func (o *Options) neverCopied() []string {
	return strings.FieldsFunc(o.NeverCopied, func(r rune) bool { return r == ',' })
}

// ownNamespace returns the namespace of the pod that this process runs in, or the usual one.
func ownNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	if namespace, err := os.ReadFile(namespaceFile); err == nil {
		return strings.TrimSpace(string(namespace))
	}
	return defaultNamespace
}
