package scenarios_test

import (
	"context"
	"maps"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

var _ = Describe("deletionPolicy", Label("targets"), Ordered, func() {
	const ns = "target-deletion"
	// with adds what the source holds.
	with := func(kept map[string]string) map[string]string {
		all := map[string]string{"a": "CANARY-a"}
		maps.Copy(all, kept)
		return all
	}
	cases := []struct {
		name, target string
		gone         map[string]string
		reason       string
	}{
		{"retain", "deletionPolicy: Retain", map[string]string{"a": "CANARY-a"}, esv1.ReasonSecretSyncedError},
		{"delete", "deletionPolicy: Delete", nil, esv1.ReasonSecretDeleted},
		{"merge", "deletionPolicy: Merge", map[string]string{}, esv1.ReasonSecretSynced},
		{"orphan-merge", "creationPolicy: Orphan, deletionPolicy: Merge", map[string]string{}, esv1.ReasonSecretSynced},
		{"merge-merge", "creationPolicy: Merge, deletionPolicy: Merge", theirs, esv1.ReasonSecretSynced},
		{"merge-retain", "creationPolicy: Merge", with(theirs), esv1.ReasonSecretSyncedError},
	}
	one := func(name, target string) string {
		return `---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: ` + name + `}
spec:
  refreshInterval: 1s
  secretStoreRef: {name: store}
  target: {` + target + `}
  data: [{secretKey: a, remoteRef: {key: remote, property: a}}]
`
	}
	const remote = "{apiVersion: v1, kind: Secret, metadata: {name: remote}, stringData: {a: CANARY-a, b: CANARY-b}}\n"

	It("decides when a source is gone, and again when it is back", func(ctx context.Context) {
		namespace(ctx, ns)
		const another = "data: [{secretKey: kept, remoteRef: {key: merge-merge, property: theirs}}, "
		manifests := []string{
			remote, granted(ns, "reader", "[get, list]"), kubernetesStore(ns, "reader", ""), existing("merge-merge"), existing("merge-retain"),
			strings.Replace(one("partly", "deletionPolicy: Delete"), "data: [", another, 1),
		}
		for _, c := range cases {
			manifests = append(manifests, one(c.name, c.target))
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		for _, c := range cases {
			Eventually(data(ctx, ns, c.name)).Should(Equal(with(c.gone)), c.name)
		}
		Eventually(data(ctx, ns, "partly")).Should(HaveKey("a"))

		By("the source goes")
		kubectl(ctx, "delete", "secret", "-n", ns, "remote")
		for _, c := range cases {
			es := externalSecretOf(ctx, ns, c.name, c.reason)
			if c.reason == esv1.ReasonSecretSyncedError {
				Expect(es.Status.Conditions[0].Message).To(SatisfyAll(ContainSubstring("spec.data[0] (key=remote)"),
					ContainSubstring(`SecretStore "store"`), ContainSubstring(`secret "remote" does not exist in namespace "target-deletion"`)))
			}
			Eventually(data(ctx, ns, c.name)).Should(Equal(c.gone), c.name)
		}
		Eventually(data(ctx, ns, "partly")).Should(Equal(map[string]string{"kept": "CANARY-theirs"}))
		Eventually(eventsOf(ctx, ns, "delete")).Should(SatisfyAll(
			ContainSubstring("Normal Deleted secret deleted due to DeletionPolicy=Delete"),
			ContainSubstring("Normal MissingProviderSecret secret does not exist at provider using spec.data[0] (key=remote)")))

		By("the source comes back")
		applyIn(ctx, ns, remote)
		for _, c := range cases {
			externalSecretOf(ctx, ns, c.name, esv1.ReasonSecretSynced, "secret synced")
			Eventually(data(ctx, ns, c.name)).Should(Equal(with(c.gone)), c.name)
		}
		Eventually(data(ctx, ns, "partly")).Should(HaveLen(2))
	})

	It("keeps everything when the store, its identity or its rights go", func(ctx context.Context) {
		kubectl(ctx, "delete", "rolebinding", "-n", ns, "reader")
		for _, c := range cases {
			externalSecretOf(ctx, ns, c.name, esv1.ReasonSecretSyncedError, `the verb "get"`)
			Expect(data(ctx, ns, c.name)()).To(Equal(with(c.gone)), c.name)
		}
		kubectl(ctx, "delete", "secretstore", "-n", ns, "store")
		externalSecretOf(ctx, ns, "delete", esv1.ReasonSecretSyncedError, `SecretStore "store" does not exist`)
		Expect(data(ctx, ns, "delete")()).To(Equal(with(nil)))
		By("they come back")
		applyIn(ctx, ns, granted(ns, "reader", "[get, list]")+kubernetesStore(ns, "reader", ""))
		for _, c := range cases {
			externalSecretOf(ctx, ns, c.name, esv1.ReasonSecretSynced)
		}
	})
})

var _ = Describe("a namespace", Label("targets"), func() {
	// Each is emptied of these first, in this order.
	orders := map[string][]string{
		"target-gone-at-once":  nil,
		"target-gone-store":    {"secretstores", "externalsecrets"},
		"target-gone-identity": {"serviceaccounts", "rolebindings", "secrets"},
		"target-gone-users":    {"externalsecrets", "secrets"},
	}

	It("may have objects with the finalizers of the reference implementation, which do not hold them", func(ctx context.Context) {
		ns := namespace(ctx, "target-migrated")
		finalized := func(manifest, finalizer string) string {
			return strings.Replace(manifest, "metadata: {", "metadata: {finalizers: ["+finalizer+"], ", 1)
		}
		applyIn(ctx, ns, finalized(fakeStore, "secretstore.externalsecrets.io/finalizer")+
			finalized(externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}], target: {deletionPolicy: Delete}}`),
				"externalsecrets.external-secrets.io/externalsecret-cleanup"))
		secret(ctx, ns, "wrong")
		kubectl(ctx, "delete", "externalsecret,secretstore", "-n", ns, "--all", "--timeout=10s")
		Eventually(data(ctx, ns, "wrong")).Should(BeNil())
	})

	It("goes with all that is in it, in any order, within seconds", func(ctx context.Context) {
		for ns := range orders {
			namespace(ctx, ns)
			applyIn(ctx, ns, source+granted(ns, "reader", "[get]")+kubernetesStore(ns, "reader", "")+
				externalSecret(`{refreshInterval: 1s, secretStoreRef: {name: store}, data: [{secretKey: a, remoteRef: {key: db, property: user}}],
  target: {deletionPolicy: Delete}}`))
		}
		for ns, first := range orders {
			secret(ctx, ns, "wrong")
			for _, kind := range first {
				kubectl(ctx, "delete", kind, "-n", ns, "--all", "--wait=false")
			}
			kubectl(ctx, "delete", "namespace", ns, "--wait=false")
		}
		for ns := range orders {
			Eventually(func() error {
				return world.Client.Get(ctx, types.NamespacedName{Name: ns}, &corev1.Namespace{})
			}).WithTimeout(15*time.Second).ShouldNot(Succeed(), ns) // the namespace controller takes 5 of them
		}
	})
})
