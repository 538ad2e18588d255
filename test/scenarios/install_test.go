package scenarios_test

import (
	"context"
	"os/exec"
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

	It("may give the operator the arguments that were written for the reference implementation", func(ctx context.Context) {
		args := strings.Fields(`--concurrent=1 --client-qps=50 --client-burst=100 --loglevel=info --zap-time-encoding=epoch --controller-class=default
			--metrics-addr=:8080 --metrics-auth=false --metrics-secure=true --metrics-cert-dir=/tmp --metrics-cert-name=tls.crt
			--metrics-key-name=tls.key --live-addr=:8082 --enable-http2=false --enable-leader-election=true --namespace=
			--leader-election-id=external-secrets-controller --leader-election-lease-duration=15s --leader-election-renew-deadline=10s
			--leader-election-retry-period=2s --store-requeue-interval=5m0s --enable-flood-gate=true --enable-generator-state=true
			--enable-cluster-store-reconciler=false --enable-cluster-external-secret-reconciler=true --enable-push-secret-reconciler=true
			--enable-cluster-push-secret-reconciler=true --enable-secret-store-reconciler=true --enable-extended-metric-labels=true
			--enable-secrets-caching=true --enable-configmaps-caching=true --enable-managed-secrets-caching=false
			--enable-secret-api-read-on-cache-mismatch=true --generator-gc-grace-period=2m0s --unsafe-allow-generic-targets=true
			--template-left-delimiter={{ --template-right-delimiter=}} --enable-vault-token-cache=true --vault-token-cache-size=262144`)
		out, err := exec.CommandContext(ctx, world.Path("bin/sluice"), append(args, "--version")...).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		Expect(string(out)).To(HavePrefix("sluice "))
	})

	DescribeTable("gives each kind the columns that its users know", func(ctx context.Context, resource, columns string) {
		names := kubectl(ctx, "get", "customresourcedefinition", resource,
			"-o", `jsonpath={range .spec.versions[?(@.storage==true)].additionalPrinterColumns[*]}{.name},{end}`)
		Expect(strings.TrimSuffix(names, ",")).To(Equal(columns))
	},
		Entry(nil, "externalsecrets.external-secrets.io", "StoreType,Store,Refresh Interval,Status,Ready,Last Sync"),
		Entry(nil, "clusterexternalsecrets.external-secrets.io", "Store,Refresh Interval,Ready"),
		Entry(nil, "secretstores.external-secrets.io", "AGE,Status,Capabilities,Ready"),
		Entry(nil, "clustersecretstores.external-secrets.io", "AGE,Status,Capabilities,Ready"),
		Entry(nil, "pushsecrets.external-secrets.io", "AGE,Status,Last Sync"),
		Entry(nil, "clusterpushsecrets.external-secrets.io", "AGE,Status"),
		Entry(nil, "generatorstates.generators.external-secrets.io", "Kind,Generator,Owner,Expires,GC Deadline,Ready,Age"),
	)

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
		Entry("to change a ClusterPushSecret", "update", "clusterpushsecrets.external-secrets.io"),
		Entry("to make a namespace", "create", "namespaces"),
		Entry("to delete a namespace", "delete", "namespaces"),
		Entry("to change a namespace", "patch", "namespaces"),
		Entry("to hold a lease elsewhere", "create", "leases.coordination.k8s.io", "-n", "default"),
		Entry("to act as somebody else", "impersonate", "users"),
	)
})
