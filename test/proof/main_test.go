package proof_test

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

func TestMain(m *testing.M) {
	logf.SetLogger(logr.Discard())
	// Thousands of small worlds come and go, and none of them is large.
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
