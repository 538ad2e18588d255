package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// propagation measures how long a change of a source takes to its target, for objects that are refreshed hourly, while others are
// refreshed often.
func propagation(ctx context.Context, b *bench) error {
	if err := b.needRefreshing(ctx); err != nil {
		return err
	}
	latencies := make([]time.Duration, 0, b.Samples)
	w, err := b.open(ctx)
	if err != nil {
		return err
	}
	for k := range b.Samples {
		if err := wait(ctx, rand.N(250*time.Millisecond)); err != nil {
			return err
		}
		latency, err := b.follow(ctx, b.follower(k), fmt.Sprintf("propagated-%06d", k))
		if err != nil {
			return err
		}
		latencies = append(latencies, latency)
	}
	u, err := w.close(ctx)
	if err != nil {
		return err
	}
	b.found("changes of sources", float64(len(latencies)), "")
	b.foundLatencies("", latencies, 50, 500)
	b.sent(u.requests, float64(len(latencies)))
	return nil
}

// follow changes the source of an object, and returns how long it took from just before the request to the moment at which its target
// was seen with the change.
func (b *bench) follow(ctx context.Context, i int, password string) (time.Duration, error) {
	target := targetOf(place(group, i))
	want := urlOf(i, password)
	arrival := b.observer.expect(func() bool { return b.observer.targets.of(target) == want })
	began := time.Now()
	if err := b.changeSource(ctx, i, password); err != nil {
		return 0, err
	}
	at, err := arrival.wait(ctx, "a change of a source")
	return at.Sub(began), err
}

// foundLatencies notes what a figure may not exceed in half of the cases, and in 99 of 100, in milliseconds; 0 for no limit.
func (b *bench) foundLatencies(name string, latencies []time.Duration, limit50, limit99 float64) {
	if name != "" {
		name += ": "
	}
	for _, p := range []struct {
		name          string
		percent, most float64
	}{{"p50", 50, limit50}, {"p95", 95, 0}, {"p99", 99, limit99}, {"longest", 100, 0}} {
		var limit []float64
		if p.most > 0 {
			limit = append(limit, p.most)
		}
		b.found(name+p.name, float64(percentile(latencies, p.percent))/float64(time.Millisecond), "ms", limit...)
	}
}
