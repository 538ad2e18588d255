package lab

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/controllers"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/operator"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/templates"
	"github.com/sluice-operator/sluice/test/env"
)

// CRDs is where the project keeps its CustomResourceDefinitions.
const CRDs = "config/crd/bases"

// ForeignCRDs is where there are kinds that know nothing of Sluice.
const ForeignCRDs = "test/crds"

// Start starts the API server of a suite, with the project's CRDs, and returns a client of an administrator. The server
// stops with the suite. It is to be called in BeforeSuite.
func Start(ctx context.Context) client.WithWatch {
	GinkgoHelper()
	cluster, err := env.Start(ctx, env.Options{CRDDirs: []string{CRDs, ForeignCRDs}, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cluster.Stop)
	return NewClient(cluster)
}

// NewClient returns a client of an administrator that knows the project's kinds.
func NewClient(cluster *env.Cluster) client.WithWatch {
	GinkgoHelper()
	scheme, err := operator.Scheme()
	Expect(err).NotTo(HaveOccurred())
	admin, err := client.NewWithWatch(cluster.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return admin
}

// Lab is the world of one test.
type Lab struct {
	// Client reads and writes as an administrator.
	Client client.Client
	// Namespace is the test's own.
	Namespace string
	// Clock is the controllers' time. It starts at the present, in whole seconds, and moves by Clock.Step alone.
	Clock *clocktesting.FakeClock
	// Memories are the stores of the fake provider.
	Memories *providertest.Memories
	// Generator is behind every generator of kind Fake.
	Generator *generatortest.Counting
	// Generators are those of other kinds.
	Generators []generators.Generator

	ctx    context.Context //nolint:containedctx // a Lab lives as long as its test
	events *events.FakeRecorder
	writes atomic.Int32
	refuse atomic.Pointer[func(verb string, o client.Object) error]

	field   string
	extract client.IndexerFunc
}

// eventBuffer is more events than any test makes.
const eventBuffer = 1000

// New returns a Lab with a namespace of its own. It is to be called in BeforeEach.
func New(admin client.Client) *Lab {
	GinkgoHelper()
	// The context that Ginkgo hands to BeforeEach ends with it.
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "lab-"}}
	Expect(admin.Create(ctx, namespace)).To(Succeed())
	return &Lab{
		Client:    admin,
		Namespace: namespace.Name,
		Clock:     clocktesting.NewFakeClock(time.Now().Truncate(time.Second)),
		Memories:  &providertest.Memories{},
		Generator: &generatortest.Counting{Leaseless: true},
		ctx:       ctx,
		events:    events.NewFakeRecorder(eventBuffer),
	}
}

// Deps returns what a controller works with, anew as after a start of the operator. The flood gate is off.
func (l *Lab) Deps() controllers.Deps {
	GinkgoHelper()
	provided, err := providers.NewRegistry(l.Memories.Provider())
	Expect(err).NotTo(HaveOccurred())
	generated, err := generators.NewRegistry(append(slices.Clip(l.Generators), l.Generator.Generator())...)
	Expect(err).NotTo(HaveOccurred())
	measured, err := metrics.New(prometheus.NewRegistry())
	Expect(err).NotTo(HaveOccurred())
	watched, live := l.observed(), l.live()
	resolver, hasher := credentials.New(live, live), fingerprint.New(make([]byte, fingerprint.KeySize))
	return controllers.Deps{
		Client: watched, Live: live, Notices: notices{reader: live},
		Recorder: func(string) events.EventRecorder { return l.events },
		Stores: stores.NewPool(stores.Config{
			Reader: live, Providers: provided, Credentials: resolver, Metrics: measured, Clock: l.Clock,
		}),
		Generators: &lease.Runner{
			Reader: live, Generators: generated, Credentials: resolver, Clock: l.Clock, Class: stores.DefaultClass,
			HTTP: func(settings *tls.Config) http.RoundTripper {
				return &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}
			},
			Ledger: &lease.Ledger{Client: watched, Live: live, Hasher: hasher, Grace: Grace},
		},
		Engine: templates.New(), Hasher: hasher, Metrics: measured, Clock: l.Clock,
		StoreInterval: StoreInterval,
	}
}

// Grace is how long a lease stays after another one has taken its place.
const Grace = 2 * time.Minute

// StoreInterval is the time between two checks of a store that names none.
const StoreInterval = 5 * time.Minute

// Memory returns the store behind a SecretStore of the test's namespace.
func (l *Lab) Memory(name string) *providertest.Memory {
	return l.Memories.Store(providers.Store{Kind: "SecretStore", Namespace: l.Namespace, Name: name})
}
