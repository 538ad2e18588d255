package main

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// newcomers is the group of the namespaces with objects that are created while the operator is busy with others.
	newcomers = "newcomers"
	// newcomersAlone and newcomersInFlood are how many of them there are.
	newcomersAlone, newcomersInFlood = 40, 20
)

// fairness measures how long a new object waits while others are refreshed often, and while besides all objects of another namespace
// are asked to be refreshed at once.
func fairness(ctx context.Context, b *bench) error {
	if err := b.needRefreshing(ctx); err != nil {
		return err
	}
	if err := b.createNamespaces(ctx, newcomers); err != nil {
		return err
	}
	var alone, inFlood []time.Duration
	for k := range newcomersAlone {
		if err := wait(ctx, rand.N(500*time.Millisecond)); err != nil {
			return err
		}
		waited, err := b.welcome(ctx, k)
		if err != nil {
			return err
		}
		alone = append(alone, waited)
	}
	b.foundLatencies("new object", alone, 0, 0)
	for k := range newcomersInFlood {
		waited, err := b.welcomeInFlood(ctx, newcomersAlone+k)
		if err != nil {
			return err
		}
		inFlood = append(inFlood, waited)
	}
	b.foundLatencies("new object in a flood of "+strconv.Itoa(b.N/len(homes())), inFlood, 0, 0)
	return nil
}

// welcome creates an ExternalSecret, and returns how long it took to be Ready.
func (b *bench) welcome(ctx context.Context, k int) (time.Duration, error) {
	name := place(newcomers, k)
	arrival := b.observer.expect(func() bool { return b.observer.ready.of(name) })
	began := time.Now()
	if err := b.create(ctx, reader(name, place(group, b.follower(k)).Name)); err != nil {
		return 0, err
	}
	at, err := arrival.wait(ctx, "a new object")
	return at.Sub(began), err
}

// welcomeInFlood asks for all objects of one namespace to be refreshed, and creates an ExternalSecret somewhere else meanwhile.
func (b *bench) welcomeInFlood(ctx context.Context, k int) (time.Duration, error) {
	inOne, step := b.N/len(homes()), len(homes())
	request := []byte(`{"metadata":{"annotations":{"force-sync":"` + strconv.Itoa(k) + `"}}}`)
	flood, flooding := errgroup.WithContext(ctx)
	flood.Go(func() error {
		return each(flooding, inOne, setters, func(ctx context.Context, i int) error {
			return b.patch(ctx, reader(place(group, i*step), ""), request)
		})
	})
	if err := wait(ctx, rand.N(500*time.Millisecond)); err != nil {
		return 0, err
	}
	waited, err := b.welcome(ctx, k)
	if err != nil {
		return 0, err
	}
	if err := flood.Wait(); err != nil {
		return 0, err
	}
	// The next flood is one of its own.
	return waited, wait(ctx, time.Second)
}
