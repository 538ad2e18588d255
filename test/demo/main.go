// Command demo plays the walkthrough of config/demo on a control plane of its own: a real API server, the built operator with the
// rights that config/rbac gives it, and the manifests as a user would apply them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sluice-operator/sluice/test/story"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := play(ctx, os.Getenv("KEEP") != "")
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// play starts a world, tells the story and cleans up, also when it is interrupted.
func play(ctx context.Context, keep bool) (err error) {
	began := time.Now()
	fmt.Println("Starting a control plane: etcd, kube-apiserver, kube-controller-manager.")
	w, err := story.Start(ctx, "", indented{os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	operator, err := w.StartOperator(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, operator.Kill()) }()
	fmt.Printf("  the operator is ready, with the rights of config/rbac and no others (%.1f s so far)\n", time.Since(began).Seconds())

	ready, err := watchReady(ctx, w)
	if err != nil {
		return err
	}
	defer ready.stop()
	for i, step := range story.Walkthrough() {
		if err := tell(ctx, w, ready, i+1, step); err != nil {
			return err
		}
	}
	if err := show(ctx, w, ready); err != nil {
		return err
	}
	if !keep {
		fmt.Println("\nEverything is cleaned up. To look around yourself: make demo KEEP=1")
		return nil
	}
	fmt.Printf(
		"\nIt goes on until you press Ctrl-C. In another terminal:\n\n  export KUBECONFIG=%s\n  kubectl get externalsecrets,pushsecrets,secrets -A\n",
		w.Kubeconfig(),
	)
	<-ctx.Done()
	fmt.Println("\nCleaning up.")
	return nil
}

// tell applies one step and waits until all that it asks for is ready.
func tell(ctx context.Context, w *story.World, ready *readiness, number int, step story.Step) error {
	fmt.Printf("\n%d. %s\n   kubectl apply -f %s\n", number, step.Why, step.File)
	objects, err := w.Objects(step.File)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := w.ApplyObject(ctx, object); err != nil {
			return err
		}
		ready.applied(object)
	}
	for _, object := range objects {
		after, waited, err := ready.wait(ctx, object)
		if err != nil {
			return err
		}
		if waited {
			fmt.Printf("   ready after %4d ms: %s %s\n", after.Milliseconds(), object.GetKind(), name(object))
		}
	}
	return nil
}
