package main

import (
	"context"
	"time"
)

// coldSync measures how long the operator takes from its start until the last of the objects that are there is Ready with its Secret.
func coldSync(ctx context.Context, b *bench) error {
	if err := b.stopOperator(); err != nil {
		return err
	}
	if err := b.needFleet(ctx); err != nil {
		return err
	}
	b.settle(ctx)
	w, err := b.open(ctx)
	if err != nil {
		return err
	}
	if err := b.startOperator(ctx); err != nil {
		return err
	}
	profiling := b.profile(ctx, "cold", time.Duration(b.N)*5*time.Millisecond)
	at, err := b.observer.await(ctx, "the fleet", b.synced)
	if err != nil {
		return err
	}
	// Events may still be under way when the last object is Ready.
	if _, err := b.operator.whenQuiet(ctx, 1); err != nil {
		return err
	}
	u, err := w.close(ctx)
	if err != nil {
		return err
	}
	_, peak, err := memory(b.operator.PID())
	if err != nil {
		return err
	}
	took := at.Sub(b.operator.began)
	b.found("until the last is Ready", took.Seconds(), "s")
	b.foundRatios(rateOf(took, u, b.N), b.floorSynced, 1.5)
	b.found("the operator, for 1,000 objects", perThousand(u.operatorCPU, b.N), "CPU-s")
	b.found("kube-apiserver and etcd, for 1,000 objects", perThousand(u.serverCPU, b.N), "CPU-s")
	if err := b.foundCalls(ctx); err != nil {
		return err
	}
	b.found("resident memory at its peak", peak, "MB")
	b.sent(u.requests, float64(b.N))
	return profiling()
}

// foundCalls notes what the operator has asked of stores since its start.
func (b *bench) foundCalls(ctx context.Context) error {
	calls, err := b.operator.calls(ctx)
	if err != nil {
		return err
	}
	b.found("reads of single keys of the store", calls["GetSecret"], "")
	b.found("lists of the store", calls["ListSecrets"], "")
	return nil
}
