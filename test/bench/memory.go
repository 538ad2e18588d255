package main

import "context"

// settledMemory measures the memory of the operator when all is synced and nothing has happened for a while.
func settledMemory(ctx context.Context, b *bench) error {
	if err := b.needSynced(ctx); err != nil {
		return err
	}
	if _, err := b.operator.whenQuiet(ctx, 1); err != nil {
		return err
	}
	if err := wait(ctx, b.Window); err != nil {
		return err
	}
	now, peak, err := memory(b.operator.PID())
	if err != nil {
		return err
	}
	var limit []float64
	if b.N <= 5000 {
		limit = append(limit, 150)
	}
	b.found("resident memory", now, "MB", limit...)
	b.found("resident memory at its peak", peak, "MB")
	const inUse, runtime = "go_memstats_heap_inuse_bytes", "go_memstats_sys_bytes"
	metrics, err := scrape(ctx, b.operator.metrics, inUse, runtime)
	b.found("heap in use", metrics.sum(inUse)/megabyte, "MB")
	b.found("taken from the system by the Go runtime", metrics.sum(runtime)/megabyte, "MB")
	return err
}
