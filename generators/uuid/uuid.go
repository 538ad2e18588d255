package uuid

import (
	"context"

	"github.com/google/uuid"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// key is the only key of the result.
const key = "uuid"

// New returns the generator of kind UUID. It is safe for concurrent use. No spec is refused.
func New() generators.Generator {
	return generators.Define(genv1alpha1.KindUUID,
		func(o *genv1alpha1.UUID) *genv1alpha1.UUIDSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.UUIDSpec { return u.UUIDSpec },
		generate,
		generators.Keys(func(*genv1alpha1.UUIDSpec) []string { return []string{key} }))
}

func generate(context.Context, *genv1alpha1.UUIDSpec, generators.Env) (generators.Result, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return generators.Result{}, fault.Wrap(fault.Unavailable, err, "the system's source of random numbers failed")
	}
	return generators.Result{Data: map[string][]byte{key: []byte(id.String())}}, nil
}
