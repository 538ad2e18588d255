package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

var _ = Describe("a target follows the edits of its ExternalSecret", Label("targets", "edits"), Ordered, func() {
	const ns = "target-edits"
	BeforeAll(func(ctx context.Context) {
		namespace(ctx, ns)
		applyIn(ctx, ns, fakeStore)
	})
	patch := func(ctx context.Context, name, spec string) {
		GinkgoHelper()
		kubectl(ctx, "patch", "externalsecret", "-n", ns, name, "--type=merge", "-p", `{"spec":`+spec+`}`)
	}

	It("from no target over a shared one to one of its own", func(ctx context.Context) {
		applyIn(ctx, ns, existing("grows")+taking("grows", "creationPolicy: None", ""))
		externalSecretOf(ctx, ns, "grows", esv1.ReasonSecretSynced)
		Expect(data(ctx, ns, "grows")()).To(Equal(theirs))
		patch(ctx, "grows", `{"target":{"creationPolicy":"Merge"}}`)
		Eventually(data(ctx, ns, "grows")).Should(Equal(both))
		patch(ctx, "grows", `{"target":{"creationPolicy":"Owner"}}`)
		Eventually(data(ctx, ns, "grows")).Should(Equal(taken))
		Eventually(func() *metav1.OwnerReference { return metav1.GetControllerOf(secret(ctx, ns, "grows")) }).ShouldNot(BeNil())
		patch(ctx, "grows", `{"target":{"creationPolicy":"Merge"}}`)
		Eventually(func() *metav1.OwnerReference { return metav1.GetControllerOf(secret(ctx, ns, "grows")) }).Should(BeNil())
		Expect(data(ctx, ns, "grows")()).To(Equal(taken))
	})

	It("to a name under which there is a Secret already", func(ctx context.Context) {
		applyIn(ctx, ns, existing("there-already")+taking("moves", "", ""))
		externalSecretOf(ctx, ns, "moves", esv1.ReasonSecretSynced)
		patch(ctx, "moves", `{"target":{"name":"there-already"}}`)
		Eventually(data(ctx, ns, "there-already")).Should(Equal(taken))
		Eventually(data(ctx, ns, "moves")).Should(BeNil())
		Expect(secret(ctx, ns, "there-already").Labels).To(HaveKeyWithValue("theirs", "label"))
	})

	It("in its labels and annotations, with and without a template", func(ctx context.Context) {
		applyIn(ctx, ns, marked(taking("labelled", "", ""), "labels: {a: one, b: one}", "annotations: {n: one}"))
		Eventually(func() map[string]string { return secret(ctx, ns, "labelled").Labels }).Should(HaveKeyWithValue("a", "one"))
		kubectl(ctx, "label", "externalsecret", "-n", ns, "labelled", "--overwrite", "a=two", "b-", "c=one")
		Eventually(func() map[string]string { return secret(ctx, ns, "labelled").Labels }).Should(SatisfyAll(
			HaveKeyWithValue("a", "two"), Not(HaveKey("b")), HaveKeyWithValue("c", "one")))
		patch(ctx, "labelled", `{"target":{"template":{"metadata":{"labels":{"t":"one"},"annotations":{"t":"one"}}}}}`)
		Eventually(func() map[string]string { return secret(ctx, ns, "labelled").Labels }).Should(SatisfyAll(
			HaveKeyWithValue("t", "one"), Not(HaveKey("a")), Not(HaveKey("c"))))
		Expect(secret(ctx, ns, "labelled").Annotations).To(SatisfyAll(HaveKeyWithValue("t", "one"), Not(HaveKey("n"))))
		Expect(data(ctx, ns, "labelled")()).To(Equal(taken))
		patch(ctx, "labelled", `{"target":{"template":null}}`)
		Eventually(func() map[string]string { return secret(ctx, ns, "labelled").Labels }).Should(SatisfyAll(
			HaveKeyWithValue("a", "two"), Not(HaveKey("t"))))
	})

	It("to another type only through a new Secret", func(ctx context.Context) {
		applyIn(ctx, ns, taking("typed", "", ""))
		externalSecretOf(ctx, ns, "typed", esv1.ReasonSecretSynced)
		patch(ctx, "typed", `{"target":{"template":{"type":"example.com/other"}}}`)
		externalSecretOf(ctx, ns, "typed", esv1.ReasonSecretSyncedError, "has type Opaque, which cannot be changed to example.com/other")
		kubectl(ctx, "delete", "secret", "-n", ns, "typed")
		Eventually(func() corev1.SecretType { return secret(ctx, ns, "typed").Type }).Should(BeEquivalentTo("example.com/other"))
		externalSecretOf(ctx, ns, "typed", esv1.ReasonSecretSynced)
	})

	It("from an interval of 0 to another one, and back", func(ctx context.Context) {
		applyIn(ctx, ns, taking("paced", "", "  refreshInterval: \"0\"\n"))
		externalSecretOf(ctx, ns, "paced", esv1.ReasonSecretSynced)
		patch(ctx, "paced", `{"target":{"template":{"data":{"k":"v"}}}}`)
		externalSecretOf(ctx, ns, "paced", esv1.ReasonSecretSynced, "generation 2 is not applied")
		patch(ctx, "paced", `{"refreshInterval":"1h"}`)
		Eventually(data(ctx, ns, "paced")).Should(Equal(map[string]string{"k": "v"}))
		externalSecretOf(ctx, ns, "paced", esv1.ReasonSecretSynced, "secret synced")
		patch(ctx, "paced", `{"refreshInterval":"0","target":{"template":{"data":{"k":"w"}}}}`)
		externalSecretOf(ctx, ns, "paced", esv1.ReasonSecretSynced, "generation 4 is not applied, generation 3 was synced: refreshInterval is 0")
	})

	It("when it goes and comes back, by the policy", func(ctx context.Context) {
		applyIn(ctx, ns, existing("shared-again")+taking("merges", "name: shared-again, creationPolicy: Merge", "")+
			taking("makes", "name: made-again, creationPolicy: CreateOrMerge", ""))
		Eventually(data(ctx, ns, "shared-again")).Should(Equal(both))
		secret(ctx, ns, "made-again")
		kubectl(ctx, "delete", "secret", "-n", ns, "shared-again", "made-again")
		externalSecretOf(ctx, ns, "merges", esv1.ReasonSecretMissing, `secret "shared-again" does not exist`)
		Eventually(data(ctx, ns, "made-again")).Should(Equal(taken))
		applyIn(ctx, ns, strings.Replace(existing("shared-again"), "CANARY-theirs", "CANARY-other", 1))
		Eventually(data(ctx, ns, "shared-again")).Should(HaveKeyWithValue("password", "CANARY-password"))
		externalSecretOf(ctx, ns, "merges", esv1.ReasonSecretSynced)
	})

	It("when it is made again under the same name at once", func(ctx context.Context) {
		applyIn(ctx, ns, taking("again", "", ""))
		first := secret(ctx, ns, "again").UID
		externalSecretOf(ctx, ns, "again", esv1.ReasonSecretSynced)
		_, err := world.Kubectl(ctx, strings.NewReader(taking("again", "", "")), "replace", "--force", "-n", ns, "-f", "-")
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() bool { return secret(ctx, ns, "again").UID != first }).Should(BeTrue())
		externalSecretOf(ctx, ns, "again", esv1.ReasonSecretSynced)
		Expect(data(ctx, ns, "again")()).To(Equal(taken))
	})

	It("also when the reference implementation has made it", func(ctx context.Context) {
		manifest := strings.Replace(existing("migrated"), "labels: {", `labels: {reconcile.external-secrets.io/managed: "true", `, 1)
		_, err := world.Kubectl(ctx, strings.NewReader(manifest), "create", "-n", ns, "-f", "-",
			"--field-manager=externalsecrets.external-secrets.io/migrated")
		Expect(err).NotTo(HaveOccurred())
		applyIn(ctx, ns, taking("migrated", "creationPolicy: Merge", ""))
		externalSecretOf(ctx, ns, "migrated", esv1.ReasonSecretSynced)
		Expect(data(ctx, ns, "migrated")()).To(Equal(taken), "what was its own and is not wanted any more is gone")
	})
})
