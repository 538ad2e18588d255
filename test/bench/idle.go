package main

import (
	"context"
	"time"
)

// idleTime is how long the operator does nothing before its memory counts as settled.
const idleTime = 10 * time.Second

// idle measures the operator in a cluster that has no object for it.
func idle(ctx context.Context, b *bench) error {
	size, err := b.binarySize()
	if err != nil {
		return err
	}
	b.found("size of the binary", float64(size)/megabyte, "MB", 80)
	if err := b.restartOperator(ctx); err != nil {
		return err
	}
	if _, err := b.operator.whenQuiet(ctx, 0); err != nil {
		return err
	}
	if err := wait(ctx, idleTime); err != nil {
		return err
	}
	now, _, err := memory(b.operator.PID())
	b.found("resident memory", now, "MB", 60)
	return err
}
