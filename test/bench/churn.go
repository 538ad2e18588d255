package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// churnPause is the time between two changes of sources; each passerEvery-th of them comes with an object that is created, and
	// one that is deleted when passersAtOnce of these are there.
	churnPause    = 50 * time.Millisecond
	passerEvery   = 10
	passersAtOnce = 100
	// passers is the group of the namespaces of the objects that come and go.
	passers = "passers"
	// snapshots is how many looks at the memory there are, unless the time is short.
	snapshots    = 60
	leastBetween = 10 * time.Second
)

// churn looks for leaks: sources change at a steady rate, objects come and go, and the heap is looked at again and again.
func churn(ctx context.Context, b *bench) error {
	if err := b.needSynced(ctx); err != nil {
		return err
	}
	if err := b.createNamespaces(ctx, passers); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Churn)
	defer cancel()
	work, working := errgroup.WithContext(ctx)
	var seen []snapshot
	var changed int
	work.Go(func() (err error) {
		changed, err = b.keepChurning(working)
		return err
	})
	work.Go(func() (err error) {
		seen, err = b.keepLooking(working)
		return err
	})
	if err := work.Wait(); err != nil {
		return err
	}
	b.found("changes of sources", float64(changed), "")
	b.found("objects that came and went", float64(max(0, changed/passerEvery-passersAtOnce)), "")
	return b.foundGrowth(seen)
}

// keepChurning changes things until ctx is done, and returns how many sources it has changed.
func (b *bench) keepChurning(ctx context.Context) (int, error) {
	unhurried := context.WithoutCancel(ctx)
	tick := time.NewTicker(churnPause)
	defer tick.Stop()
	for k := 0; ; k++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return k, nil
		}
		if err := b.changeSource(unhurried, k%b.N, fmt.Sprintf("churned-%09d", k)); err != nil {
			return k, err
		}
		if k%passerEvery != 0 {
			continue
		}
		if err := b.pass(unhurried, k/passerEvery); err != nil {
			return k, err
		}
	}
}

// pass creates object number k of those that come and go, and deletes an earlier one.
func (b *bench) pass(ctx context.Context, k int) error {
	if err := b.create(ctx, reader(place(passers, k), place(group, k%b.N).Name)); err != nil {
		return err
	}
	if k < passersAtOnce {
		return nil
	}
	return client.IgnoreNotFound(b.client.Delete(ctx, reader(place(passers, k-passersAtOnce), "")))
}

// keepLooking takes snapshots of the operator's memory until ctx is done.
func (b *bench) keepLooking(ctx context.Context) ([]snapshot, error) {
	tick := time.NewTicker(max(leastBetween, b.Churn/snapshots))
	defer tick.Stop()
	var seen []snapshot
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return seen, nil
		}
		s, err := b.look(context.WithoutCancel(ctx))
		if err != nil {
			return seen, err
		}
		seen = append(seen, s)
		b.sayf("  resident memory %s MB, heap %s MB", number(s.resident), number(s.heap))
	}
}
