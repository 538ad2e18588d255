package stores_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
)

// marked is in every value, so that an error text that quotes one is found.
const marked = "do-not-quote"

// world is a pool over one provider in memory, which counts what is opened and closed.
type world struct {
	t       *testing.T
	cluster client.Client
	// get, when set, fails reads of the API.
	get      func(client.Object) error
	memory   *providertest.Memory
	registry *prometheus.Registry
	pool     *stores.Pool

	opened, closed atomic.Int32
	// opening runs when a client is opened.
	opening func(context.Context) error
	// connect wraps the memory; nil gives it with all abilities.
	connect func(*providertest.Memory) providers.Client
}

// connection is a client of a world with all abilities.
type connection struct {
	*providertest.Memory
	world *world
}

func (c connection) Close(context.Context) error {
	c.world.closed.Add(1)
	return nil
}

// readOnly is a client that can be read and nothing else.
type readOnly struct {
	providers.Client
	providers.Reader
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apis.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, memory: providertest.NewMemory(), registry: prometheus.NewRegistry()}
	w.cluster = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if w.get != nil {
				if err := w.get(obj); err != nil {
					return err
				}
			}
			return c.Get(ctx, key, obj, opts...)
		},
	}).Build()
	registry, err := providers.NewRegistry(w.provider())
	if err != nil {
		t.Fatal(err)
	}
	counted, err := metrics.New(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	w.pool = stores.NewPool(stores.Config{
		Reader: w.cluster, Providers: registry, Credentials: credentials.New(w.cluster, w.cluster),
		Metrics: counted, Clock: clock.RealClock{},
	})
	return w
}

// provider reads the bearer token, if the store has one, when a client is opened.
func (w *world) provider() providers.Provider {
	pick := func(p *esv1.SecretStoreProvider) *esv1.KubernetesProvider { return p.Kubernetes }
	open := func(ctx context.Context, spec *esv1.KubernetesProvider, env providers.Env) (providers.Client, error) {
		if spec.Auth != nil {
			_, err := env.Resolver.SecretKey(ctx, spec.Auth.Token.BearerToken)
			env.Observe("Login", err)
			if err != nil {
				return nil, err
			}
		}
		if w.opening != nil {
			if err := w.opening(ctx); err != nil {
				return nil, err
			}
		}
		w.opened.Add(1)
		if w.connect != nil {
			return w.connect(w.memory), nil
		}
		return connection{w.memory, w}, nil
	}
	return providers.Define(
		"kubernetes",
		pick,
		open,
		providers.Capabilities[esv1.KubernetesProvider](
			esv1.CapabilityReadWrite,
		),
		providers.MetricName[esv1.KubernetesProvider]("Kubernetes"),
	)
}

// open opens the SecretStore main for namespace "app" and ends the test when that fails.
func (w *world) open() *stores.Session {
	w.t.Helper()
	return w.openIn("app", esv1.KindSecretStore, "main")
}

func (w *world) openIn(namespace, kind, name string) *stores.Session {
	w.t.Helper()
	session, err := w.pool.Open(w.t.Context(), namespace, esv1.SecretStoreRef{Kind: kind, Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return session
}

// expectClients compares the numbers of clients opened and closed so far.
func (w *world) expectClients(opened, closed int32) {
	w.t.Helper()
	if o, c := w.opened.Load(), w.closed.Load(); o != opened || c != closed {
		w.t.Errorf("opened %d and closed %d clients, want %d and %d", o, c, opened, closed)
	}
}

// store returns a ready SecretStore "main" in namespace "app", changed by edits.
func store(edits ...func(*esv1.SecretStore)) *esv1.SecretStore {
	s := &esv1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "main", UID: "1", Generation: 1},
		Spec:       esv1.SecretStoreSpec{Provider: &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{}}},
		Status:     readyStatus(1),
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

// clusterStore returns a ready ClusterSecretStore "shared", changed by edits.
func clusterStore(edits ...func(*esv1.ClusterSecretStore)) *esv1.ClusterSecretStore {
	s := &esv1.ClusterSecretStore{
		ObjectMeta: metav1.ObjectMeta{Name: "shared", UID: "2", Generation: 1},
		Spec:       esv1.SecretStoreSpec{Provider: &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{}}},
		Status:     readyStatus(1),
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func readyStatus(generation int64) esv1.SecretStoreStatus {
	return esv1.SecretStoreStatus{
		ObservedGeneration: generation,
		Conditions:         []metav1.Condition{{Type: esv1.ConditionReady, Status: metav1.ConditionTrue}},
	}
}

// bearer is a token in Secret "token"; in the namespace of whoever uses the store, when namespace is nil.
func bearer(namespace *string) *esv1.KubernetesAuth {
	token := metametav1.SecretKeySelector{Name: "token", Namespace: namespace, Key: "k"}
	return &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{BearerToken: token}}
}

func tokenSecret(namespace string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token"}, Data: map[string][]byte{"k": []byte(marked)}}
}

func expectFault(t *testing.T, err error, kind fault.Kind, message string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), message) {
		t.Fatalf("got %v (%v), want %v with %q", err, fault.KindOf(err), kind, message)
	}
	if strings.Contains(err.Error(), marked) {
		t.Errorf("the error quotes a value: %v", err)
	}
}
