package generatortest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

const credential = "marked-credential"

func generatorOf(
	kind string, f generators.Func[genv1alpha1.FakeSpec], revoke generators.RevokeFunc[genv1alpha1.FakeSpec],
) generators.Generator {
	return generators.Define(kind,
		func(o *genv1alpha1.Fake) *genv1alpha1.FakeSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.FakeSpec { return u.FakeSpec }, f, generators.Revoke(revoke),
		generators.Keys(func(*genv1alpha1.FakeSpec) []string { return []string{"token"} }))
}

func harnessOf(g generators.Generator) Harness {
	spec := genv1alpha1.FakeSpec{Data: map[string]string{"token": "token"}}
	return Harness{
		Generator: g,
		Object:    &genv1alpha1.Fake{Spec: spec},
		Cluster:   genv1alpha1.GeneratorSpec{FakeSpec: &spec},
		Env:       generators.Env{Clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))},
		Keys:      []string{"token"},
		Fresh:     []string{"token"},
		Secrets:   []string{credential},
	}
}

// issuer makes functions that yield a new value with each run.
type issuer struct{ runs atomic.Int64 }

func (i *issuer) generate(context.Context, *genv1alpha1.FakeSpec, generators.Env) (generators.Result, error) {
	return generators.Result{Data: token(i.runs.Add(1))}, nil
}

// leased adds a lease with the given state, in which N stands for the number of the run.
func (i *issuer) leased(state string, end time.Time) generators.Func[genv1alpha1.FakeSpec] {
	return func(context.Context, *genv1alpha1.FakeSpec, generators.Env) (generators.Result, error) {
		n := i.runs.Add(1)
		state := strings.ReplaceAll(state, "N", strconv.FormatInt(n, 10))
		return generators.Result{Data: token(n), Lease: &generators.Lease{State: json.RawMessage(state), ExpiresAt: end}}, nil
	}
}

// cancelledWith yields err when its context is cancelled.
func (i *issuer) cancelledWith(err error) generators.Func[genv1alpha1.FakeSpec] {
	return func(ctx context.Context, spec *genv1alpha1.FakeSpec, env generators.Env) (generators.Result, error) {
		if ctx.Err() != nil {
			return generators.Result{}, err
		}
		return i.generate(ctx, spec, env)
	}
}

func token(n int64) map[string][]byte {
	return map[string][]byte{"token": fmt.Appendf(nil, "value-%d", n)}
}

func yields(data func() map[string][]byte) generators.Func[genv1alpha1.FakeSpec] {
	return func(context.Context, *genv1alpha1.FakeSpec, generators.Env) (generators.Result, error) {
		return generators.Result{Data: data()}, nil
	}
}

func keep(context.Context, *genv1alpha1.FakeSpec, json.RawMessage, generators.Env) error { return nil }

// onlyOnce fails when a state is given back for the second time.
func onlyOnce() generators.RevokeFunc[genv1alpha1.FakeSpec] {
	gone := map[string]bool{}
	return func(_ context.Context, _ *genv1alpha1.FakeSpec, state json.RawMessage, _ generators.Env) error {
		if gone[string(state)] {
			return fault.New(fault.NotFound, "gone already")
		}
		gone[string(state)] = true
		return nil
	}
}

func TestChecksFindBrokenGenerators(t *testing.T) {
	i := &issuer{}
	shared := []byte("shared-value")
	same := yields(func() map[string][]byte { return token(0) })
	never := time.Time{}
	for _, tc := range []struct {
		reason   string
		check    func(context.Context, Harness) error
		says     string
		generate generators.Func[genv1alpha1.FakeSpec]
		revoke   generators.RevokeFunc[genv1alpha1.FakeSpec]
		change   func(*Harness)
	}{
		{
			"the kind is not that of the objects", ownKind, "of kind Other", i.generate, keep,
			func(h *Harness) { h.Generator = generatorOf("Other", nil, nil) },
		},
		{
			"the objects are of another type", ownKind, "of type *v1alpha1.Fake", i.generate, keep,
			func(h *Harness) { h.Object = &genv1alpha1.UUID{} },
		},
		{
			"the keys change", sameKeys, "yields the keys",
			yields(func() map[string][]byte { return map[string][]byte{strconv.FormatInt(i.runs.Add(1), 10): nil} }), keep, nil,
		},
		{
			"the spec is changed", sameKeys, "changed the object",
			func(ctx context.Context, s *genv1alpha1.FakeSpec, env generators.Env) (generators.Result, error) {
				s.Controller = "changed"
				return i.generate(ctx, s, env)
			}, keep, nil,
		},
		{
			"a value is shared with the caller", sameKeys, "another value than in the first run",
			yields(func() map[string][]byte { return map[string][]byte{"token": shared} }), keep,
			func(h *Harness) { h.Fixed = []string{"token"} },
		},
		{"other keys are announced", knownKeys, "announces the keys", i.generate, keep, func(h *Harness) { h.Keys = []string{"other"} }},
		{"the value does not change", newValues, "the value of another run", same, keep, nil},
		{"values repeat when runs overlap", concurrent, "the value of another run", same, keep, nil},
		{
			"cancelling looks like a bad spec", cancelled, "looks like Invalid",
			i.cancelledWith(fault.New(fault.Invalid, "cancelled")), keep, nil,
		},
		{
			"cancelling tells a credential", cancelled, "holds secret 0",
			i.cancelledWith(fault.New(fault.Unavailable, "login with %s", credential)), keep, nil,
		},
		{
			"the union field is another one's", fromCluster, "the spec of another kind", i.generate, keep,
			func(h *Harness) { h.Cluster.FakeSpec = nil },
		},
		{"the lease state is no JSON", givesBack, "not JSON", i.leased("lease N", never), keep, nil},
		{"the lease state holds the value", givesBack, "holds the value", i.leased(`"value-N"`, never), keep, nil},
		{"the lease has ended already", givesBack, "has ended", i.leased("N", time.Unix(1, 0)), keep, nil},
		{"two runs have one lease", givesBack, "share one lease", i.leased("1", never), keep, nil},
		{"values belong together and do not say so", belongTogether, "want false", i.leased("N", never), keep, nil},
		{"to revoke twice is an error", givesBack, "gone already", i.leased("N", never), onlyOnce(), nil},
		{
			"a lease is left over", givesBack, "are left", i.leased("N", never), keep,
			func(h *Harness) { h.Live = func() int { return int(i.runs.Load()) } },
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			h := harnessOf(generatorOf(genv1alpha1.KindFake, tc.generate, tc.revoke))
			if tc.change != nil {
				tc.change(&h)
			}
			if err := tc.check(t.Context(), h); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the check yields %v, want an error with %q", err, tc.says)
			}
		})
	}
}

func TestRefusedFindsBrokenRefusals(t *testing.T) {
	refuse := func(err error, data map[string][]byte) generators.Func[genv1alpha1.FakeSpec] {
		return func(_ context.Context, s *genv1alpha1.FakeSpec, _ generators.Env) (generators.Result, error) {
			if s.Data == nil {
				return generators.Result{Data: data}, err
			}
			return generators.Result{Data: map[string][]byte{"token": []byte("generated")}}, nil
		}
	}
	bad := Refusal{Object: &genv1alpha1.Fake{}, Says: "spec.data"}
	for _, tc := range []struct {
		reason   string
		generate generators.Func[genv1alpha1.FakeSpec]
		broken   string
	}{
		{"a good refusal passes", refuse(fault.New(fault.Invalid, "spec.data is empty"), nil), ""},
		{"a bad spec must not be accepted", refuse(nil, nil), "is accepted"},
		{"another kind would be tried again", refuse(fault.New(fault.Unavailable, "spec.data"), nil), "not of kind Invalid"},
		{"the field must be named", refuse(fault.New(fault.Invalid, "bad spec"), nil), "does not say"},
		{"nothing may come with an error", refuse(fault.New(fault.Invalid, "spec.data"), map[string][]byte{"a": nil}), "yields values"},
		{"no credential in the text", refuse(fault.New(fault.Invalid, "spec.data %s", credential), nil), "holds secret 0"},
		{"no value in the text", refuse(fault.New(fault.Invalid, "spec.data generated"), nil), `the value of key "token"`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			err := refused(t.Context(), harnessOf(generatorOf(genv1alpha1.KindFake, tc.generate, keep)), bad)
			if tc.broken == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if tc.broken != "" && (err == nil || !strings.Contains(err.Error(), tc.broken)) {
				t.Errorf("refused yields %v, want an error with %q", err, tc.broken)
			}
		})
	}
}
