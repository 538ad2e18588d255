package scenarios_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("what a generator has obtained for a time", Label("generators"), func() {
	// lent is what it takes to give it back, with further metadata and a deadline.
	lent := func(ns, name, kind, metadata, deadline string) string {
		return fmt.Sprintf(`---
apiVersion: generators.external-secrets.io/v1alpha1
kind: GeneratorState
metadata:
  namespace: %s
  name: %s
  finalizers: [generatorstate.externalsecrets.io/finalizer]
%s
spec:
  resource: {apiVersion: generators.external-secrets.io/v1alpha1, kind: %s, metadata: {name: lender}, spec: {data: {}}}
  state: {id: 1}
%s
`, ns, name, metadata, kind, deadline)
	}
	const over = "  garbageCollectionDeadline: 2020-01-01T00:00:00Z"
	states := func(ctx context.Context, ns string) func() string {
		return func() string { return kubectl(ctx, "get", "generatorstates", "-n", ns, "--no-headers", "-o", "name") }
	}

	It("is given back when its time has come, when its owner goes, and with its namespace", func(ctx context.Context) {
		ns := namespace(ctx, "leases")
		apply(ctx, `apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {namespace: `+ns+`, name: store}
spec: {provider: {fake: {data: []}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {namespace: `+ns+`, name: borrower}
spec: {secretStoreRef: {name: store}, target: {creationPolicy: Orphan}, data: [{secretKey: a, remoteRef: {key: a}}]}
`)
		uid := kubectl(ctx, "get", "externalsecret", "-n", ns, "borrower", "-o", "jsonpath={.metadata.uid}")
		owned := "  ownerReferences: [{apiVersion: external-secrets.io/v1, kind: ExternalSecret, name: borrower, controller: true, uid: " + uid + "}]\n" +
			"  annotations: {lease.sluice.dev/expires-at: 2040-01-01T00:00:00Z}"
		apply(ctx, lent(ns, "over", "Fake", "", over)+lent(ns, "owned", "Fake", owned, "")+lent(ns, "kept", "Fake", "", ""))
		Eventually(states(ctx, ns)).Should(SatisfyAll(Not(ContainSubstring("/over")), ContainSubstring("/owned"), ContainSubstring("/kept")))
		row := func() []string {
			return strings.Fields(kubectl(ctx, "get", "generatorstate", "-n", ns, "owned", "--no-headers"))
		}
		Eventually(row).Should(HaveExactElements("owned", "Fake", "lender", "borrower", "2040-01-01T00:00:00Z", "True", Not(BeEmpty())))

		kubectl(ctx, "delete", "externalsecret", "-n", ns, "borrower")
		Eventually(states(ctx, ns)).Should(Not(ContainSubstring("/owned")))
		kubectl(ctx, "delete", "namespace", ns) // returns when it is gone
	})

	It("that cannot be given back says why", func(ctx context.Context) {
		ns := namespace(ctx, "leases-unknown")
		apply(ctx, lent(ns, "unknown", "Dice", "", over))
		Eventually(func() string { return kubectl(ctx, "describe", "generatorstate", "-n", ns, "unknown") }).Should(SatisfyAll(
			ContainSubstring(`could not be given back: spec.resource: there is no generator of kind "Dice"`), ContainSubstring("Warning  Error")))
		Expect(kubectl(ctx, "get", "generatorstates", "--all-namespaces")).To(ContainSubstring("Dice"))
		kubectl(ctx, "delete", "generatorstate", "-n", ns, "unknown", "--wait=false")
		kubectl(ctx, "patch", "generatorstate", "-n", ns, "unknown", "--type=merge", "--patch", `{"metadata":{"finalizers":null}}`)
		Eventually(states(ctx, ns)).Should(BeEmpty())
	})
})
