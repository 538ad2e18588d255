package operator_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("An operator that finds a flood in one namespace", func() {
	It("serves another namespace early", func(ctx SpecContext) {
		const many, early = 150, 10
		flooded, quiet := newPlace(ctx), newPlace(ctx)
		if flooded.name > quiet.name {
			flooded, quiet = quiet, flooded // lists are in the order of names
		}
		flooded.create(ctx, gen.Password("maker"))
		quiet.create(ctx, gen.Password("maker"))
		for i := range many {
			flooded.create(ctx, gen.NewExternalSecret(numbered("app", i)).Generate(genv1alpha1.KindPassword, "maker").ExternalSecret)
		}
		quiet.create(ctx, gen.NewExternalSecret("app").Generate(genv1alpha1.KindPassword, "maker").ExternalSecret)

		o := defaults(newPlace(ctx).name)
		o.Concurrency = 1
		begin(cluster.Config, o)
		var made corev1.SecretList
		Eventually(func(g Gomega) {
			g.Expect(admin.List(ctx, &made, client.InNamespace(flooded.name))).To(Succeed())
			g.Expect(made.Items).To(HaveLen(many))
		}).WithTimeout(3 * soon).Should(Succeed())

		before, version := 0, quiet.version(ctx, "app")
		for _, secret := range made.Items {
			order, err := resourceversion.CompareResourceVersion(secret.ResourceVersion, version)
			Expect(err).NotTo(HaveOccurred())
			if order < 0 {
				before++
			}
		}
		Expect(before).To(BeNumerically("<", early), "how many of the flood were served before")
	})
})
