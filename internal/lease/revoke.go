package lease

import (
	"context"
	"encoding/json"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Serves says whether a state is of this operator's controller class.
func (r *Runner) Serves(state *genv1alpha1.GeneratorState) bool {
	bound, err := r.rebind(state)
	return err != nil || r.serves(bound)
}

// Revoke gives back what a state describes, with the generator as it was then. What is gone already is no error.
func (r *Runner) Revoke(ctx context.Context, state *genv1alpha1.GeneratorState) error {
	bound, err := r.rebind(state)
	if err != nil {
		return fault.In(err, "spec.resource")
	}
	err = bound.Revoke(ctx, json.RawMessage(state.Spec.State.Raw), r.env(state.Namespace, bound))
	return fault.In(err, "%s", described(bound))
}

// rebind returns the generator that a state was made with.
func (r *Runner) rebind(state *genv1alpha1.GeneratorState) (generators.Bound, error) {
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := decode(state, &kind); err != nil {
		return generators.Bound{}, err
	}
	if kind.Kind == genv1alpha1.KindClusterGenerator {
		var cluster genv1alpha1.ClusterGenerator
		if err := decode(state, &cluster); err != nil {
			return generators.Bound{}, err
		}
		generator, err := r.Generators.For(cluster.Spec.Kind)
		if err != nil {
			return generators.Bound{}, err
		}
		return generator.BindCluster(&cluster)
	}
	generator, err := r.Generators.For(kind.Kind)
	if err != nil {
		return generators.Bound{}, err
	}
	object := generator.NewObject()
	if err := decode(state, object); err != nil {
		return generators.Bound{}, err
	}
	return generator.Bind(object), nil
}

func decode(state *genv1alpha1.GeneratorState, into any) error {
	if err := json.Unmarshal(state.Spec.Resource.Raw, into); err != nil {
		return fault.Wrap(fault.Invalid, err, "what stands there is no generator")
	}
	return nil
}
