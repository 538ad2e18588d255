package crash_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-operator/sluice/test/story"
)

var (
	kills     = flag.Int("crash.kills", 10, "how often the operator is killed")
	objects   = flag.Int("crash.objects", 20, "how many generated values are pushed")
	disturbed = flag.Duration("crash.disturbed", 15*time.Second, "how long the network is bad")
	seed      = flag.Uint64("crash.seed", 0, "what chance begins with; 0 for the time")

	world *story.World
)

func TestMain(m *testing.M) {
	flag.Parse()
	logf.SetLogger(logr.Discard())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if world, err = story.Start(context.Background(), "", nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := world.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// chance returns the chance of one test, and what it began with.
func chance() (*rand.Rand, uint64) {
	begin := *seed
	if begin == 0 {
		begin = uint64(time.Now().UnixNano())
	}
	return rand.New(rand.NewPCG(begin, 0)), begin
}
