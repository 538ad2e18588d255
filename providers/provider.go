package providers

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
)

// ErrNeedsConsumer is in the chain of an error that says: this store takes its credentials from the namespace of the
// object that uses it, and there is no such object at hand. A store that is checked by itself cannot be judged then,
// which is no fault of the store.
var ErrNeedsConsumer = errors.New("the credentials are in the namespace of the object that uses the store")

// Provider is one kind of store. Its zero value is not usable; make one with Define.
type Provider struct {
	name         string
	metricName   string
	capabilities esv1.SecretStoreCapabilities
	selected     func(*esv1.SecretStoreProvider) bool
	validate     func(*esv1.SecretStoreProvider, Store) error
	open         func(context.Context, *esv1.SecretStoreProvider, Env) (Client, error)
}

// OpenFunc opens a client for one store. It may read credentials through env, and should not call the store itself: a
// store that cannot be reached is found by Checker. The client must be safe for concurrent use, and lives longer than
// ctx.
type OpenFunc[S any] func(ctx context.Context, spec *S, env Env) (Client, error)

// Option adds to the definition of a provider whose part of the spec is S.
type Option[S any] func(*definition[S])

type definition[S any] struct {
	metricName   string
	capabilities esv1.SecretStoreCapabilities
	validate     func(*S, Store) error
}

// Validate adds a check of the spec that needs no cluster. Its errors are of kind fault.Invalid and name the field.
func Validate[S any](check func(spec *S, store Store) error) Option[S] {
	return func(d *definition[S]) { d.validate = check }
}

// Capabilities says what the provider's clients can do, as a store's status shows it. ReadOnly without this option.
func Capabilities[S any](c esv1.SecretStoreCapabilities) Option[S] {
	return func(d *definition[S]) { d.capabilities = c }
}

// MetricName sets the label that the provider's calls carry in metrics. The provider's name without this option.
func MetricName[S any](name string) Option[S] {
	return func(d *definition[S]) { d.metricName = name }
}

// Define makes a provider. Its name is the key in spec.provider, and pick returns the value of that key, nil when it is
// not set.
func Define[S any](name string, pick func(*esv1.SecretStoreProvider) *S, open OpenFunc[S], opts ...Option[S]) Provider {
	d := definition[S]{metricName: name, capabilities: esv1.CapabilityReadOnly, validate: func(*S, Store) error { return nil }}
	for _, opt := range opts {
		opt(&d)
	}
	return Provider{
		name:         name,
		metricName:   d.metricName,
		capabilities: d.capabilities,
		selected:     func(p *esv1.SecretStoreProvider) bool { return pick(p) != nil },
		validate:     func(p *esv1.SecretStoreProvider, store Store) error { return d.validate(pick(p), store) },
		open: func(ctx context.Context, p *esv1.SecretStoreProvider, env Env) (Client, error) {
			return open(ctx, pick(p), env)
		},
	}
}

// Name returns the provider's key in spec.provider.
func (p Provider) Name() string { return p.name }

// MetricName returns the label that the provider's calls carry in metrics.
func (p Provider) MetricName() string { return p.metricName }

// Capabilities returns what the provider's clients can do.
func (p Provider) Capabilities() esv1.SecretStoreCapabilities { return p.capabilities }

// Open checks the spec of store and opens a client for it. Registry.For must have chosen this provider for the spec.
func (p Provider) Open(ctx context.Context, spec *esv1.SecretStoreProvider, env Env) (Client, error) {
	if err := p.validate(spec, env.Store); err != nil {
		return nil, err
	}
	return p.open(ctx, spec, env)
}

// Store names the store that a client is opened for.
type Store struct {
	// Kind is SecretStore or ClusterSecretStore.
	Kind string
	// Namespace of a SecretStore; empty for a ClusterSecretStore.
	Namespace string
	// Name of the store.
	Name string
}

// IsCluster reports whether the store is a ClusterSecretStore.
func (s Store) IsCluster() bool { return s.Kind == esv1.KindClusterSecretStore }

// Env is everything that a client may use of the world around it.
type Env struct {
	// Store names the store.
	Store Store
	// Resolver reads what the spec refers to, within what the store may see.
	Resolver Resolver
	// HTTP returns a transport with the given TLS settings, nil for the system's. Transports are shared.
	HTTP func(*tls.Config) http.RoundTripper
	// Observe counts one call to the system behind the store, by the name of the call and its outcome.
	Observe func(call string, err error)
	// Clock is the time.
	Clock clock.Clock
}

// Resolver reads what a store's spec refers to. Every call is checked against what the store may see; errors name the
// object and the key.
type Resolver interface {
	// SecretKey returns the value of one key of a Secret.
	SecretKey(ctx context.Context, ref metametav1.SecretKeySelector) ([]byte, error)
	// ServiceAccountToken requests a token of a ServiceAccount. Tokens are not cached.
	ServiceAccountToken(ctx context.Context, ref metametav1.ServiceAccountSelector) (Token, error)
	// CABundle returns the PEM of a certificate authority: bundle, which may be Base64 of the PEM, or else what
	// provider names; nil when both are empty.
	CABundle(ctx context.Context, bundle []byte, provider *esv1.CAProvider) ([]byte, error)
}

// Token is a bearer token.
type Token struct {
	// Value is the token itself.
	Value string
	// ExpiresAt is when it ends.
	ExpiresAt time.Time
}
