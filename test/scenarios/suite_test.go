package scenarios_test

import (
	"context"
	"net"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/sluice-operator/sluice/test/env"
	"github.com/sluice-operator/sluice/test/story"
)

var (
	world    *story.World
	operator *env.Process
	// metricsAddress is where the operator serves its metrics.
	metricsAddress string
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(story.Patience)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Scenarios")
}

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	world, err = story.Start(ctx, "", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(world.Stop()).To(Succeed()) })
	ports, err := env.FreePorts(ctx, 1)
	Expect(err).NotTo(HaveOccurred())
	metricsAddress = net.JoinHostPort("127.0.0.1", ports[0])
	startOperator(ctx)
	DeferCleanup(func() { Expect(operator.Kill()).To(Succeed()) })
	Expect(world.Apply(ctx, "config/demo/00-namespaces.yaml")).To(Succeed())
})

func startOperator(ctx context.Context) {
	GinkgoHelper()
	var err error
	operator, err = world.StartOperator(ctx, "--metrics-addr", metricsAddress, "--unsafe-allow-generic-targets")
	Expect(err).NotTo(HaveOccurred())
}

var _ = AfterEach(func() {
	if CurrentSpecReport().Failed() && operator != nil {
		log, err := operator.Log()
		Expect(err).NotTo(HaveOccurred())
		AddReportEntry("operator log", log[max(0, len(log)-20000):])
	}
})
