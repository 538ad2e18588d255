package fake

import (
	"context"
	"maps"
	"slices"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
)

// New returns the generator of kind Fake. It is safe for concurrent use. No spec is refused: one without data yields no keys.
func New() generators.Generator {
	return generators.Define(genv1alpha1.KindFake,
		func(o *genv1alpha1.Fake) *genv1alpha1.FakeSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.FakeSpec { return u.FakeSpec },
		generate,
		generators.Keys(keys),
		generators.ControllerClass(func(s *genv1alpha1.FakeSpec) string { return s.Controller }))
}

// keys is never nil: also that a run yields nothing is known beforehand.
func keys(spec *genv1alpha1.FakeSpec) []string {
	return slices.AppendSeq([]string{}, maps.Keys(spec.Data))
}

func generate(_ context.Context, spec *genv1alpha1.FakeSpec, _ generators.Env) (generators.Result, error) {
	data := make(map[string][]byte, len(spec.Data))
	for key, value := range spec.Data {
		data[key] = []byte(value)
	}
	return generators.Result{Data: data}, nil
}
