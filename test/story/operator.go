package story

import (
	"context"
	"errors"
	"net"

	"github.com/sluice-operator/sluice/test/env"
)

// StartOperator starts the built operator with the rights that config/ gives it, and returns when it is ready. Further
// arguments are added to its flags.
func (w *World) StartOperator(ctx context.Context, args ...string) (*env.Process, error) {
	return w.StartOperatorAs(ctx, w.kubeconfig, args...)
}

// StartOperatorAs is StartOperator with the identity of a kubeconfig file.
func (w *World) StartOperatorAs(ctx context.Context, kubeconfig string, args ...string) (*env.Process, error) {
	ports, err := env.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	live := net.JoinHostPort("127.0.0.1", ports[0])
	flags := append(
		[]string{"--live-addr", live, "--metrics-addr", "0", "--operator-namespace", OperatorNamespace, "--loglevel", "debug"},
		args...)
	process, err := env.StartProcess(ctx, w.dir, w.Path("bin/sluice"), []string{"KUBECONFIG=" + kubeconfig}, flags...)
	if err != nil {
		return nil, err
	}
	probe := func(ctx context.Context) error { return env.ProbeHTTP(ctx, "http://"+live+"/readyz") }
	if err := process.WaitReady(ctx, probe); err != nil {
		return nil, errors.Join(err, process.Kill())
	}
	return process, nil
}
