package main

import (
	"context"
	"errors"
	"time"
)

// shards measures how long the objects of a replica are not followed that shares the work with another one, and ends.
func shards(ctx context.Context, b *bench) error {
	if err := b.needFleet(ctx); err != nil {
		return err
	}
	for _, path := range []string{"config/shards/shards_role.yaml", "config/shards/shards_role_binding.yaml"} {
		if err := b.world.Apply(ctx, path); err != nil {
			return err
		}
	}
	const share = "--shards=8"
	if err := b.restartOperator(ctx, share); err != nil {
		return err
	}
	if err := b.needSynced(ctx); err != nil {
		return err
	}
	for _, ending := range []struct {
		name string
		end  func(*operator) error
	}{
		{"one of two killed", func(o *operator) error { return o.Kill() }},
		{"one of two asked to end", func(o *operator) error { return o.Stop() }},
	} {
		other, err := b.newOperator(ctx, share)
		if err != nil {
			return err
		}
		first := b.operator
		b.operator = other
		if err := sharing(ctx, first, other); err != nil {
			return err
		}
		err = b.takeOver(ctx, ending.name, other, func() error { return ending.end(first) })
		if err != nil {
			return err
		}
	}
	return b.stopOperator()
}

// sharing returns when two replicas have shards each.
func sharing(ctx context.Context, replicas ...*operator) error {
	const held = "sluice_shard_held"
	for range int(patience / time.Second) {
		all := true
		for _, o := range replicas {
			metrics, err := scrape(ctx, o.metrics, held)
			if err != nil {
				return err
			}
			all = all && metrics.sum(held) > 1
		}
		if all {
			return nil
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
	return errors.New("the replicas do not share the work")
}
