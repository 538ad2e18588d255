package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// pushing is a ClusterPushSecret of the name that has each namespace with the label of the name push a generated password
// into the store there, with further fields of its spec and of that of its PushSecrets.
func pushing(name, more, push string) string {
	return strings.NewReplacer("NAME", name, "MORE", more, "PUSH", push).Replace(`---
apiVersion: generators.external-secrets.io/v1alpha1
kind: ClusterGenerator
metadata: {name: NAME}
spec: {kind: Password, generator: {passwordSpec: {length: 24, allowRepeat: true}}}
---
apiVersion: external-secrets.io/v1alpha1
kind: ClusterPushSecret
metadata: {name: NAME}
spec:
  namespaceSelectors: [{matchLabels: {NAME: "yes"}}]
  MORE
  pushSecretSpec:
    PUSH
    secretStoreRefs: [{name: store}]
    selector: {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: ClusterGenerator, name: NAME}}
    data: [{match: {secretKey: password, remoteRef: {remoteKey: pushed, property: password}}}]
`)
}

// storing makes a namespace with labels and a store over its own Secrets.
func storing(ctx context.Context, name string, labels ...string) {
	GinkgoHelper()
	labelledNamespace(ctx, name, labels...)
	applyIn(ctx, name, granted(name, "writer", "[get, create, patch, delete]")+kubernetesStore(name, "writer", ""))
}

// pushed returns the password that the store of a namespace has; an empty one while it has none.
func pushed(ctx context.Context, ns string) func() string {
	return func() string { return data(ctx, ns, "pushed")()["password"] }
}

var _ = Describe("a ClusterPushSecret", Label("cps"), func() {
	It("has the namespaces that it selects push a password each, and follows their labels", func(ctx context.Context) {
		const a, b = "cps-follow-a", "cps-follow-b"
		storing(ctx, a, "cps-follow=yes")
		storing(ctx, b)
		apply(ctx, pushing("cps-follow", "", "deletionPolicy: Delete"))
		Eventually(pushed(ctx, a)).Should(HaveLen(24))
		Expect(exists(ctx, &esv1alpha1.PushSecret{}, b, "cps-follow")()).To(BeFalse())
		first := pushed(ctx, a)()

		kubectl(ctx, "label", "namespace", b, "cps-follow=yes")
		Eventually(pushed(ctx, b)).Should(HaveLen(24))
		kept := pushed(ctx, b)()
		Expect(kept).NotTo(Equal(first), "each namespace generates its own")

		kubectl(ctx, "label", "namespace", a, "cps-follow-")
		Eventually(exists(ctx, &corev1.Secret{}, a, "pushed")).WithTimeout(seconds).Should(BeFalse(), "what was pushed is removed")
		Eventually(exists(ctx, &esv1alpha1.PushSecret{}, a, "cps-follow")).WithTimeout(seconds).Should(BeFalse())
		var cps esv1alpha1.ClusterPushSecret
		Eventually(func() ([]string, error) {
			_, err := exists(ctx, &cps, "", "cps-follow")()
			return cps.Status.ProvisionedNamespaces, err
		}).Should(Equal([]string{b}))
		Eventually(ready(ctx, &cps, "", "cps-follow")).Should(haveStatus(metav1.ConditionTrue))

		kubectl(ctx, "label", "namespace", a, "cps-follow=yes")
		Eventually(pushed(ctx, a)).Should(SatisfyAll(HaveLen(24), Not(Equal(first))), "what was removed is generated anew")
		Expect(pushed(ctx, b)()).To(Equal(kept), "nothing of that concerns the others")
		Expect(kubectl(ctx, "get", "clusterpushsecrets")).To(MatchRegexp(`NAME +AGE +STATUS\n(?s:.*)cps-follow +\S+ +Provisioned`))
	})

	It("has all namespaces generate anew on request, once for each request", func(ctx context.Context) {
		const a, b = "cps-force-a", "cps-force-b"
		storing(ctx, a, "cps-force=yes")
		storing(ctx, b, "cps-force=yes")
		apply(ctx, pushing("cps-force", "", `refreshInterval: "0"`))
		Eventually(pushed(ctx, a)).Should(HaveLen(24))
		Eventually(pushed(ctx, b)).Should(HaveLen(24))
		before := []string{pushed(ctx, a)(), pushed(ctx, b)()}
		kubectl(ctx, "annotate", "clusterpushsecret", "cps-force", "force-sync=1")
		Eventually(pushed(ctx, a)).ShouldNot(Equal(before[0]))
		Eventually(pushed(ctx, b)).ShouldNot(Equal(before[1]))
		after := []string{pushed(ctx, a)(), pushed(ctx, b)()}
		// A change that is no request goes all the way to the store, and the password stays.
		kubectl(ctx, "annotate", "clusterpushsecret", "cps-force", "note=1")
		apply(ctx, pushing("cps-force", "pushSecretMetadata: {labels: {team: red}}", `refreshInterval: "0"`))
		for _, ns := range []string{a, b} {
			var ps esv1alpha1.PushSecret
			Eventually(func() (map[string]string, error) {
				_, err := exists(ctx, &ps, ns, "cps-force")()
				return ps.Labels, err
			}).Should(Equal(map[string]string{"team": "red"}))
			Eventually(ready(ctx, &ps, ns, "cps-force")).Should(haveStatus(metav1.ConditionTrue))
			Expect(ps.Annotations).To(Equal(map[string]string{"force-sync": "1"}))
		}
		Expect([]string{pushed(ctx, a)(), pushed(ctx, b)()}).To(Equal(after))
	})

	It("renames its PushSecrets, and what they push is there afterwards", func(ctx context.Context) {
		const ns = "cps-rename"
		storing(ctx, ns, "cps-rename=yes")
		apply(ctx, pushing("cps-rename", "pushSecretName: before", "deletionPolicy: Delete"))
		Eventually(pushed(ctx, ns)).Should(HaveLen(24))
		first := pushed(ctx, ns)()
		apply(ctx, pushing("cps-rename", "pushSecretName: after", "deletionPolicy: Delete"))
		Eventually(exists(ctx, &esv1alpha1.PushSecret{}, ns, "before")).WithTimeout(seconds).Should(BeFalse())
		Eventually(pushed(ctx, ns)).WithTimeout(seconds).Should(SatisfyAll(HaveLen(24), Not(Equal(first))))
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "after")).Should(haveStatus(metav1.ConditionTrue))
		Eventually(ready(ctx, &esv1alpha1.ClusterPushSecret{}, "", "cps-rename")).Should(haveStatus(metav1.ConditionTrue))
	})

	It("does not touch a PushSecret of somebody else, serves the others, and goes on when it is gone", func(ctx context.Context) {
		const a, b = "cps-occupied-a", "cps-occupied-b"
		storing(ctx, a, "cps-occupied=yes")
		storing(ctx, b, "cps-occupied=yes")
		applyIn(ctx, a, source+`---
apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata: {name: cps-occupied}
spec:
  secretStoreRefs: [{name: store}]
  selector: {secret: {name: db}}
  data: [{match: {secretKey: user, remoteRef: {remoteKey: mine, property: user}}}]
`)
		apply(ctx, pushing("cps-occupied", "", "updatePolicy: IfNotExists"))
		Eventually(pushed(ctx, b)).Should(HaveLen(24))
		var cps esv1alpha1.ClusterPushSecret
		Eventually(ready(ctx, &cps, "", "cps-occupied")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse),
			say("one or more namespaces failed", a+": push secret already exists in namespace", "delete it, or choose another spec.pushSecretName")))
		Expect(cps.Status.ProvisionedNamespaces).To(Equal([]string{b}))
		Expect(secret(ctx, a, "mine").Data).To(HaveKey("user"))
		kubectl(ctx, "delete", "pushsecret", "-n", a, "cps-occupied")
		Eventually(pushed(ctx, a)).Should(HaveLen(24))
		Eventually(ready(ctx, &cps, "", "cps-occupied")).Should(haveStatus(metav1.ConditionTrue))
	})

	It("takes its PushSecrets with it when it is deleted, and leaves what they have pushed, as their policy says", func(ctx context.Context) {
		const a, b = "cps-delete-a", "cps-delete-b"
		storing(ctx, a, "cps-delete=yes")
		storing(ctx, b, "cps-delete=yes")
		apply(ctx, pushing("cps-delete", "", "deletionPolicy: None"))
		Eventually(pushed(ctx, a)).Should(HaveLen(24))
		Eventually(pushed(ctx, b)).Should(HaveLen(24))
		kept := pushed(ctx, a)()
		kubectl(ctx, "delete", "namespace", b, "--timeout", seconds.String())
		kubectl(ctx, "delete", "clusterpushsecret", "cps-delete", "--timeout", seconds.String())
		Eventually(exists(ctx, &esv1alpha1.PushSecret{}, a, "cps-delete")).WithTimeout(seconds).Should(BeFalse())
		Expect(pushed(ctx, a)()).To(Equal(kept))
		Expect(kubectl(ctx, "get", "events", "-A", "--field-selector", "involvedObject.name=cps-delete,type=Warning")).To(BeEmpty())
	})

	It("that has all namespaces push to one place lets the first one have it, and tells the others who that is", func(ctx context.Context) {
		const store, a, b = "cps-shared", "cps-shared-a", "cps-shared-b"
		storing(ctx, store)
		apply(ctx, strings.NewReplacer("kind: SecretStore", "kind: ClusterSecretStore", "{name: store}", "{name: cps-shared}",
			"{name: writer}", "{name: writer, namespace: cps-shared}").Replace(kubernetesStore(store, "writer", "")))
		for _, ns := range []string{a, b} {
			labelledNamespace(ctx, ns, "cps-shared=yes")
			applyIn(ctx, ns, strings.Replace(source, "CANARY-db", "CANARY-"+ns, 1))
		}
		apply(ctx, strings.NewReplacer("secretKey: password", "secretKey: user", "{name: store}", "{name: cps-shared, kind: ClusterSecretStore}",
			"generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: ClusterGenerator, name: cps-shared}", "secret: {name: db}",
		).Replace(pushing("cps-shared", "", "")))
		var outcomes []metav1.Condition
		Eventually(func(g Gomega) {
			outcomes = nil
			for _, ns := range []string{a, b} {
				outcome, err := ready(ctx, &esv1alpha1.PushSecret{}, ns, "cps-shared")()
				g.Expect(err).NotTo(HaveOccurred())
				outcomes = append(outcomes, outcome)
			}
			g.Expect(outcomes).To(ConsistOf(haveStatus(metav1.ConditionTrue), haveStatus(metav1.ConditionFalse)))
		}).Should(Succeed())
		Expect(outcomes).To(ContainElement(say(
			"cps-shared/pushed", `is pushed by PushSecret "cps-shared" in namespace "cps-shared-`, "with another value")))
	})

	It("is stored as it was applied", func(ctx context.Context) {
		kubectl(ctx, "apply", "-k", world.Path("config/samples"))
		expectStored(ctx, objectsOf("config/samples/clusterpushsecret.yaml")...)
		Expect(secret(ctx, "sluice-samples", "pushed-by-all").Data).To(HaveKey("reader"))
	})
})

var _ = Describe("the page on ClusterPushSecrets", Label("cps", "pages"), func() {
	It("shows one that works, and commands that do", func(ctx context.Context) {
		const ns, name = "page-cps", "database-password"
		labelledNamespace(ctx, ns, "database=yes")
		applyIn(ctx, ns, granted(ns, "writer", "[get, create, patch, delete]")+
			strings.Replace(kubernetesStore(ns, "writer", ""), "{name: store}", "{name: storage}", 1))
		apply(ctx, strings.Join(manifests("docs/guides/cluster-push-secrets.md"), "---\n"))
		password := func() string { return data(ctx, ns, "database")()["password"] }
		Eventually(password).Should(HaveLen(32))
		Expect(kubectl(ctx, "get", "pushsecrets", "--all-namespaces", "--field-selector", "metadata.name="+name)).To(ContainSubstring(ns))
		first := password()
		kubectl(ctx, "annotate", "clusterpushsecret", name, "force-sync=1", "--overwrite")
		Eventually(password).Should(SatisfyAll(HaveLen(32), Not(Equal(first))))
	})
})
