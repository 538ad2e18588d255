package generatortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluice-operator/sluice/generators"
)

// givesBack checks leases where a generator has them: what State holds, when they end, and that to revoke them twice is
// no error.
func givesBack(ctx context.Context, h Harness) error {
	before := live(h)
	bound := h.Generator.Bind(h.Object)
	first, err := bound.Generate(ctx, h.Env)
	if err != nil || first.Lease == nil {
		return err
	}
	second, err := bound.Generate(ctx, h.Env)
	if err != nil {
		return err
	}
	if second.Lease == nil || string(first.Lease.State) == string(second.Lease.State) {
		return errors.New("two runs share one lease")
	}
	failures := []error{wantLease(h, first), wantLease(h, second)}
	if h.Live != nil && live(h) != before+2 {
		failures = append(failures, fmt.Errorf("two runs made %d leases", live(h)-before))
	}
	for _, result := range []generators.Result{first, second, first} {
		// Bound anew, as after a restart of the operator: nothing but the stored object and state is left.
		if err := h.Generator.Bind(h.Object).Revoke(ctx, result.Lease.State, h.Env); err != nil {
			failures = append(failures, fmt.Errorf("revoke: %w", err))
		}
	}
	if live(h) != before {
		failures = append(failures, fmt.Errorf("%d leases are left after all were revoked", live(h)-before))
	}
	return errors.Join(failures...)
}

func live(h Harness) int {
	if h.Live == nil {
		return 0
	}
	return h.Live()
}

// wantLease checks what a result says of its lease.
func wantLease(h Harness, result generators.Result) error {
	if !json.Valid(result.Lease.State) {
		return errors.New("the state of the lease is not JSON")
	}
	if end := result.Lease.ExpiresAt; !end.IsZero() && !end.After(h.Env.Clock.Now()) {
		return errors.New("the lease has ended before it was returned")
	}
	return wantNoSecret(h, result.Data, string(result.Lease.State), "the state of the lease")
}
