package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/sluice-operator/sluice/test/env"
)

var _ = Describe("an installation", Label("install"), func() {
	It("applies, and applies again without a change", func(ctx context.Context) {
		kubectl(ctx, "apply", "-k", world.Path("config/default"))
		again := kubectl(ctx, "apply", "-k", world.Path("config/default"))
		Expect(again).NotTo(Or(ContainSubstring("configured"), ContainSubstring("created")))
		Expect(again).To(ContainSubstring("deployment.apps/sluice unchanged"))
	})

	It("applies to a cluster that has nothing yet", func(ctx context.Context) {
		bare, err := env.Start(ctx, env.Options{Log: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(bare.Stop()).To(Succeed()) })
		first, err := bare.Kubectl(ctx, nil, "apply", "-k", world.Path("config/default"))
		Expect(err).NotTo(HaveOccurred())
		Expect(first).To(ContainSubstring("deployment.apps/sluice created"))
		again, err := bare.Kubectl(ctx, nil, "apply", "-k", world.Path("config/default"))
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(again, " unchanged\n")).To(Equal(strings.Count(first, " created\n")))
		Expect(again).NotTo(Or(ContainSubstring("configured"), ContainSubstring("created")))
	})

	DescribeTable("gives the operator no right that it does not need", func(ctx context.Context, verb, resource string, arguments ...string) {
		args := append([]string{"auth", "can-i", verb, resource, "--as", "system:serviceaccount:sluice-system:sluice"}, arguments...)
		out, err := world.Kubectl(ctx, nil, args...)
		Expect(err).To(HaveOccurred(), out) // kubectl exits with 1 for no
		Expect(out).To(HavePrefix("no"))
	},
		Entry("to update secrets", "update", "secrets", "-A"),
		Entry("to read pods", "get", "pods", "-A"),
		Entry("to change an ExternalSecret", "update", "externalsecrets.external-secrets.io", "-A"),
		Entry("to give rights away", "create", "clusterrolebindings"),
		Entry("to change a ClusterExternalSecret", "update", "clusterexternalsecrets.external-secrets.io"),
		Entry("to make a namespace", "create", "namespaces"),
		Entry("to delete a namespace", "delete", "namespaces"),
		Entry("to change a namespace", "patch", "namespaces"),
		Entry("to hold a lease elsewhere", "create", "leases.coordination.k8s.io", "-n", "default"),
		Entry("to act as somebody else", "impersonate", "users"),
	)
})
