package operator_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/operator"
	"github.com/sluice-operator/sluice/test/gen"
)

// delivered creates an ExternalSecret with a store of one value, and returns when its target is there.
func (p place) delivered(ctx context.Context, name string) {
	GinkgoHelper()
	es := gen.NewExternalSecret(name).Store(name).Data("password", "db", "").ExternalSecret
	p.create(ctx, gen.SecretStore(name, map[string]string{"db": "s3cret"}), es)
	Eventually(ready(ctx, es)).Should(beTrue())
	Expect(p.secret(ctx, name)()).To(Equal(map[string]string{"password": "s3cret"}))
}

var _ = Describe("The key of the fingerprints", func() {
	var home, here place
	BeforeEach(func(ctx SpecContext) { home, here = newPlace(ctx), newPlace(ctx) })

	// run lets an operator work in the place of the spec.
	run := func() *running {
		o := defaults(home.name)
		o.Namespace = here.name
		return begin(cluster.Config, o)
	}

	It("is made at the first start and used again at the next, so that nothing is written anew", func(ctx SpecContext) {
		first := run()
		here.delivered(ctx, "app")
		key, target := home.version(ctx, operator.KeySecret), here.version(ctx, "app")
		Expect(home.secret(ctx, operator.KeySecret)()).To(HaveKeyWithValue("key", HaveLen(32)))
		first.stop()

		run()
		here.delivered(ctx, "marker")
		Expect(home.version(ctx, operator.KeySecret)).To(Equal(key))
		Expect(here.version(ctx, "app")).To(Equal(target))
	})

	It("that somebody has spoiled is left as it is, and the start fails and names it", func(ctx SpecContext) {
		home.create(ctx, gen.Secret(operator.KeySecret, map[string]string{"key": "short"}))
		version := home.version(ctx, operator.KeySecret)
		o := defaults(home.name)
		o.Share()
		_, err := newManager(ctx, cluster.Config, o)
		Expect(err).To(MatchError(ContainSubstring(operator.KeySecret)))
		Expect(err).NotTo(MatchError(ContainSubstring("short")))
		Expect(home.version(ctx, operator.KeySecret)).To(Equal(version))
	})
})

var _ = Describe("A target that has lost the mark of its owner", func() {
	It("goes with its sources, and nothing waits for it in the cache", func(ctx SpecContext) {
		home, here := newPlace(ctx), newPlace(ctx)
		o := defaults(home.name)
		o.Namespace, o.Concurrency = here.name, 1
		first := begin(cluster.Config, o)
		es := gen.NewExternalSecret("gone").Store("gone").Data("password", "db", "").Deletion(esv1.DeleteDelete).ExternalSecret
		store := gen.SecretStore("gone", map[string]string{"db": "s3cret"})
		here.create(ctx, store, es)
		Eventually(here.secret(ctx, "gone")).Should(HaveKey("password"))
		first.stop()

		target := gen.Secret("gone", nil)
		target.Namespace = here.name
		edit(ctx, target, func(s *corev1.Secret) { s.Labels = nil })
		edit(ctx, store, func(s *esv1.SecretStore) { s.Spec.Provider.Fake.Data[0].Key = "another" })
		begin(cluster.Config, o)
		Eventually(here.secret(ctx, "gone")).Should(BeNil())
		here.delivered(ctx, "app")
	})
})

var _ = Describe("An operator of one namespace", func() {
	var home, here place
	BeforeEach(func(ctx SpecContext) { home, here = newPlace(ctx), newPlace(ctx) })

	It("needs no right to Secrets but there, works there, and leaves the others alone", func(ctx SpecContext) {
		elsewhere := newPlace(ctx)
		ignored := gen.NewExternalSecret("app").Store("app").Data("password", "db", "").ExternalSecret
		elsewhere.create(ctx, gen.SecretStore("app", map[string]string{"db": "s3cret"}), ignored)
		o := defaults(home.name)
		o.Namespace = here.name
		begin(home.identity(ctx, "sluice", home.name, here.name), o)
		here.delivered(ctx, "app")
		Expect(home.secret(ctx, operator.KeySecret)()).To(HaveKey("key"))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(ignored), ignored)).To(Succeed())
		Expect(ignored.Status.Conditions).To(BeEmpty())
	})

	It("works without the right to its own namespace, with a key that ends with the process", func(ctx SpecContext) {
		config := home.identity(ctx, "sluice", here.name)
		o := defaults(home.name)
		o.Namespace = here.name
		first := begin(config, o)
		here.delivered(ctx, "app")
		Expect(home.secret(ctx, operator.KeySecret)()).To(BeNil())
		first.stop()

		By("not knowing at the next start what it delivered, and changing no value by that")
		version := here.version(ctx, "app")
		begin(config, o)
		Eventually(func() string { return here.version(ctx, "app") }).ShouldNot(Equal(version), "the mark of the new key")
		Expect(here.secret(ctx, "app")()).To(Equal(map[string]string{"password": "s3cret"}))
	})

	It("says which right it lacks when it may not write a target", func(ctx SpecContext) {
		config := home.identity(ctx, "sluice", home.name)
		home.allow(ctx, "sluice", here.name, secretsRule("get", "list", "watch"), everythingOf("external-secrets.io"), configMapsRule())
		o := defaults(home.name)
		o.Namespace = here.name
		begin(config, o)
		es := gen.NewExternalSecret("app").Store("app").Data("password", "db", "").ExternalSecret
		here.create(ctx, gen.SecretStore("app", map[string]string{"db": "s3cret"}), es)
		Eventually(ready(ctx, es)).Should(beFalse(`grant it the verb "patch" on secrets there`))
		Expect(admin.Get(ctx, client.ObjectKey{Namespace: here.name, Name: "app"}, &corev1.Secret{})).NotTo(Succeed())
	})

	It("writes targets of a kind that it may neither list nor watch, and is not held up by them", func(ctx SpecContext) {
		config := home.identity(ctx, "writer", home.name)
		home.allow(ctx, "writer", here.name, secretsRule("*"), everythingOf("external-secrets.io"), configMapsRule(), rbacv1.PolicyRule{
			APIGroups: []string{"config.example.com"}, Resources: []string{"appconfigs"}, Verbs: []string{"get", "create", "patch", "delete"},
		})
		o := defaults(home.name)
		o.Namespace, o.GenericTargets, o.Concurrency = here.name, true, 1
		begin(config, o)
		es := gen.NewExternalSecret("config").Store("config").Data("password", "db", "").
			Manifest("config.example.com/v1", "AppConfig").ExternalSecret
		here.create(ctx, gen.SecretStore("config", map[string]string{"db": "s3cret"}), es)
		Eventually(ready(ctx, es)).Should(beTrue())
		edit(ctx, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Manifest = nil })
		Eventually(here.secret(ctx, "config")).Should(HaveKey("password"))
		here.delivered(ctx, "app")
	})
})
