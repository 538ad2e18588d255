package generators_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// define makes a generator of the given kind that yields what its spec lists.
func define(kind string, opts ...generators.Option[genv1alpha1.FakeSpec]) generators.Generator {
	return generators.Define(kind,
		func(o *genv1alpha1.Fake) *genv1alpha1.FakeSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.FakeSpec { return u.FakeSpec },
		func(_ context.Context, spec *genv1alpha1.FakeSpec, _ generators.Env) (generators.Result, error) {
			data := map[string][]byte{}
			for key, value := range spec.Data {
				data[key] = []byte(value)
			}
			return generators.Result{Data: data}, nil
		}, opts...)
}

func spec() genv1alpha1.FakeSpec {
	return genv1alpha1.FakeSpec{Controller: "ours", Data: map[string]string{"a": "1"}}
}

// bindings are one generator, bound in both ways.
func bindings(t *testing.T, g generators.Generator) map[string]generators.Bound {
	t.Helper()
	object, ok := g.NewObject().(*genv1alpha1.Fake)
	if !ok {
		t.Fatalf("a new object is a %T", g.NewObject())
	}
	object.Spec = spec()
	cluster, err := g.BindCluster(&genv1alpha1.ClusterGenerator{
		ObjectMeta: metav1.ObjectMeta{Name: "shared"},
		Spec:       genv1alpha1.ClusterGeneratorSpec{Generator: genv1alpha1.GeneratorSpec{FakeSpec: &object.Spec}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]generators.Bound{"an object": g.Bind(object), "a cluster generator": cluster}
}

func TestBoundUsesItsSpec(t *testing.T) {
	var revoked []string
	refused := errors.New("refused")
	g := define("Fake",
		generators.Keys(func(s *genv1alpha1.FakeSpec) []string { return slices.Sorted(maps.Keys(s.Data)) }),
		generators.ControllerClass(func(s *genv1alpha1.FakeSpec) string { return s.Controller }),
		generators.Revoke(func(_ context.Context, s *genv1alpha1.FakeSpec, state json.RawMessage, _ generators.Env) error {
			revoked = append(revoked, s.Controller+string(state))
			return refused
		}))
	for way, bound := range bindings(t, g) {
		t.Run(way, func(t *testing.T) {
			revoked = nil
			result, err := bound.Generate(t.Context(), generators.Env{})
			if diff := cmp.Diff(map[string][]byte{"a": []byte("1")}, result.Data); diff != "" || err != nil {
				t.Errorf("yields %v (-want +got):\n%s", err, diff)
			}
			if bound.Kind() != "Fake" || bound.ControllerClass() != "ours" || !slices.Equal(bound.Keys(), []string{"a"}) {
				t.Errorf("kind %q, class %q, keys %q", bound.Kind(), bound.ControllerClass(), bound.Keys())
			}
			if err := bound.Revoke(t.Context(), json.RawMessage("{}"), generators.Env{}); !errors.Is(err, refused) {
				t.Errorf("the failure of a revocation is lost: %v", err)
			}
			if !slices.Equal(revoked, []string{"ours{}"}) {
				t.Errorf("revoked %q", revoked)
			}
		})
	}
}

func TestDefineDefaults(t *testing.T) {
	for way, bound := range bindings(t, define("Fake")) {
		t.Run(way, func(t *testing.T) {
			if bound.ControllerClass() != "" || bound.Keys() != nil {
				t.Errorf("without options the class is %q and the keys are %q", bound.ControllerClass(), bound.Keys())
			}
			if err := bound.Revoke(t.Context(), nil, generators.Env{}); err != nil {
				t.Errorf("there is nothing to give back: %v", err)
			}
		})
	}
}

func TestBindKeepsTheObject(t *testing.T) {
	g := define("Fake")
	object := &genv1alpha1.Fake{ObjectMeta: metav1.ObjectMeta{Name: "one"}}
	if got := g.Bind(object).Object(); got != generators.Object(object) {
		t.Errorf("bound to %v", got)
	}
}

func TestBindClusterNeedsTheSpecOfItsKind(t *testing.T) {
	cluster := &genv1alpha1.ClusterGenerator{
		ObjectMeta: metav1.ObjectMeta{Name: "shared"},
		Spec:       genv1alpha1.ClusterGeneratorSpec{Generator: genv1alpha1.GeneratorSpec{UUIDSpec: &genv1alpha1.UUIDSpec{}}},
	}
	_, err := define("Fake").BindCluster(cluster)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `ClusterGenerator "shared": spec.kind is Fake`) {
		t.Errorf("got %v, want Invalid that names the object and the field", err)
	}
}

func TestRegistry(t *testing.T) {
	if _, err := generators.NewRegistry(define("A"), define("A")); err == nil || !strings.Contains(err.Error(), `"A"`) {
		t.Errorf("two of a kind: %v, want an error that names it", err)
	}
	registry, err := generators.NewRegistry(define("B"), define("A"))
	if err != nil {
		t.Fatal(err)
	}
	if got := registry.Kinds(); !slices.Equal(got, []string{"A", "B"}) {
		t.Errorf("kinds %q", got)
	}
	var all []string
	for _, g := range registry.All() {
		all = append(all, g.Kind())
	}
	if !slices.Equal(all, registry.Kinds()) {
		t.Errorf("all are %q", all)
	}
	if g, err := registry.For("B"); err != nil || g.Kind() != "B" {
		t.Errorf("for B there is %q, %v", g.Kind(), err)
	}
	_, err = registry.For("C")
	if want := `no generator of kind "C" (this operator has A, B)`; !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("for C got %v, want Invalid with %q", err, want)
	}
}
