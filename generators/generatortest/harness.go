package generatortest

import (
	"context"
	"testing"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
)

// Harness describes the generator under test.
type Harness struct {
	// Generator is what is tested.
	Generator generators.Generator
	// Object has a spec that can be generated from. It is not changed.
	Object generators.Object
	// Cluster holds the same spec, as a ClusterGenerator does.
	Cluster genv1alpha1.GeneratorSpec
	// Env is passed to every run. A generator of leases needs its Clock.
	Env generators.Env
	// Keys are all the keys that a run yields.
	Keys []string
	// Fresh are the keys whose value is another one with each run.
	Fresh []string
	// Fixed are the keys whose value is the same with each run.
	Fixed []string
	// Together says that the values of a run belong together.
	Together bool
	// Refused are specs that the generator must not accept.
	Refused []Refusal
	// Secrets are values, such as credentials that Env resolves, that may stand in no error and in no lease.
	Secrets []string
	// Public are the keys whose values are no secrets, such as the name of a lease: they may stand in an error and in a lease.
	Public []string
	// Live returns how many leases the system behind the generator holds; nil when there is no such system.
	Live func() int
}

// Refusal is a spec that must not be accepted.
type Refusal struct {
	// Name of the subtest.
	Name string
	// Object holds the spec.
	Object generators.Object
	// Says is what the error's text must contain: the field that is wrong.
	Says string
}

// Run checks that a generator keeps the contract of package generators. All that it obtains is given back.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), h); err != nil {
				t.Error(err)
			}
		})
	}
	for _, refusal := range h.Refused {
		t.Run("refuses "+refusal.Name, func(t *testing.T) {
			if err := refused(t.Context(), h, refusal); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one rule of the contract. Its error says how the rule is broken.
type check struct {
	name string
	run  func(context.Context, Harness) error
}

func checks() []check {
	return []check{
		{"has objects of its kind", ownKind},
		{"yields the same keys on each run", sameKeys},
		{"announces the keys that it yields", knownKeys},
		{"says whether its values belong together", belongTogether},
		{"yields a new value on each run", newValues},
		{"can run at the same time", concurrent},
		{"ends when its context is cancelled", cancelled},
		{"runs from a ClusterGenerator", fromCluster},
		{"gives back its leases", givesBack},
	}
}
