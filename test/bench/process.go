package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
)

const megabyte = 1 << 20

// cpu returns the time that processes have computed, which the kernel counts in hundredths of a second.
func cpu(pids ...int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		process, err := procfs.NewProc(pid)
		if err != nil {
			return 0, fmt.Errorf("look at process %d: %w", pid, err)
		}
		stat, err := process.Stat()
		if err != nil {
			return 0, fmt.Errorf("look at process %d: %w", pid, err)
		}
		total += time.Duration(stat.CPUTime() * float64(time.Second))
	}
	return total, nil
}

// busy returns the time that all processes of the machine have computed, and how long its cores have run, idle or not.
func busy() (computed, all time.Duration, err error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("look at the machine: %w", err)
	}
	t := stat.CPUTotal
	working := t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ + t.Steal
	return time.Duration(working * float64(time.Second)), time.Duration((working + t.Idle + t.Iowait) * float64(time.Second)), nil
}

// memory returns the resident memory of a process in MB, now and at its peak.
func memory(pid int) (now, peak float64, err error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	status, err := process.NewStatus()
	if err != nil {
		return 0, 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return float64(status.VmRSS) / megabyte, float64(status.VmHWM) / megabyte, nil
}

const (
	// idleSpan is how long processes must compute next to nothing to count as idle: idleShare of one core.
	idleSpan  = 500 * time.Millisecond
	idleShare = 0.1
)

// whenIdle returns the beginning of the first idle time of processes, at most after limit.
func whenIdle(ctx context.Context, limit time.Duration, pids ...int) (time.Time, error) {
	type reading struct {
		at  time.Time
		cpu time.Duration
	}
	var readings []reading
	deadline := time.After(limit)
	for tick := time.NewTicker(idleSpan / 10); ; {
		used, err := cpu(pids...)
		if err != nil {
			return time.Time{}, err
		}
		now := reading{time.Now(), used}
		readings = append(readings, now)
		for len(readings) > 1 && now.at.Sub(readings[1].at) >= idleSpan {
			readings = readings[1:]
		}
		first := readings[0]
		if now.at.Sub(first.at) >= idleSpan && float64(now.cpu-first.cpu) <= idleShare*float64(now.at.Sub(first.at)) {
			return first.at, nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return time.Time{}, fmt.Errorf("the processes were still busy after %s", limit)
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// settle waits until nothing of the control plane, the operator and the bench computes any more, so that what was does not weigh on
// what will be measured. An unquiet machine is no reason to fail.
func (b *bench) settle(ctx context.Context) {
	pids := []int{os.Getpid(), b.world.Process("kube-controller-manager").PID()}
	for _, p := range b.servers() {
		pids = append(pids, p.PID())
	}
	if b.operator != nil {
		pids = append(pids, b.operator.PID())
	}
	if _, err := whenIdle(ctx, time.Minute, pids...); err != nil {
		b.sayf("  goes on though %v", err)
	}
}

// wait returns after a time, or when ctx is done.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
