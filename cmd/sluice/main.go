// Command sluice is the operator: it keeps stores, ExternalSecrets and PushSecrets of a cluster as their users want them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/sluice-operator/sluice/internal/operator"
)

// version is set when the binary is linked.
var version = "development"

// gcPercent is by how much the heap may grow before garbage is collected, in place of Go's 100. An operator has much to remember
// and little to compute: this costs little time, and saves a quarter of the memory. The variable GOGC goes before.
const gcPercent = 30

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	}
}

// run reads the flags and runs the operator until it is told to stop. The API server is that of --kubeconfig, of
// KUBECONFIG or of the cluster around.
func run(args []string) error {
	var options operator.Options
	// A failure to reconcile is for the user of an object, whom a stack trace tells nothing.
	logging := zap.Options{StacktraceLevel: zapcore.DPanicLevel}
	var showVersion bool
	options.Bind(flag.CommandLine)
	logging.BindFlags(flag.CommandLine)
	flag.BoolVar(&showVersion, "version", false, "Print the version and exit.")
	flag.Func("loglevel", "The least severe level that is logged: debug, info, warn or error (default info).", func(text string) error {
		level, err := zapcore.ParseLevel(text)
		logging.Level = level
		return err
	})
	if err := flag.CommandLine.Parse(args); err != nil {
		return err
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: everything is set by flags", flag.Arg(0))
	}
	if showVersion {
		fmt.Println("sluice", version)
		return nil
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	config.UserAgent = "sluice/" + version
	return operator.Run(ctrl.SetupSignalHandler(), config, options)
}
