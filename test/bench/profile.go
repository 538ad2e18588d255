package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// profile begins to record what the operator computes, for a time, when profiles are wanted. The returned function waits for the end,
// and writes the profile and one of all allocations since the start.
func (b *bench) profile(ctx context.Context, name string, span time.Duration) func() error {
	if b.Profile == "" {
		return func() error { return nil }
	}
	ended := make(chan error, 1)
	go func() {
		seconds := strconv.Itoa(max(int(span.Seconds()), 5))
		ended <- b.saveProfile(ctx, name+"-cpu.pprof", b.operator.profiles+"profile?seconds="+seconds)
	}()
	return func() error {
		return errors.Join(<-ended, b.saveProfile(ctx, name+"-allocations.pprof", b.operator.profiles+"allocs"))
	}
}

func (b *bench) saveProfile(ctx context.Context, file, address string) error {
	content, err := fetch(ctx, address)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Profile, 0o750); err != nil {
		return fmt.Errorf("make the folder of profiles: %w", err)
	}
	return os.WriteFile(filepath.Join(b.Profile, file), content, 0o600)
}
