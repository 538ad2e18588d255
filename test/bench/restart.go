package main

import "context"

// restart measures what an operator does that finds everything as it should be: it is to read no more than it has to, and to write
// nothing.
func restart(ctx context.Context, b *bench) error {
	if err := b.needSynced(ctx); err != nil {
		return err
	}
	if err := b.stopOperator(); err != nil {
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
	since, err := b.operator.whenQuiet(ctx, 1)
	if err != nil {
		return err
	}
	u, err := w.close(ctx)
	if err != nil {
		return err
	}
	b.found("until it is quiet", since.Sub(b.operator.began).Seconds(), "s", 5)
	b.found("writes", float64(u.requests.sum(request.writes)), "", 0)
	if err := b.foundCalls(ctx); err != nil {
		return err
	}
	b.found("the operator", u.operatorCPU.Seconds(), "CPU-s")
	_, peak, err := memory(b.operator.PID())
	b.found("resident memory at its peak", peak, "MB")
	b.sent(u.requests, float64(b.N))
	return err
}
