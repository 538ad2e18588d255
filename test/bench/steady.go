package main

import (
	"context"
	"strings"
)

// steady measures refreshes that find nothing new.
func steady(ctx context.Context, b *bench) error {
	if err := b.needRefreshing(ctx); err != nil {
		return err
	}
	const refreshes = "externalsecret_sync_calls_total"
	before, err := scrape(ctx, b.operator.metrics, refreshes)
	if err != nil {
		return err
	}
	w, err := b.open(ctx)
	if err != nil {
		return err
	}
	profiling := b.profile(ctx, "steady", b.Window)
	if err := wait(ctx, b.Window); err != nil {
		return err
	}
	u, err := w.close(ctx)
	if err != nil {
		return err
	}
	after, err := scrape(ctx, b.operator.metrics, refreshes)
	if err != nil {
		return err
	}
	count := after.sum(refreshes) - before.sum(refreshes)
	statuses := u.requests.sum(func(r request) bool { return r.writes() && strings.HasSuffix(r.Resource, "/status") })
	b.found("objects that are refreshed each "+refreshInterval.String(), float64(b.refreshing()), "")
	b.found("refreshes in "+b.Window.String(), count, "")
	if count > 0 {
		b.found("the operator, for 1,000 refreshes", u.operatorCPU.Seconds()/count*1000, "CPU-s")
		b.found("kube-apiserver and etcd, for 1,000 refreshes", u.serverCPU.Seconds()/count*1000, "CPU-s")
		b.found("status patches for each refresh", float64(statuses)/count, "")
	}
	b.found("other writes", float64(u.requests.sum(request.writes)-statuses), "", 0)
	b.found("reads", float64(u.requests.sum(request.reads)), "", 0)
	b.sent(u.requests, count)
	return profiling()
}
