package operator_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("An operator that may write other kinds than Secrets", func() {
	var here place
	BeforeEach(func(ctx SpecContext) {
		here = newPlace(ctx)
		o := defaults(newPlace(ctx).name)
		o.Namespace, o.GenericTargets = here.name, true
		begin(cluster.Config, o)
	})

	// The kinds differ in how changes of their objects are noticed.
	DescribeTable("repairs a target at once, and makes it anew", func(ctx SpecContext, apiVersion, kind string, path ...string) {
		es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "").Every(time.Hour).Manifest(apiVersion, kind).ExternalSecret
		here.create(ctx, gen.SecretStore("store", map[string]string{"db": "s3cret"}), es)
		target := &unstructured.Unstructured{}
		target.SetAPIVersion(apiVersion)
		target.SetKind(kind)
		target.SetNamespace(here.name)
		target.SetName("app")
		value := func() (any, error) {
			if err := admin.Get(ctx, client.ObjectKeyFromObject(target), target); err != nil {
				return nil, err
			}
			text, _, err := unstructured.NestedString(target.Object, path...)
			return text, err
		}
		Eventually(value).Should(Equal("s3cret"))
		edit(ctx, target, func(o *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(o.Object, "mine", path...)).To(Succeed())
		})
		Eventually(value).Should(Equal("s3cret"))
		uid := target.GetUID()
		Expect(admin.Delete(ctx, target)).To(Succeed())
		Eventually(value).Should(Equal("s3cret"))
		Expect(target.GetUID()).NotTo(Equal(uid))
	},
		Entry("a ConfigMap", "v1", "ConfigMap", "data", "password"),
		Entry("a custom resource", "config.example.com/v1", "AppConfig", "spec", "data", "password"),
	)
})
