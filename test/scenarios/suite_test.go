package scenarios_test

import (
	"context"
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
	operator, err = world.StartOperator(ctx)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(operator.Kill()).To(Succeed()) })
	Expect(world.Apply(ctx, "config/demo/00-namespaces.yaml")).To(Succeed())
})

var _ = AfterEach(func() {
	if CurrentSpecReport().Failed() && operator != nil {
		log, err := operator.Log()
		AddReportEntry("operator log", log[max(0, len(log)-20000):], err)
	}
})
