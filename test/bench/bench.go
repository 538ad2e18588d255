package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/test/env"
	"github.com/sluice-operator/sluice/test/story"
)

// bench is one run.
type bench struct {
	options

	world *story.World
	// client and clientset act as an administrator, and write in diary what they send.
	client    client.WithWatch
	clientset kubernetes.Interface
	diary     *diary
	observer  *observer
	results   results
	began     time.Time
	// step is the name of the step that runs.
	step string
	// lookAway ends the observer.
	lookAway context.CancelFunc

	// operator runs when it is not nil. fleet says that the ExternalSecrets exist, often that a part of them is refreshed often.
	operator     *operator
	fleet, often bool

	sampleSynced, samplePushed sample
	// floorSynced is what a bare client takes to write for one ExternalSecret, floorPushed for one PushSecret.
	floorSynced, floorPushed rate
}

// start starts a world without an operator in it.
func start(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, began: time.Now(), diary: &diary{sent: counts{}}, observer: newObserver()}
	b.results = results{Machine: thisMachine(), Options: o, Began: b.began.UTC()}
	b.sayf("starting etcd, kube-apiserver and kube-controller-manager")
	var err error
	if b.world, err = story.Start(ctx, "", nil); err != nil {
		return nil, err
	}
	if err := b.connect(ctx); err != nil {
		return nil, errors.Join(err, b.world.Stop())
	}
	return b, nil
}

func (b *bench) connect(ctx context.Context) error {
	config := rest.CopyConfig(b.world.Config)
	config.Wrap(b.diary.wrap)
	var err error
	if b.client, err = client.NewWithWatch(config, client.Options{Scheme: b.world.Client.Scheme()}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = config.ContentType + ",application/json"
	if b.clientset, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	ctx, b.lookAway = context.WithCancel(ctx)
	return b.observer.watch(ctx, b.client)
}

// stop ends everything.
func (b *bench) stop() error {
	b.lookAway()
	return errors.Join(b.stopOperator(), b.world.Stop())
}

// sayf prints a line about what happens.
func (b *bench) sayf(format string, args ...any) {
	fmt.Printf("[%5.0f s] %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// found notes a figure. A limit is what it is not to exceed.
func (b *bench) found(name string, value float64, unit string, limit ...float64) {
	f := figure{Step: b.step, Name: name, Value: value, Unit: unit}
	if len(limit) > 0 {
		f.Limit = &limit[0]
	}
	b.results.Figures = append(b.results.Figures, f)
	b.sayf("  %s: %s %s", name, number(value), unit)
}

// sent notes the requests of a step; each is the number of objects or refreshes that they were for.
func (b *bench) sent(requests counts, each float64) {
	for _, r := range requests.sorted() {
		t := traffic{Step: b.step, request: r, Count: requests[r]}
		if each > 0 {
			t.Each = float64(t.Count) / each
		}
		b.results.Traffic = append(b.results.Traffic, t)
	}
}

// lastWords is the end of the operator's log, for an error that it may explain.
func (b *bench) lastWords() string {
	if b.operator == nil {
		return ""
	}
	log, err := b.operator.Log()
	if err != nil {
		return ""
	}
	return "\nthe end of the operator's log:\n" + log[max(0, len(log)-2000):]
}

// each calls do for 0 to n-1 with a number of workers, and stops at the first error.
func each(ctx context.Context, n, workers int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	numbers := make(chan int)
	group.Go(func() error {
		defer close(numbers)
		for i := range n {
			select {
			case numbers <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		group.Go(func() error {
			for i := range numbers {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// binarySize is the size of the operator's binary in bytes.
func (b *bench) binarySize() (int64, error) {
	info, err := os.Stat(b.world.Path("bin/sluice"))
	if err != nil {
		return 0, fmt.Errorf("the operator is not built (%w), run: make bin/sluice", err)
	}
	return info.Size(), nil
}

// servers are the processes that store what is written.
func (b *bench) servers() []*env.Process {
	return []*env.Process{b.world.Process("etcd"), b.world.Process("kube-apiserver")}
}
