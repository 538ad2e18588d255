package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/sluice-operator/sluice/test/env"
)

// operator is a running operator.
type operator struct {
	*env.Process

	// began is when it was started.
	began time.Time
	// metrics and profiles are the addresses that it serves them at; profiles is empty when it serves none.
	metrics, profiles string
}

// startOperator starts the operator that the steps measure, and returns when it says that it is ready.
func (b *bench) startOperator(ctx context.Context, args ...string) error {
	o, err := b.newOperator(ctx, args...)
	b.operator = o
	return err
}

// newOperator starts an operator with further flags.
func (b *bench) newOperator(ctx context.Context, args ...string) (*operator, error) {
	ports, err := env.FreePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	metrics := net.JoinHostPort("127.0.0.1", ports[0])
	o := &operator{metrics: "http://" + metrics + "/metrics"}
	flags := []string{"--metrics-addr", metrics, "--loglevel", "info", "--concurrent", strconv.Itoa(b.Concurrent)}
	if b.Profile != "" || b.Churn > 0 {
		profiles := net.JoinHostPort("127.0.0.1", ports[1])
		flags = append(flags, "--pprof-addr", profiles)
		o.profiles = "http://" + profiles + "/debug/pprof/"
	}
	o.began = time.Now()
	if o.Process, err = b.world.StartOperator(ctx, append(flags, args...)...); err != nil {
		return nil, err
	}
	return o, nil
}

// stopOperator asks the operator to end, and waits for it.
func (b *bench) stopOperator() error {
	if b.operator == nil {
		return nil
	}
	err := b.operator.Stop()
	b.operator = nil
	return err
}

// restartOperator makes the operator begin anew.
func (b *bench) restartOperator(ctx context.Context, args ...string) error {
	if err := b.stopOperator(); err != nil {
		return err
	}
	return b.startOperator(ctx, args...)
}

// patience is how long the operator may need to become quiet.
const patience = 10 * time.Minute

// whenQuiet waits until the operator has looked at what there is and has nothing left to do, and returns since when. That it computes
// nothing is seen from outside; only then is it asked whether its queues are empty. looked is how many objects it must have looked at:
// before its caches are filled its queues are empty too.
func (o *operator) whenQuiet(ctx context.Context, looked float64) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		since, err := whenIdle(ctx, patience, o.PID())
		if err != nil {
			return since, err
		}
		metrics, err := scrape(ctx, o.metrics, "workqueue_depth", "controller_runtime_active_workers", "controller_runtime_reconcile_total")
		if err != nil {
			return since, fmt.Errorf("ask the operator how it is: %w", err)
		}
		if metrics.sum("controller_runtime_reconcile_total") >= looked &&
			metrics.sum("workqueue_depth") == 0 && metrics.sum("controller_runtime_active_workers") == 0 {
			return since, nil
		}
	}
}

// calls are the calls to systems behind stores since the start of the operator, by their names.
func (o *operator) calls(ctx context.Context) (map[string]float64, error) {
	const name = "externalsecret_provider_api_calls_count"
	metrics, err := scrape(ctx, o.metrics, name)
	if err != nil {
		return nil, err
	}
	calls := map[string]float64{}
	for _, m := range metrics[name].GetMetric() {
		calls[labelsOf(m)["call"]] += m.GetCounter().GetValue()
	}
	return calls, nil
}
