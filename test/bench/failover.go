package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// failover measures how long nobody follows the sources when the leader of two replicas ends, and whether a change is lost then.
func failover(ctx context.Context, b *bench) error {
	if err := b.needFleet(ctx); err != nil {
		return err
	}
	const elect = "--enable-leader-election"
	if err := b.restartOperator(ctx, elect); err != nil {
		return err
	}
	if err := b.needSynced(ctx); err != nil {
		return err
	}
	for _, ending := range []struct {
		name string
		end  func(*operator) error
	}{
		{"leader killed", func(o *operator) error { return o.Kill() }},
		{"leader asked to end", func(o *operator) error { return o.Stop() }},
	} {
		standby, err := b.newOperator(ctx, elect)
		if err != nil {
			return err
		}
		leader := b.operator
		b.operator = standby
		err = b.takeOver(ctx, ending.name, standby, func() error { return ending.end(leader) })
		if err != nil {
			return err
		}
	}
	return b.stopOperator()
}

// changes are changes of sources, in their order.
type changes struct {
	mu  sync.Mutex
	all []change
}

// change is one change: the target that is to have a value, and when that was asked for.
type change struct {
	target types.NamespacedName
	value  string
	at     time.Time
}

// since are the changes that were begun after a moment.
func (c *changes) since(moment time.Time) []change {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.all {
		if c.all[i].at.After(moment) {
			return c.all[i:]
		}
	}
	return nil
}

// changePause is the time between two changes of sources.
const changePause = 100 * time.Millisecond

// takeOver ends a replica while sources change, and notes how long it takes until changes that are made after that arrive in every
// namespace.
func (b *bench) takeOver(ctx context.Context, how string, remaining *operator, end func() error) error {
	if _, err := whenIdle(ctx, patience, remaining.PID()); err != nil {
		return err
	}
	if err := b.awaitFollowing(ctx, how); err != nil {
		return err
	}
	var made changes
	changing, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- b.keepChanging(changing, how, &made) }()
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	began := time.Now()
	if err := end(); err != nil {
		return err
	}
	// A change that was begun before may be the work of the replica that ended.
	gone := time.Now()
	at, err := b.observer.await(ctx, "changes after the end of a replica", func() bool { return b.arriveEverywhere(made.since(gone)) })
	if err != nil {
		return err
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	stop()
	if err := <-ended; err != nil {
		return err
	}
	b.found(how+": until changes arrive everywhere again", at.Sub(began).Seconds(), "s")
	b.found(how+": changes meanwhile", float64(len(made.since(began))), "")
	b.found(how+": changes that were lost", float64(b.lost(ctx, made.since(time.Time{}))), "", 0)
	return nil
}

// arriveEverywhere says whether one of the changes has arrived in each namespace. It is for the observer.
func (b *bench) arriveEverywhere(all []change) bool {
	seen := map[string]bool{}
	for _, c := range all {
		if b.observer.targets.of(c.target) == c.value {
			seen[c.target.Namespace] = true
		}
	}
	return len(seen) == len(homes())
}

// awaitFollowing waits until sources are seen to be followed.
func (b *bench) awaitFollowing(ctx context.Context, how string) error {
	for k := range 60 {
		waiting, cancel := context.WithTimeout(ctx, time.Second)
		_, err := b.follow(waiting, b.follower(k), fmt.Sprintf("%s-before-%d", how, k))
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return errors.New("no source is followed")
}

// keepChanging changes one source after the other until ctx is done.
func (b *bench) keepChanging(ctx context.Context, how string, made *changes) error {
	for k := 0; wait(ctx, changePause) == nil; k++ {
		i, password := b.follower(k), fmt.Sprintf("%s-%06d", how, k)
		made.mu.Lock()
		made.all = append(made.all, change{targetOf(place(group, i)), urlOf(i, password), time.Now()})
		made.mu.Unlock()
		if err := b.changeSource(context.WithoutCancel(ctx), i, password); err != nil {
			return err
		}
	}
	return nil
}

// lost returns how many objects do not show the last change of their source, also after some time.
func (b *bench) lost(ctx context.Context, all []change) int {
	last := map[types.NamespacedName]string{}
	for _, c := range all {
		last[c.target] = c.value
	}
	missing := len(last)
	arrived := b.observer.expect(func() bool {
		missing = 0
		for target, value := range last {
			if b.observer.targets.of(target) != value {
				missing++
			}
		}
		return missing == 0
	})
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := arrived.wait(ctx, "all changes"); err == nil {
		return 0
	}
	b.observer.mu.Lock()
	defer b.observer.mu.Unlock()
	return missing
}
