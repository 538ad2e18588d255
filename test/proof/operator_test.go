package proof_test

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/kubernetes"
	"github.com/sluice-operator/sluice/templates"
)

// process is the operator from one start to its death: the real controllers and all that they remember.
type process struct {
	world       *world
	token       string
	dead        bool
	reconcilers map[string]reconcile.Reconciler
	// past is what the cache shows in place of the present; nil once it has caught up.
	past snapshot
}

// start starts the operator with a cache that shows past; nil for the present.
func (w *world) start(past snapshot) {
	p := &process{world: w, past: past, token: fmt.Sprintf("%s/%d", w.name, w.starts), reconcilers: map[string]reconcile.Reconciler{}}
	w.starts++
	w.server.admit(p.token, p)
	deps, err := p.deps()
	if err != nil {
		panic(err)
	}
	for _, c := range controllers.All(deps) {
		if r, ok := c.(reconcile.Reconciler); ok {
			p.reconcilers[c.Name()] = r
		}
	}
	w.process = p
}

// kill ends the process; what it is about to do has no effect any more.
func (p *process) kill() {
	p.dead = true
	p.world.tear()
	p.world.server.forget(p.token)
}

// deps returns what the controllers work with, put together as the operator does.
func (p *process) deps() (controllers.Deps, error) {
	w := p.world
	provided, err := providers.NewRegistry(kubernetes.New(&rest.Config{Host: w.server.URL}))
	if err != nil {
		return controllers.Deps{}, err
	}
	generated, err := generators.NewRegistry(p.generator())
	if err != nil {
		return controllers.Deps{}, err
	}
	measured, err := metrics.New(prometheus.NewRegistry())
	if err != nil {
		return controllers.Deps{}, err
	}
	cached, live := p.client(true), p.client(w.flaw == credulous)
	key := make([]byte, fingerprint.KeySize)
	if w.flaw == forgetful {
		key[0] = byte(w.starts)
	}
	resolver := credentials.New(live, cached)
	return controllers.Deps{
		Client: cached, Live: live, Notices: notices{reader: cached},
		Recorder:   func(string) events.EventRecorder { return &events.FakeRecorder{} },
		Stores:     stores.NewPool(stores.Config{Reader: cached, Providers: provided, Credentials: resolver, Metrics: measured, Clock: w.clock}),
		Generators: &lease.Runner{Reader: cached, Generators: generated, Credentials: resolver, Clock: w.clock, Class: stores.DefaultClass},
		Engine:     templates.New(), Hasher: fingerprint.New(key), Metrics: measured, Clock: w.clock,
		PushSecrets: true,
	}, nil
}

// generator is one of kind Fake: each run yields the keys of spec.data, each with its own text and the number of the run.
func (p *process) generator() generators.Generator {
	w := p.world
	return generators.Define(genv1alpha1.KindFake,
		func(o *genv1alpha1.Fake) *genv1alpha1.FakeSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.FakeSpec { return u.FakeSpec },
		func(_ context.Context, spec *genv1alpha1.FakeSpec, _ generators.Env) (generators.Result, error) {
			data := map[string][]byte{}
			return generators.Result{Data: data}, p.call(call{name: "generate", kind: mint}, func() error {
				w.minted++
				if w.flaw == wasteful {
					w.minted++
				}
				for key, text := range spec.Data {
					data[key] = fmt.Appendf(nil, "%s-%d", text, w.minted)
				}
				return nil
			})
		},
		generators.Keys(func(s *genv1alpha1.FakeSpec) []string { return sortedKeys(s.Data) }))
}

// client returns a client of the process: the one that reads from the cache, or the one that asks the API server.
func (p *process) client(cached bool) client.Client {
	w := p.world
	reading := read
	if cached {
		reading = peek
	}
	named := func(verb string, o any) string { return verb + " " + reflect.TypeOf(o).Elem().Name() }
	changing := func(c call, effect func() error) error {
		err := p.call(c, effect)
		w.remember()
		// A client that reads its own writes has a cache that is as new as they are.
		p.past = nil
		w.look()
		return err
	}
	return interceptor.NewClient(w.admin, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return p.call(call{name: named("get", o), kind: reading}, func() error {
				if cached {
					return p.peek(ctx, key, o)
				}
				return c.Get(ctx, key, o, opts...)
			})
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return p.call(call{name: named("list", list), kind: reading}, func() error { return c.List(ctx, list, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return changing(call{name: named("patch", o), kind: write}, func() error { return c.Patch(ctx, o, patch, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return changing(call{name: named("apply", o), kind: write}, func() error { return c.Apply(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return changing(call{name: named("delete", o), kind: write}, func() error { return c.Delete(ctx, o, opts...) })
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption,
		) error {
			return changing(call{name: named("patch status of", o), kind: write}, func() error {
				if w.flaw == credulous {
					patch = ofAnyVersion(patch, o)
				}
				return c.SubResource(sub).Patch(ctx, o, patch, opts...)
			})
		},
		SubResourceCreate: func(
			_ context.Context, _ client.Client, sub string, _, o client.Object, _ ...client.SubResourceCreateOption,
		) error {
			return p.call(call{name: "create " + sub, kind: read}, func() error {
				request, ok := o.(*authenticationv1.TokenRequest)
				if !ok {
					return apierrors.NewBadRequest("this API server gives tokens alone")
				}
				request.Status.Token = p.token
				request.Status.ExpirationTimestamp = metav1.NewTime(w.clock.Now().Add(1000 * time.Hour))
				return nil
			})
		},
	})
}

// ofAnyVersion returns a patch that does not say what it was made from.
func ofAnyVersion(patch client.Patch, o client.Object) client.Patch {
	data, err := patch.Data(o)
	if err != nil {
		return patch
	}
	return client.RawPatch(patch.Type(), versionInPatch.ReplaceAll(data, nil))
}

var versionInPatch = regexp.MustCompile(`"metadata":{"resourceVersion":"[0-9]+"},?`)

// peek reads from the cache: of Secrets it has those that Sluice manages.
func (p *process) peek(ctx context.Context, key client.ObjectKey, o client.Object) error {
	if p.past != nil && p.past.knows(o) {
		return p.past.get(key, o)
	}
	if err := p.world.admin.Get(ctx, key, o); err != nil {
		return err
	}
	return managedOnly(o)
}

func managedOnly(o client.Object) error {
	if secret, ok := o.(*corev1.Secret); ok && secret.Labels[esv1.LabelManaged] != esv1.LabelManagedValue {
		name := secret.Name
		*secret = corev1.Secret{}
		return apierrors.NewNotFound(corev1.Resource("secrets"), name)
	}
	return nil
}

// notices is the cache of metadata.
type notices struct {
	cache.Cache // nil: controllers only read from it

	reader client.Reader
}

func (n notices) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return n.reader.Get(ctx, key, o, opts...)
}

func (n notices) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return n.reader.List(ctx, list, opts...)
}
