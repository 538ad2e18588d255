package stores

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/retry"
	"github.com/sluice-operator/sluice/providers"
)

// ErrOtherClass says that a store belongs to another controller class. What refers to it is another operator's business
// and is left alone, silently.
var ErrOtherClass = errors.New("the store belongs to another controller class")

// ErrUnchecked is in the chain of an error that says: the store is new or has changed, and its check is not done yet.
var ErrUnchecked = errors.New("the store has not been checked since it was last changed")

// DefaultClass is the controller class of an operator that is given none.
const DefaultClass = "default"

const (
	// idleTime is how long a client stays open without a call.
	idleTime = 10 * time.Minute
	// reopenTime is how old a client must be to be given up when its store is unavailable: something that it read when
	// it was opened may have changed since, such as a certificate authority.
	reopenTime = time.Minute
	// openTimeout bounds the opening and the closing of a client.
	openTimeout = 30 * time.Second
)

// Config is what a Pool needs.
type Config struct {
	// Reader reads stores and namespaces; it may be a cache.
	Reader client.Reader
	// Providers are the providers that the build contains.
	Providers *providers.Registry
	// Credentials resolves what stores refer to.
	Credentials *credentials.Service
	// Metrics counts calls to providers; nil counts nothing.
	Metrics *metrics.Metrics
	// Class is the controller class of this operator, DefaultClass when empty.
	Class string
	// Clock is the time.
	Clock clock.Clock
	// HTTP returns a shared transport with the given TLS settings, nil for the system's.
	HTTP func(*tls.Config) http.RoundTripper
}

// Pool opens stores and keeps their clients, one for each store and generation, and for each namespace where a store
// takes its credentials from there. It is safe for concurrent use.
type Pool struct {
	config Config
	flight singleflight.Group
	// reads are the reads of single secrets that are under way.
	reads singleflight.Group

	mu      sync.Mutex
	entries map[key]*entry
	watches map[key]*watch
	closed  bool
	open    sync.WaitGroup
}

// NewPool returns a Pool without open clients. It starts nothing.
func NewPool(config Config) *Pool {
	if config.Class == "" {
		config.Class = DefaultClass
	}
	return &Pool{config: config, entries: map[key]*entry{}, watches: map[key]*watch{}}
}

// OpenOption changes how a store is opened.
type OpenOption func(*openOptions)

type openOptions struct{ requireReady, live bool }

// RequireReady refuses a store whose last check did not find it ready, or whose spec has changed since, as fault.Unavailable.
func RequireReady() OpenOption { return func(o *openOptions) { o.requireReady = true } }

// Live reads from the store itself, also where it is watched, for what nobody would put right when it is a moment old.
func Live() OpenOption { return func(o *openOptions) { o.live = true } }

// Open returns a Session with the store that ref names, for an object in namespace. A store that does not exist is
// fault.Invalid, one that may not be used from namespace is fault.Denied, and one of another controller class is
// ErrOtherClass. A Session needs no closing.
func (p *Pool) Open(ctx context.Context, namespace string, ref esv1.SecretStoreRef, opts ...OpenOption) (*Session, error) {
	store, err := p.admitted(ctx, namespace, ref, opts)
	if err != nil {
		return nil, err
	}
	s, err := p.session(ctx, store, namespace)
	if err == nil {
		s.live = optionsOf(opts).live
	}
	return s, err
}

func optionsOf(opts []OpenOption) (options openOptions) {
	for _, opt := range opts {
		opt(&options)
	}
	return options
}

// admitted returns the store that ref names when an object in namespace may use it now.
func (p *Pool) admitted(ctx context.Context, namespace string, ref esv1.SecretStoreRef, opts []OpenOption) (esv1.GenericStore, error) {
	store, err := p.find(ctx, namespace, ref)
	if err != nil {
		return nil, err
	}
	if err := p.admit(ctx, store, namespace); err != nil {
		return nil, err
	}
	if optionsOf(opts).requireReady {
		return store, ready(store)
	}
	return store, nil
}

// OpenStore returns a Session with store itself, to check it. Its clients are opened anew, so that what they read from
// elsewhere is read again, and its conditions are checked too. A store whose credentials are in the namespace of its users cannot be opened
// like this: providers.ErrNeedsConsumer is in the error's chain then.
func (p *Pool) OpenStore(ctx context.Context, store esv1.GenericStore) (*Session, error) {
	if !p.Serves(store) {
		return nil, ErrOtherClass
	}
	p.renew(ctx, nameOf(store))
	if _, err := conditionsOf(store); err != nil {
		return nil, err
	}
	return p.session(ctx, store, "")
}

// Capabilities returns what can be done with store, also when it cannot be opened; empty for a provider that this build
// does not contain.
func (p *Pool) Capabilities(store esv1.GenericStore) esv1.SecretStoreCapabilities {
	provider, err := p.config.Providers.For(store.StoreSpec().Provider)
	if err != nil {
		return ""
	}
	return provider.Capabilities()
}

// Close ends all watches and closes all clients, and waits until those in use are closed too or ctx ends. Nothing can be opened afterwards.
func (p *Pool) Close(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	for k, e := range p.entries {
		p.evict(ctx, k, e)
	}
	p.endWatches(func(key, *watch) bool { return true })
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		p.open.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// session prepares a Session and opens its client once, so that a store that cannot be opened is said now.
func (p *Pool) session(ctx context.Context, store esv1.GenericStore, namespace string) (*Session, error) {
	s, err := p.prepare(store, namespace)
	if err != nil {
		return nil, err
	}
	if err := s.call(ctx, func(context.Context, providers.Client) error { return nil }); err != nil {
		return nil, err
	}
	return s, nil
}

// prepare returns a Session that has opened nothing yet.
func (p *Pool) prepare(store esv1.GenericStore, namespace string) (*Session, error) {
	s := &Session{pool: p, name: nameOf(store), spec: store.StoreSpec(), memo: map[providers.Ref]*memo{}}
	var err error
	if s.provider, err = p.config.Providers.For(s.spec.Provider); err != nil {
		return nil, s.in(err)
	}
	if s.retry, err = retry.Of(s.spec.RetrySettings); err != nil {
		return nil, s.in(err)
	}
	s.key = key{store: s.name, uid: store.GetUID(), generation: store.GetGeneration()}
	if s.name.IsCluster() && credentials.NeedsConsumer(s.spec.Provider) {
		s.key.consumer = namespace
	}
	return s, nil
}

func nameOf(store esv1.GenericStore) providers.Store {
	return providers.Store{Kind: store.StoreKind(), Namespace: store.GetNamespace(), Name: store.GetName()}
}

func (p *Pool) openClient(ctx context.Context, s *Session) (providers.Client, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
	defer cancel()
	c, err := s.provider.Open(ctx, s.spec.Provider, providers.Env{
		Store: s.name,
		Resolver: p.config.Credentials.For(credentials.Referrer{
			Kind: s.name.Kind, Namespace: s.name.Namespace, Consumer: s.key.consumer,
		}),
		HTTP: p.config.HTTP,
		Observe: func(call string, err error) {
			if p.config.Metrics != nil {
				p.config.Metrics.ProviderCall(s.provider.MetricName(), call, err)
			}
		},
		Clock: p.config.Clock,
	})
	if err == nil && c == nil {
		err = fmt.Errorf("provider %s returned no client", s.provider.Name())
	}
	return c, err
}
