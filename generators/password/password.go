package password

import (
	"context"
	"crypto/rand"
	"io"

	gopassword "github.com/sethvargo/go-password/password"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// New returns the generator of kind Password. It is safe for concurrent use. A spec that cannot be met is fault.Invalid
// and names the field; a cancelled context ends a run early with fault.Unavailable.
func New() generators.Generator { return newFrom(rand.Reader) }

// newFrom takes the source of randomness, so that tests can be deterministic.
func newFrom(random io.Reader) generators.Generator {
	return generators.Define(genv1alpha1.KindPassword,
		func(o *genv1alpha1.Password) *genv1alpha1.PasswordSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.PasswordSpec { return u.PasswordSpec },
		func(ctx context.Context, spec *genv1alpha1.PasswordSpec, _ generators.Env) (generators.Result, error) {
			r, err := newRecipe(spec)
			if err != nil {
				return generators.Result{}, err
			}
			return r.run(ctx, random)
		},
		generators.Keys(keysOf))
}

// run makes one password for each key.
func (r *recipe) run(ctx context.Context, random io.Reader) (generators.Result, error) {
	source, err := gopassword.NewGenerator(&gopassword.GeneratorInput{
		Symbols: r.symbolCharacters,
		Reader:  interruptible(ctx, random),
	})
	if err != nil {
		return generators.Result{}, fault.Wrap(fault.Unknown, err, "the password library could not be set up")
	}
	data := make(map[string][]byte, len(r.keys))
	for _, key := range r.keys {
		text, err := source.Generate(r.length, r.digits, r.symbols, r.noUpper, r.allowRepeat)
		if err != nil {
			// The recipe was checked, so only the source of randomness is left to fail.
			return generators.Result{}, fault.Wrap(fault.Unavailable, err, "generating a password was interrupted")
		}
		data[key] = []byte(r.encoder.EncodeToString([]byte(text)))
	}
	return generators.Result{Data: data}, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// interruptible returns a reader that fails once ctx is done: a long password takes a second.
func interruptible(ctx context.Context, random io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return random.Read(p)
	})
}
