package generatortest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Counting is a system that issues credentials and counts them. Its generator takes the place of the kind Fake: each
// run yields the keys of spec.data, or the key value when there are none, and each value is the text in spec.data
// followed by - and the number of the run.
//
// The zero value is ready and issues leases that do not end by themselves. Methods are safe for concurrent use; the
// fields are set before the first run.
type Counting struct {
	// Lifetime of a lease by the clock of the Env; zero for one that does not end by itself.
	Lifetime time.Duration
	// Leaseless makes results without a lease. Set before Generator is called, it makes a generator that has nothing to give back.
	Leaseless bool
	// Together makes a generator whose values belong together. It counts when Generator is called.
	Together bool
	// Keyless makes a generator of which only a run can tell the keys. It counts when Generator is called.
	Keyless bool

	mu           sync.Mutex
	minted       int
	live         map[int]time.Time // when each ends
	revocations  int
	generateFail error
	uselessFail  error
	revokeFail   error
}

type countingState struct {
	Lease int `json:"lease"`
}

// Generator returns a generator of kind Fake that obtains its values from c.
func (c *Counting) Generator() generators.Generator {
	options := []generators.Option[genv1alpha1.FakeSpec]{
		generators.ControllerClass(func(s *genv1alpha1.FakeSpec) string { return s.Controller }),
	}
	if !c.Keyless {
		options = append(options, generators.Keys(func(s *genv1alpha1.FakeSpec) []string { return slices.Collect(maps.Keys(texts(s))) }))
	}
	if c.Together {
		options = append(options, generators.Together[genv1alpha1.FakeSpec]())
	}
	if !c.Leaseless {
		options = append(options, generators.Revoke(c.revoke))
	}
	return generators.Define(genv1alpha1.KindFake,
		func(o *genv1alpha1.Fake) *genv1alpha1.FakeSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.FakeSpec { return u.FakeSpec },
		c.generate,
		options...)
}

// FailGenerate makes every run return err and mint nothing, until it is called with nil.
func (c *Counting) FailGenerate(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generateFail = err
}

// FailUseless makes every run mint a lease and return it with err, until it is called with nil.
func (c *Counting) FailUseless(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uselessFail = err
}

// FailRevoke makes every revocation return err and revoke nothing, until it is called with nil.
func (c *Counting) FailRevoke(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revokeFail = err
}

// Minted returns how many runs have succeeded.
func (c *Counting) Minted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.minted
}

// Revoked returns how many leases have been given back. A lease that is given back twice counts once.
func (c *Counting) Revoked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revocations
}

// Live returns the numbers of the runs whose leases have not been given back, in ascending order. Leases that have
// ended count too.
func (c *Counting) Live() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.live))
}

// InForce returns the numbers of the runs whose leases have neither been given back nor ended by themselves, in ascending order.
func (c *Counting) InForce(now time.Time) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	var runs []int
	for run, end := range c.live {
		if end.IsZero() || now.Before(end) {
			runs = append(runs, run)
		}
	}
	slices.Sort(runs)
	return runs
}

func (c *Counting) generate(_ context.Context, spec *genv1alpha1.FakeSpec, env generators.Env) (generators.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generateFail != nil {
		return generators.Result{}, c.generateFail
	}
	c.minted++
	result := generators.Result{Data: countedData(texts(spec), c.minted)}
	if c.Leaseless {
		return result, nil
	}
	if c.live == nil {
		c.live = map[int]time.Time{}
	}
	result.Lease = &generators.Lease{State: fmt.Appendf(nil, `{"lease":%d}`, c.minted)}
	if c.Lifetime > 0 {
		result.Lease.ExpiresAt = env.Clock.Now().Add(c.Lifetime)
	}
	c.live[c.minted] = result.Lease.ExpiresAt
	if c.uselessFail != nil {
		return generators.Result{Lease: result.Lease}, c.uselessFail
	}
	return result, nil
}

// texts returns what values are made of, by key.
func texts(spec *genv1alpha1.FakeSpec) map[string]string {
	if len(spec.Data) == 0 {
		return map[string]string{"value": "value"}
	}
	return spec.Data
}

func countedData(texts map[string]string, run int) map[string][]byte {
	data := make(map[string][]byte, len(texts))
	for key, text := range texts {
		data[key] = fmt.Appendf(nil, "%s-%d", text, run)
	}
	return data
}

// revoke is strict where a real system cannot be: a lease that never was means that the code under test mixed something up.
func (c *Counting) revoke(_ context.Context, _ *genv1alpha1.FakeSpec, state json.RawMessage, _ generators.Env) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s countingState
	if err := json.Unmarshal(state, &s); err != nil || s.Lease < 1 || s.Lease > c.minted {
		return fault.New(fault.Invalid, "the state does not belong to a lease of this system")
	}
	if c.revokeFail != nil {
		return c.revokeFail
	}
	if _, live := c.live[s.Lease]; live {
		delete(c.live, s.Lease)
		c.revocations++
	}
	return nil
}
