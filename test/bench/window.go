package main

import (
	"context"
	"os"
	"time"
)

// window measures what happens between its opening and its closing.
type window struct {
	b             *bench
	began         time.Time
	requests, own counts
	before        times
}

// times are computing times so far.
type times struct {
	// operatorPID is the operator's, 0 when there is none.
	operatorPID int
	// operator, servers (kube-apiserver and etcd), controllers (kube-controller-manager) and bench are those of processes.
	operator, servers, controllers, bench time.Duration
	// machine is that of all processes, cores what the cores could have done.
	machine, cores time.Duration
}

// usage is what a window saw.
type usage struct {
	elapsed time.Duration
	// operatorCPU is the computing time of the operator, serverCPU that of kube-apiserver and etcd, ownCPU that of the bench.
	operatorCPU, serverCPU, ownCPU time.Duration
	// strangers is the share of the machine that processes had which are no part of the bench.
	strangers float64
	// requests are those to the API server, without the bench's own.
	requests counts
}

// total is the computing time of all that have to do with the writes of a step.
func (u usage) total() time.Duration { return u.operatorCPU + u.serverCPU + u.ownCPU }

// strangers is the name of the figure that says how little the others mean.
const strangers = "share of the machine that others had"

// open opens a window. Nothing is asked of anybody until it is closed.
func (b *bench) open(ctx context.Context) (*window, error) {
	w := &window{b: b, own: b.diary.read()}
	var err error
	if w.requests, err = askServer(ctx, b.clientset); err != nil {
		return nil, err
	}
	w.before, err = b.times()
	w.began = time.Now()
	return w, err
}

func (b *bench) times() (t times, err error) {
	servers := b.servers()
	measured := map[*time.Duration][]int{
		&t.servers:     {servers[0].PID(), servers[1].PID()},
		&t.controllers: {b.world.Process("kube-controller-manager").PID()},
		&t.bench:       {os.Getpid()},
	}
	if b.operator != nil {
		t.operatorPID = b.operator.PID()
		measured[&t.operator] = []int{t.operatorPID}
	}
	for place, pids := range measured {
		if *place, err = cpu(pids...); err != nil {
			return t, err
		}
	}
	t.machine, t.cores, err = busy()
	return t, err
}

// close ends the window. Of an operator that was started while it was open all counts.
func (w *window) close(ctx context.Context) (usage, error) {
	u := usage{elapsed: time.Since(w.began)}
	after, err := w.b.times()
	if err != nil {
		return u, err
	}
	u.operatorCPU, u.serverCPU, u.ownCPU = after.operator, after.servers-w.before.servers, after.bench-w.before.bench
	if after.operatorPID == w.before.operatorPID {
		u.operatorCPU -= w.before.operator
	}
	others := after.machine - w.before.machine - u.operatorCPU - u.serverCPU - u.ownCPU - (after.controllers - w.before.controllers)
	if cores := after.cores - w.before.cores; cores > 0 {
		u.strangers = max(0, float64(others)/float64(cores))
	}
	own := w.b.diary.read()
	requests, err := askServer(ctx, w.b.clientset)
	u.requests = requests.minus(w.requests).minus(own.minus(w.own))
	w.b.found(strangers, 100*u.strangers, "%")
	return u, err
}
