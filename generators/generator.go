package generators

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Object is a generator as users write it.
type Object interface {
	metav1.Object
	runtime.Object
}

// Func runs a generator once. Each run is a new value; what is obtained from elsewhere is returned as a Lease. A Lease that comes with
// an error is of no use, and is given back by the caller.
type Func[S any] func(ctx context.Context, spec *S, env Env) (Result, error)

// RevokeFunc gives back what a lease describes. It is idempotent: what is gone already is no error.
type RevokeFunc[S any] func(ctx context.Context, spec *S, state json.RawMessage, env Env) error

// Env is everything that a generator may use of the world around it.
type Env struct {
	// Resolver reads what the spec refers to, in the namespace of the object that uses the generator.
	Resolver Resolver
	// HTTP returns a transport with the given TLS settings, nil for the system's. Transports are shared.
	HTTP func(*tls.Config) http.RoundTripper
	// Clock is the time.
	Clock clock.Clock
}

// Resolver reads what a generator's spec refers to. Errors name the object and the key.
type Resolver interface {
	// SecretKey returns the value of one key of a Secret.
	SecretKey(ctx context.Context, ref metametav1.SecretKeySelector) ([]byte, error)
	// LabelledSecret returns all values of a Secret that has the given label, with the given value: whoever made the Secret has
	// agreed to this use of it. The key of ref does not matter.
	LabelledSecret(ctx context.Context, ref metametav1.SecretKeySelector, label, value string) (map[string][]byte, error)
	// CABundle returns the PEM of a certificate authority: bundle, which may be Base64 of the PEM, or else what
	// provider names; nil when both are empty.
	CABundle(ctx context.Context, bundle []byte, provider *esv1.CAProvider) ([]byte, error)
}

// Result is what one run yields.
type Result struct {
	// Data are the generated values by key.
	Data map[string][]byte
	// Lease describes what has to be given back; nil when nothing has.
	Lease *Lease
}

// Lease is something obtained for a time.
type Lease struct {
	// State is what RevokeFunc needs. It holds no secret value: it is stored in the clear.
	State json.RawMessage
	// ExpiresAt is when the lease ends by itself; zero when it does not.
	ExpiresAt time.Time
}

// Generator is one kind of generator. Its zero value is not usable; make one with Define.
type Generator struct {
	kind      string
	newObject func() Object
	specOf    func(Object) any
	fromUnion func(*genv1alpha1.GeneratorSpec) (any, bool)
	class     func(any) string
	keys      func(any) []string
	generate  func(context.Context, any, Env) (Result, error)
	revoke    func(context.Context, any, json.RawMessage, Env) error
	revocable bool
	together  bool
}

// Option adds to the definition of a generator whose spec is S.
type Option[S any] func(*definition[S])

type definition[S any] struct {
	revoke RevokeFunc[S]
	class  func(*S) string
	keys   func(*S) []string
	// together is set by Together.
	together bool
}

// Revoke says how to give back a lease.
func Revoke[S any](f RevokeFunc[S]) Option[S] { return func(d *definition[S]) { d.revoke = f } }

// ControllerClass says where the spec names the controller class that serves it.
func ControllerClass[S any](f func(*S) string) Option[S] {
	return func(d *definition[S]) { d.class = f }
}

// Keys says which keys a run yields, where the spec alone tells. It is how a value that was delivered before is
// recognised without a run.
func Keys[S any](f func(*S) []string) Option[S] {
	return func(d *definition[S]) { d.keys = f }
}

// Together says that the values of a run belong together, as the two halves of a key do: one of them is of no use beside those of
// another run. So it is for all that is obtained with a lease.
func Together[S any]() Option[S] { return func(d *definition[S]) { d.together = true } }

// Define makes a generator of the given kind. spec returns the spec of an object, union the field of a ClusterGenerator
// that belongs to the kind, nil when it is not set.
func Define[O, S any, P interface {
	*O
	Object
}](kind string, spec func(P) *S, union func(*genv1alpha1.GeneratorSpec) *S, generate Func[S], opts ...Option[S]) Generator {
	d := definition[S]{
		class: func(*S) string { return "" },
		keys:  func(*S) []string { return nil },
	}
	for _, opt := range opts {
		opt(&d)
	}
	typed := func(spec any) *S {
		// Holds by construction: a Bound carries the spec that this very definition took out of an object.
		return spec.(*S) //nolint:forcetypeassert // see above
	}
	return Generator{
		kind:      kind,
		newObject: func() Object { return P(new(O)) },
		specOf:    func(o Object) any { return spec(o.(P)) }, //nolint:forcetypeassert // o comes from newObject
		fromUnion: func(u *genv1alpha1.GeneratorSpec) (any, bool) { s := union(u); return s, s != nil },
		class:     func(s any) string { return d.class(typed(s)) },
		keys:      func(s any) []string { return d.keys(typed(s)) },
		generate: func(ctx context.Context, s any, env Env) (Result, error) {
			return generate(ctx, typed(s), env)
		},
		revoke: func(ctx context.Context, s any, state json.RawMessage, env Env) error {
			if d.revoke == nil {
				return nil
			}
			return d.revoke(ctx, typed(s), state, env)
		},
		revocable: d.revoke != nil,
		together:  d.together || d.revoke != nil,
	}
}

// Kind returns the kind of the generator.
func (g Generator) Kind() string { return g.kind }

// NewObject returns an empty object of the generator's kind, to be read into and passed to Bind.
func (g Generator) NewObject() Object { return g.newObject() }

// Bind returns the generator with the spec of obj, which NewObject made.
func (g Generator) Bind(obj Object) Bound {
	return Bound{generator: g, spec: g.specOf(obj), object: obj}
}

// BindCluster returns the generator with its spec in a ClusterGenerator. A missing spec is fault.Invalid.
func (g Generator) BindCluster(obj *genv1alpha1.ClusterGenerator) (Bound, error) {
	spec, ok := g.fromUnion(&obj.Spec.Generator)
	if !ok {
		return Bound{}, fault.New(fault.Invalid, "ClusterGenerator %q: spec.kind is %s, but spec.generator holds the spec of another kind",
			obj.Name, g.kind)
	}
	return Bound{generator: g, spec: spec, object: obj}, nil
}

// Bound is a generator with a spec.
type Bound struct {
	generator Generator
	spec      any
	object    Object
}

// Kind returns the kind of the generator.
func (b Bound) Kind() string { return b.generator.kind }

// Object returns the object that holds the spec, to be read only.
func (b Bound) Object() Object { return b.object }

// ControllerClass returns the controller class that the spec names; empty when it names none.
func (b Bound) ControllerClass() string { return b.generator.class(b.spec) }

// Keys returns the keys that a run yields; nil when only a run can tell.
func (b Bound) Keys() []string { return b.generator.keys(b.spec) }

// Generate runs the generator once.
func (b Bound) Generate(ctx context.Context, env Env) (Result, error) {
	return b.generator.generate(ctx, b.spec, env)
}

// Together reports whether the values of a run belong together, so that all of them are replaced or none.
func (b Bound) Together() bool { return b.generator.together }

// Revocable reports whether runs yield leases that can be given back.
func (b Bound) Revocable() bool { return b.generator.revocable }

// Revoke gives back what state describes. What is gone already is no error.
func (b Bound) Revoke(ctx context.Context, state json.RawMessage, env Env) error {
	return b.generator.revoke(ctx, b.spec, state, env)
}
