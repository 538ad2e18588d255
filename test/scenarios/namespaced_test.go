package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/story"
)

var _ = Describe("an operator for one namespace", Label("install"), Ordered, func() {
	const home, apps = "single-system", "single-apps"

	BeforeAll(func(ctx context.Context) {
		// A control plane of its own: ClusterSecretStores without a class are checked by every operator, and this one cannot
		// use most of those of the other scenarios.
		others := world
		DeferCleanup(func() { world = others })
		var err error
		world, err = story.Start(ctx, "", GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(world.Stop)
		namespace(ctx, apps)
		// Names of its own keep its rights apart from those that every world has.
		manifests := strings.NewReplacer(story.OperatorNamespace, home, "namespace: apps", "namespace: "+apps, "=apps", "="+apps).
			Replace(kubectl(ctx, "kustomize", world.Path("config/namespaced")))
		apply(ctx, manifests)
		kubeconfig, err := world.KubeconfigFor(ctx, home, "sluice")
		Expect(err).NotTo(HaveOccurred())
		args := kubectl(ctx, "get", "deployment", "sluice", "-n", home, "-o", `jsonpath={range .spec.template.spec.containers[0].args[*]}{@}{"\n"}{end}`)
		Expect(args).To(ContainSubstring("--namespace=" + apps))
		single, err := world.StartOperatorAs(ctx, kubeconfig,
			append(strings.Fields(args), "--operator-namespace", home)...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(single.Stop()).To(Succeed()) })
	})

	DescribeTable("has no right elsewhere", func(ctx context.Context, verb, resource, place string) {
		out, err := world.Kubectl(ctx, nil, "auth", "can-i", verb, resource, "-n", place, "--as", "system:serviceaccount:"+home+":sluice")
		Expect(err).To(HaveOccurred(), out) // kubectl exits with 1 for no
		Expect(out).To(HavePrefix("no"))
	},
		Entry("to read Secrets", "get", "secrets", "default"),
		Entry("to list Secrets", "list", "secrets", "default"),
		Entry("to list Secrets of all namespaces", "list", "secrets", ""),
		Entry("to write Secrets", "patch", "secrets", "default"),
		Entry("to list the Secrets beside it", "list", "secrets", home),
		Entry("to request tokens", "create", "serviceaccounts/token", "default"),
		Entry("to read ConfigMaps", "get", "configmaps", "default"),
		Entry("to read ExternalSecrets", "list", "externalsecrets.external-secrets.io", "default"),
	)

	It("pulls and pushes there, and leaves the others alone", func(ctx context.Context) {
		elsewhere := namespace(ctx, "single-elsewhere")
		clusterStore := strings.NewReplacer("kind: SecretStore", "kind: ClusterSecretStore", "{name: store}", "{name: single}",
			"{name: keeper}", "{name: keeper, namespace: "+apps+"}").Replace(kubernetesStore(apps, "keeper", ""))
		manifests := source + granted(apps, "keeper", "[get, list, watch, create, patch]") +
			kubernetesStore(apps, "keeper", "") + clusterStore +
			externalSecret(`{secretStoreRef: {name: store}, data: [{secretKey: a, remoteRef: {key: db, property: user}}]}`) + "\n" +
			pushSecret(`{secretStoreRefs: [{name: single, kind: ClusterSecretStore}], selector: {secret: {name: db}},
  data: [{match: {secretKey: user, remoteRef: {remoteKey: kept, property: user}}}]}`)
		applyIn(ctx, elsewhere, fakeStoreDocument+
			externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}]}`))
		applyIn(ctx, apps, manifests)
		Expect(secret(ctx, apps, "wrong").Data).To(HaveKeyWithValue("a", []byte("CANARY-db")))
		Expect(secret(ctx, apps, "kept").Data).To(HaveKeyWithValue("user", []byte("CANARY-db")))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, apps, "wrong")).Should(haveStatus(metav1.ConditionTrue))
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, apps, "push")).Should(haveStatus(metav1.ConditionTrue))
		var ignored esv1.ExternalSecret
		Expect(ready(ctx, &ignored, elsewhere, "wrong")()).To(BeZero())
		Expect(ignored.Status.ObservedGeneration).To(BeZero())
	})
})
