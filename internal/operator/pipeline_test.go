package operator_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A password that is generated, pushed into a store and shared by two apps", Ordered, func() {
	BeforeAll(func(ctx SpecContext) { begin(cluster.Config, defaults(newPlace(ctx).name)) })

	DescribeTable("arrives", func(ctx SpecContext, order func([]client.Object)) {
		vault, apps := newPlace(ctx), newPlace(ctx)
		vault.account(ctx, "store", vault.name)
		store := gen.ClusterSecretStore(vault.name, nil)
		store.Spec.Provider = gen.KubernetesStore("", vault.name, "store").Spec.Provider
		store.Spec.Provider.Kubernetes.Auth.ServiceAccount.Namespace = &vault.name
		maker := gen.Password("maker")
		maker.Spec.Length, maker.Spec.Digits, maker.Spec.AllowRepeat = new(42), new(5), true
		plain := gen.NewExternalSecret("plain").ClusterStore(vault.name).Data("password", "app", "password").
			Policy(esv1.RefreshCreatedOnce).ExternalSecret
		woven := gen.NewExternalSecret("woven").ClusterStore(vault.name).Data("password", "app", "password").
			Policy(esv1.RefreshCreatedOnce).Template("url", "db://app:{{ .password }}@host").ExternalSecret
		push := gen.NewPushSecret("push").Generate(genv1alpha1.KindPassword, "maker").ToCluster(vault.name).
			Data("password", "app", "password").Every(0).PushSecret

		objects := []client.Object{store, maker, push, plain, woven}
		order(objects)
		for _, o := range objects {
			if o == plain || o == woven {
				apps.create(ctx, o)
			} else {
				vault.create(ctx, o)
			}
		}
		Eventually(ready(ctx, plain)).Should(beTrue())
		Eventually(ready(ctx, woven)).Should(beTrue())
		password := apps.secret(ctx, "plain")()["password"]
		Expect(password).To(HaveLen(42))
		Expect(apps.secret(ctx, "woven")()).To(Equal(map[string]string{"url": "db://app:" + password + "@host"}))
		Expect(vault.secret(ctx, "app")()).To(Equal(map[string]string{"password": password}))
	},
		Entry("in the order of its way", func([]client.Object) {}),
		Entry("in reverse order", func(o []client.Object) { slices.Reverse(o) }),
	)
})
