package operator_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("Two replicas", func() {
	It("work one at a time, and the second goes on where the first stopped", func(ctx SpecContext) {
		home, here := newPlace(ctx), newPlace(ctx)
		o := defaults(home.name)
		o.Namespace = here.name
		o.LeaderElection.Enabled = true
		o.LeaderElection.LeaseDuration, o.LeaderElection.RenewDeadline, o.LeaderElection.RetryPeriod = 3*time.Second, 2*time.Second, 100*time.Millisecond
		first := begin(cluster.Config, o)
		Eventually(first.leads).Should(BeTrue())
		second := begin(cluster.Config, o)

		seen := here.watchValues(ctx, "password")
		before := gen.NewExternalSecret("before").Generate(genv1alpha1.KindPassword, "maker").ExternalSecret
		here.create(ctx, gen.Password("maker"), before)
		Eventually(ready(ctx, before)).Should(beTrue())
		Expect(second.leads()).To(BeFalse())
		version := here.version(ctx, "before")

		first.stop()
		after := gen.NewExternalSecret("after").Generate(genv1alpha1.KindPassword, "maker").ExternalSecret
		here.create(ctx, after)
		Eventually(ready(ctx, after)).Should(beTrue())
		Expect(second.leads()).To(BeTrue())
		Eventually(seen.names).Should(ConsistOf("before", "after"))
		Expect(seen.most()).To(Equal(1), "the most values that one Secret has had")
		Expect(here.version(ctx, "before")).To(Equal(version))
	})
})
