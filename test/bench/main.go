// Command bench measures the built operator on a control plane of its own, against a program that does nothing but write the
// same objects. docs/performance.md says what each figure means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run takes the chosen steps in their order, and shows what was measured, also when a step fails.
func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.Discard())
	b, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	defer func() { err = errors.Join(err, b.results.finish(os.Stdout, o.JSON)) }()
	chosen := o.chosen()
	if o.Churn > 0 {
		chosen = []step{{"churn", "sources change, objects come and go", churn}}
	}
	for _, s := range chosen {
		b.sayf("%s: %s", s.name, s.about)
		b.step = s.name
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("step %s: %w%s", s.name, err, b.lastWords())
		}
	}
	return nil
}
