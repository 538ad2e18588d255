package lease_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-operator/sluice/apis"
	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/stores"
)

// marked is in foreign errors, so that a text that quotes one is found.
const marked = "do-not-quote"

// runner has one kind of generator, which is of the kind Fake, and reads the given objects.
func runner(t *testing.T, generator generators.Generator, funcs interceptor.Funcs, objects ...client.Object) *lease.Runner {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apis.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
	registry, err := generators.NewRegistry(generator)
	if err != nil {
		t.Fatal(err)
	}
	return &lease.Runner{
		Reader: c, Generators: registry, Credentials: credentials.New(c, c),
		Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Class: "ours",
	}
}

// generator is a Fake in namespace app.
func generator(name string, spec genv1alpha1.FakeSpec) *genv1alpha1.Fake {
	return &genv1alpha1.Fake{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: name}, Spec: spec}
}

func clusterGenerator(name, kind string, spec *genv1alpha1.FakeSpec) *genv1alpha1.ClusterGenerator {
	return &genv1alpha1.ClusterGenerator{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       genv1alpha1.ClusterGeneratorSpec{Kind: kind, Generator: genv1alpha1.GeneratorSpec{FakeSpec: spec}},
	}
}

func expectFault(t *testing.T, err error, kind fault.Kind, message string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v (%v), want %v with %q", err, fault.KindOf(err), kind, message)
	}
	if err != nil && strings.Contains(err.Error(), marked) {
		t.Errorf("a foreign error is quoted: %v", err)
	}
}

func TestBind(t *testing.T) {
	system := &generatortest.Counting{Leaseless: true}
	r := runner(t, system.Generator(), interceptor.Funcs{},
		generator("one", genv1alpha1.FakeSpec{Data: map[string]string{"a": "x"}}),
		generator("ours", genv1alpha1.FakeSpec{Controller: "ours"}),
		clusterGenerator("shared", "Fake", &genv1alpha1.FakeSpec{Data: map[string]string{"b": "x"}}),
		clusterGenerator("unknown", "Dice", &genv1alpha1.FakeSpec{}),
		clusterGenerator("mismatch", "Fake", nil),
	)
	const cluster = "ClusterGenerator"
	tests := []struct {
		reason  string
		ref     esv1.GeneratorRef
		key     string
		message string
	}{
		{reason: "one of the namespace", ref: esv1.GeneratorRef{Kind: "Fake", Name: "one"}, key: "a"},
		{
			reason: "with the version of the API",
			ref:    esv1.GeneratorRef{APIVersion: "generators.external-secrets.io/v1alpha1", Kind: "Fake", Name: "one"}, key: "a",
		},
		{reason: "one of this operator's class", ref: esv1.GeneratorRef{Kind: "Fake", Name: "ours"}, key: "value"},
		{reason: "a cluster generator, from any namespace", ref: esv1.GeneratorRef{Kind: cluster, Name: "shared"}, key: "b"},
		{
			reason:  "another version",
			ref:     esv1.GeneratorRef{APIVersion: "generators.external-secrets.io/v1", Kind: "Fake", Name: "one"},
			message: `generatorRef.apiVersion "generators.external-secrets.io/v1" is not generators.external-secrets.io/v1alpha1`,
		},
		{reason: "a missing one", ref: esv1.GeneratorRef{Kind: "Fake", Name: "two"}, message: `generator Fake "two" does not exist in namespace "app"`},
		{
			reason: "a missing cluster generator", ref: esv1.GeneratorRef{Kind: cluster, Name: "one"},
			message: `generator ClusterGenerator "one" does not exist`,
		},
		{
			reason: "an unknown kind", ref: esv1.GeneratorRef{Kind: "Dice", Name: "one"},
			message: `generatorRef.kind: there is no generator of kind "Dice" (this operator has Fake)`,
		},
		{
			reason: "an unknown kind in a cluster generator", ref: esv1.GeneratorRef{Kind: cluster, Name: "unknown"},
			message: `ClusterGenerator "unknown": there is no generator of kind "Dice"`,
		},
		{
			reason: "a cluster generator without the spec of its kind", ref: esv1.GeneratorRef{Kind: cluster, Name: "mismatch"},
			message: `ClusterGenerator "mismatch": spec.kind is Fake`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			bound, err := r.Bind(t.Context(), "app", tt.ref)
			if tt.message != "" {
				expectFault(t, err, fault.Invalid, tt.message)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if keys := bound.Keys(); len(keys) != 1 || keys[0] != tt.key {
				t.Errorf("bound to a spec with the keys %q, want %q", keys, tt.key)
			}
		})
	}
	if system.Minted() != 0 {
		t.Error("to bind a generator ran it")
	}
}

func TestBindStaysInItsNamespace(t *testing.T) {
	r := runner(t, (&generatortest.Counting{}).Generator(), interceptor.Funcs{}, generator("one", genv1alpha1.FakeSpec{}))
	_, err := r.Bind(t.Context(), "other", esv1.GeneratorRef{Kind: "Fake", Name: "one"})
	expectFault(t, err, fault.Invalid, `does not exist in namespace "other"`)
}

func TestOtherClass(t *testing.T) {
	theirs := genv1alpha1.FakeSpec{Controller: "theirs"}
	r := runner(t, (&generatortest.Counting{}).Generator(), interceptor.Funcs{},
		generator("one", theirs), clusterGenerator("one", "Fake", &theirs))
	for _, kind := range []string{"Fake", "ClusterGenerator"} {
		if _, err := r.Bind(t.Context(), "app", esv1.GeneratorRef{Kind: kind, Name: "one"}); !errors.Is(err, stores.ErrOtherClass) {
			t.Errorf("a %s of another class: %v, want ErrOtherClass", kind, err)
		}
	}
}

func TestUnreadableGeneratorIsNotMissing(t *testing.T) {
	resource := schema.GroupResource{Group: genv1alpha1.Group, Resource: "fakes"}
	tests := []struct {
		reason  string
		err     error
		kind    fault.Kind
		message string
	}{
		{
			"a missing right is named", apierrors.NewForbidden(resource, "one", errors.New(marked)),
			fault.Denied, `may not get generator Fake "one" in namespace "app": grant it the verb "get"`,
		},
		{
			"anything else passes", errors.New(marked),
			fault.Unavailable, `generator Fake "one" in namespace "app" could not be read`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			r := runner(t, (&generatortest.Counting{}).Generator(), interceptor.Funcs{
				Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
					return tt.err
				},
			})
			_, err := r.Bind(t.Context(), "app", esv1.GeneratorRef{Kind: "Fake", Name: "one"})
			expectFault(t, err, tt.kind, tt.message)
		})
	}
}

func TestRun(t *testing.T) {
	refused := fault.New(fault.Denied, "no more credentials")
	tests := []struct {
		reason         string
		system         *generatortest.Counting
		generate, back error
		want           string
		kind           fault.Kind
		message        string
		live           int
	}{
		{reason: "what a run yields", system: &generatortest.Counting{Leaseless: true}, want: "value-1"},
		{
			reason: "a failure names the generator and keeps its kind", system: &generatortest.Counting{}, generate: refused,
			kind: fault.Denied, message: `generator Fake "one": no more credentials`,
		},
		{
			reason: "a foreign failure is not quoted", system: &generatortest.Counting{}, generate: errors.New(marked),
			kind: fault.Unknown, message: `generator Fake "one": unexpected error`,
		},
		{
			reason: "a lease is refused and given back", system: &generatortest.Counting{},
			kind: fault.Unsupported, message: `generator Fake "one" yields leases`,
		},
		{
			reason: "one that cannot be given back is said", system: &generatortest.Counting{}, back: refused,
			kind: fault.Denied, message: "what it obtained could not be given back: no more credentials", live: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			tt.system.FailGenerate(tt.generate)
			tt.system.FailRevoke(tt.back)
			r := runner(t, tt.system.Generator(), interceptor.Funcs{}, generator("one", genv1alpha1.FakeSpec{}))
			bound, err := r.Bind(t.Context(), "app", esv1.GeneratorRef{Kind: "Fake", Name: "one"})
			if err != nil {
				t.Fatal(err)
			}
			data, err := outside(r, "app").Run(t.Context(), "", bound)
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil {
				t.Fatal(err)
			}
			if got := string(data["value"]); got != tt.want {
				t.Errorf("value %q, want %q", got, tt.want)
			}
			if got := len(tt.system.Live()); got != tt.live {
				t.Errorf("%d leases are left, want %d", got, tt.live)
			}
		})
	}
}

// outside begins a transaction of an owner in a namespace, for a runner that keeps no leases.
func outside(r *lease.Runner, namespace string) *lease.Tx {
	return r.Begin(lease.Owner{Object: &metav1.ObjectMeta{Namespace: namespace}}, "")
}

// reading is a generator that yields the value of a Secret that its spec names.
func reading(selector metametav1.SecretKeySelector) generators.Generator {
	return generators.Define(genv1alpha1.KindFake,
		func(o *genv1alpha1.Fake) *genv1alpha1.FakeSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.FakeSpec { return u.FakeSpec },
		func(ctx context.Context, _ *genv1alpha1.FakeSpec, env generators.Env) (generators.Result, error) {
			value, err := env.Resolver.SecretKey(ctx, selector)
			return generators.Result{Data: map[string][]byte{"value": value}}, err
		})
}

func TestRunReadsWhereItIsUsed(t *testing.T) {
	secret := func(namespace string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "login"},
			Data:       map[string][]byte{"key": fmt.Appendf(nil, "of %s", namespace)},
		}
	}
	tests := []struct {
		reason, kind, consumer string
		namespace              *string
		want                   string
	}{
		{reason: "a generator reads in its namespace", kind: "Fake", consumer: "app", want: "of app"},
		{reason: "and may say so", kind: "Fake", consumer: "app", namespace: new("app"), want: "of app"},
		{reason: "but not elsewhere", kind: "Fake", consumer: "app", namespace: new("other")},
		{reason: "a cluster generator reads where it is used", kind: "ClusterGenerator", consumer: "other", want: "of other"},
		{reason: "and not elsewhere", kind: "ClusterGenerator", consumer: "other", namespace: new("app")},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			g := reading(metametav1.SecretKeySelector{Name: "login", Namespace: tt.namespace, Key: "key"})
			r := runner(t, g, interceptor.Funcs{}, secret("app"), secret("other"),
				generator("one", genv1alpha1.FakeSpec{}), clusterGenerator("one", "Fake", &genv1alpha1.FakeSpec{}))
			bound, err := r.Bind(t.Context(), tt.consumer, esv1.GeneratorRef{Kind: tt.kind, Name: "one"})
			if err != nil {
				t.Fatal(err)
			}
			data, err := outside(r, tt.consumer).Run(t.Context(), "", bound)
			if tt.want == "" {
				expectFault(t, err, fault.Invalid, "namespace")
			} else if string(data["value"]) != tt.want || err != nil {
				t.Errorf("got %q, %v, want %q", data["value"], err, tt.want)
			}
		})
	}
}
