package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/test/gen"
)

// group begins the names of the namespaces with the ExternalSecrets.
const group = "bench"

// homes are the namespaces with the ExternalSecrets.
func homes() []string { return namespaces(group) }

// setters is how many objects the bench prepares at a time, where nothing is measured.
const setters = 16

// needFleet creates the ExternalSecrets, their sources and their store, and the foreign Secrets, unless they are there.
func (b *bench) needFleet(ctx context.Context) error {
	if b.fleet {
		return nil
	}
	b.sayf("creating %d foreign Secrets, and %d ExternalSecrets with their sources", b.Foreign, b.N)
	if err := b.createForeign(ctx); err != nil {
		return err
	}
	if err := b.create(ctx, store(sources, readVerbs()...)...); err != nil {
		return err
	}
	if err := b.createNamespaces(ctx, group); err != nil {
		return err
	}
	err := each(ctx, b.N, setters, func(ctx context.Context, i int) error {
		name := place(group, i)
		password := fmt.Sprintf("initial-%06d-0123456789abcdef", i)
		return b.create(ctx, source(sources, name.Name, i, password), reader(name, name.Name))
	})
	b.fleet = err == nil
	return err
}

// createForeign creates Secrets of 20 KB that nobody asks for.
func (b *bench) createForeign(ctx context.Context) error {
	if b.Foreign == 0 {
		return nil
	}
	const strangers = "foreign"
	if err := b.createNamespaces(ctx, strangers); err != nil {
		return err
	}
	content := map[string]string{"content": strings.Repeat("0123456789abcdef", 20*1024/16)}
	return each(ctx, b.Foreign, setters, func(ctx context.Context, i int) error {
		name := place(strangers, i)
		s := gen.Secret(name.Name, content)
		s.Namespace = name.Namespace
		return b.create(ctx, s)
	})
}

// createNamespaces creates the namespaces of a group.
func (b *bench) createNamespaces(ctx context.Context, group string) error {
	for _, name := range namespaces(group) {
		if err := b.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return nil
}

// synced says whether the last of a fleet is Ready with its Secret there. It is for the observer.
func (b *bench) synced() bool {
	return len(b.observer.ready[group]) >= b.N && len(b.observer.targets[group]) >= b.N
}

// needSynced makes the operator run, and waits until it has synced the fleet.
func (b *bench) needSynced(ctx context.Context) error {
	if err := b.needFleet(ctx); err != nil {
		return err
	}
	if b.operator == nil {
		if err := b.startOperator(ctx); err != nil {
			return err
		}
	}
	_, err := b.observer.await(ctx, "the fleet", b.synced)
	return err
}

// refreshInterval is how often the objects are refreshed that do not wait for an hour.
const refreshInterval = 30 * time.Second

// refreshing is how many of the fleet are refreshed often: the first ones.
func (b *bench) refreshing() int { return min(3000, b.N*6/10) }

// follower returns the number of an object that is refreshed hourly, and thus has to follow its source.
func (b *bench) follower(i int) int { return b.refreshing() + i%(b.N-b.refreshing()) }

// needRefreshing makes a part of the fleet be refreshed often, and waits until these refreshes have found their times.
func (b *bench) needRefreshing(ctx context.Context) error {
	if err := b.needSynced(ctx); err != nil {
		return err
	}
	if b.often {
		return nil
	}
	b.sayf("giving %d of the objects an interval of %s", b.refreshing(), refreshInterval)
	patch := fmt.Appendf(nil, `{"spec":{"refreshInterval":%q}}`, refreshInterval)
	err := each(ctx, b.refreshing(), setters, func(ctx context.Context, i int) error {
		return b.patch(ctx, reader(place(group, i), ""), patch)
	})
	if err != nil {
		return err
	}
	b.often = true
	return wait(ctx, refreshInterval+refreshInterval/2)
}
