package lease

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/stores"
)

// Runner finds generators and runs them. It is safe for concurrent use.
type Runner struct {
	// Reader reads generator objects.
	Reader client.Reader
	// Generators are the kinds that there are.
	Generators *generators.Registry
	// Credentials resolves what a generator refers to.
	Credentials *credentials.Service
	// HTTP returns transports for generators.
	HTTP func(*tls.Config) http.RoundTripper
	// Clock is the time.
	Clock clock.Clock
	// Class is the controller class of this operator.
	Class string
	// Ledger is where leases are written down; nil when none are kept, so that generators that yield them are refused.
	Ledger *Ledger

	rounds rounds
}

// Bind returns the generator that ref names, as seen from namespace. A missing one is fault.Invalid; one of another
// controller class is stores.ErrOtherClass.
func (r *Runner) Bind(ctx context.Context, namespace string, ref esv1.GeneratorRef) (generators.Bound, error) {
	if want := genv1alpha1.GroupVersion().String(); ref.APIVersion != "" && ref.APIVersion != want {
		return generators.Bound{}, fault.New(fault.Invalid, "generatorRef.apiVersion %q is not %s", ref.APIVersion, want)
	}
	bound, err := r.bind(ctx, namespace, ref)
	if err != nil {
		return generators.Bound{}, err
	}
	if !r.serves(bound) {
		return generators.Bound{}, stores.ErrOtherClass
	}
	return bound, nil
}

func (r *Runner) serves(bound generators.Bound) bool {
	class := bound.ControllerClass()
	return class == "" || class == r.Class
}

func (r *Runner) bind(ctx context.Context, namespace string, ref esv1.GeneratorRef) (generators.Bound, error) {
	if ref.Kind == genv1alpha1.KindClusterGenerator {
		var cluster genv1alpha1.ClusterGenerator
		if err := r.get(ctx, "", ref, &cluster); err != nil {
			return generators.Bound{}, err
		}
		generator, err := r.Generators.For(cluster.Spec.Kind)
		if err != nil {
			return generators.Bound{}, fault.In(err, "ClusterGenerator %q", ref.Name)
		}
		return generator.BindCluster(&cluster)
	}
	generator, err := r.Generators.For(ref.Kind)
	if err != nil {
		return generators.Bound{}, fault.In(err, "generatorRef.kind")
	}
	object := generator.NewObject()
	if err := r.get(ctx, namespace, ref, object); err != nil {
		return generators.Bound{}, err
	}
	return generator.Bind(object), nil
}

func (r *Runner) get(ctx context.Context, namespace string, ref esv1.GeneratorRef, into generators.Object) error {
	err := r.Reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, into)
	where := ""
	if namespace != "" {
		where = fmt.Sprintf(" in namespace %q", namespace)
	}
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return fault.New(fault.Invalid, "generator %s %q does not exist%s", ref.Kind, ref.Name, where)
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err, "the operator may not get generator %s %q%s: grant it the verb \"get\" on that kind",
			ref.Kind, ref.Name, where)
	default:
		return fault.Wrap(fault.Unavailable, err, "generator %s %q%s could not be read", ref.Kind, ref.Name, where)
	}
}

// refuse gives a lease back and says why.
func (r *Runner) refuse(ctx context.Context, namespace string, bound generators.Bound, obtained *generators.Lease) error {
	if err := bound.Revoke(ctx, obtained.State, r.env(namespace, bound)); err != nil {
		return fault.In(err, "%s: what it obtained could not be given back", described(bound))
	}
	return fault.New(fault.Unsupported, "%s yields leases, which this operator does not keep here", described(bound))
}

func (r *Runner) env(namespace string, bound generators.Bound) generators.Env {
	return generators.Env{
		Resolver: r.Credentials.For(credentials.Referrer{Kind: bound.Kind(), Namespace: namespace, Consumer: namespace}),
		HTTP:     r.HTTP,
		Clock:    r.Clock,
	}
}

func described(bound generators.Bound) string {
	return fmt.Sprintf("generator %s %q", bound.Kind(), bound.Object().GetName())
}
