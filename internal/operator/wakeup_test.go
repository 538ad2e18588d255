package operator_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/test/gen"
)

// The intervals of all objects here are an hour: what happens, happens because something was noticed.
var _ = Describe("A running operator", Ordered, func() {
	var here place
	BeforeAll(func(ctx SpecContext) {
		begin(cluster.Config, defaults(newPlace(ctx).name))
	})
	BeforeEach(func(ctx SpecContext) { here = newPlace(ctx) })

	// synced creates an ExternalSecret of a store with one value, and returns when its target is there.
	synced := func(ctx SpecContext, es *esv1.ExternalSecret) {
		GinkgoHelper()
		here.create(ctx, gen.SecretStore("store", map[string]string{"db": "first"}), es)
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
	}

	Describe("wakes an ExternalSecret", func() {
		It("when its store appears and is found to work", func(ctx SpecContext) {
			es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "").ExternalSecret
			here.create(ctx, es)
			Eventually(ready(ctx, es)).Should(beFalse(`SecretStore "store" does not exist`))
			here.create(ctx, gen.SecretStore("store", map[string]string{"db": "s3cret"}))
			Eventually(ready(ctx, es)).Should(beTrue())
			Expect(here.secret(ctx, "app")()).To(Equal(map[string]string{"password": "s3cret"}))
		})

		It("when its ClusterSecretStore appears", func(ctx SpecContext) {
			es := gen.NewExternalSecret("app").ClusterStore(here.name).Data("password", "db", "").ExternalSecret
			here.create(ctx, es)
			Eventually(ready(ctx, es)).Should(beFalse("does not exist"))
			here.create(ctx, gen.ClusterSecretStore(here.name, map[string]string{"db": "s3cret"}))
			Eventually(ready(ctx, es)).Should(beTrue())
		})

		It("when its store changes", func(ctx SpecContext) {
			synced(ctx, gen.NewExternalSecret("app").Store("store").Data("password", "db", "").ExternalSecret)
			edit(ctx, named(here, gen.SecretStore("store", nil)), func(s *esv1.SecretStore) {
				s.Spec.Provider = gen.FakeProvider(map[string]string{"db": "second"})
			})
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "second"}))
		})

		It("when its store is mended", func(ctx SpecContext) {
			broken := gen.SecretStore("store", map[string]string{"db": "s3cret"})
			broken.Spec.Provider.Fake.ValidationResult = new(int32(2))
			es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "").ExternalSecret
			here.create(ctx, broken, es)
			Eventually(ready(ctx, es)).Should(beFalse(`SecretStore "store" is not ready`))
			edit(ctx, broken, func(s *esv1.SecretStore) { s.Spec.Provider.Fake.ValidationResult = nil })
			Eventually(ready(ctx, es)).Should(beTrue())
		})

		It("when its generator appears", func(ctx SpecContext) {
			es := gen.NewExternalSecret("app").Generate(genv1alpha1.KindPassword, "maker").ExternalSecret
			here.create(ctx, es)
			Eventually(ready(ctx, es)).Should(beFalse(`generator Password "maker" does not exist`))
			here.create(ctx, gen.Password("maker"))
			Eventually(ready(ctx, es)).Should(beTrue())
			Expect(here.secret(ctx, "app")()).To(HaveKey("password"))
		})

		It("when its ClusterGenerator appears", func(ctx SpecContext) {
			es := gen.NewExternalSecret("app").Generate(genv1alpha1.KindClusterGenerator, here.name).ExternalSecret
			here.create(ctx, es)
			Eventually(ready(ctx, es)).Should(beFalse("does not exist"))
			here.create(ctx, &genv1alpha1.ClusterGenerator{
				ObjectMeta: metav1.ObjectMeta{Name: here.name},
				Spec: genv1alpha1.ClusterGeneratorSpec{
					Kind: genv1alpha1.KindPassword, Generator: genv1alpha1.GeneratorSpec{PasswordSpec: &genv1alpha1.PasswordSpec{}},
				},
			})
			Eventually(ready(ctx, es)).Should(beTrue())
		})

		DescribeTable("when the Secret that its generator needs is mended", func(ctx SpecContext, kind string) {
			spec := genv1alpha1.MFASpec{Secret: metametav1.SecretKeySelector{Name: "seed", Key: "seed"}}
			shared := &genv1alpha1.ClusterGenerator{
				ObjectMeta: metav1.ObjectMeta{Name: here.name},
				Spec:       genv1alpha1.ClusterGeneratorSpec{Kind: genv1alpha1.KindMFA, Generator: genv1alpha1.GeneratorSpec{MFASpec: &spec}},
			}
			seed := gen.Secret("seed", map[string]string{"seed": "not Base32!"})
			es := gen.NewExternalSecret("app").Generate(kind, here.name).ExternalSecret
			here.create(ctx, shared, &genv1alpha1.MFA{ObjectMeta: metav1.ObjectMeta{Name: here.name}, Spec: spec}, seed, es)
			Eventually(ready(ctx, es)).Should(beFalse(`spec.secret: the value under key "seed" is not Base32`))
			edit(ctx, seed, func(s *corev1.Secret) { s.Data = map[string][]byte{"seed": []byte("JBSWY3DPEHPK3PXP")} })
			Eventually(ready(ctx, es)).Should(beTrue())
		},
			Entry("for a generator of the namespace", genv1alpha1.KindMFA),
			Entry("for a ClusterGenerator", genv1alpha1.KindClusterGenerator),
		)

		It("when the ConfigMap of its template appears and changes", func(ctx SpecContext) {
			es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "").TemplateFrom("texts", "url").ExternalSecret
			here.create(ctx, gen.SecretStore("store", map[string]string{"db": "s3cret"}), es)
			Eventually(ready(ctx, es)).Should(beFalse(`configMap "texts" does not exist`))
			texts := gen.ConfigMap("texts", map[string]string{"url": "one://{{ .password }}"})
			here.create(ctx, texts)
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"url": "one://s3cret"}))
			edit(ctx, texts, func(c *corev1.ConfigMap) { c.Data["url"] = "two://{{ .password }}" })
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"url": "two://s3cret"}))
		})

		It("when its target is edited or deleted", func(ctx SpecContext) {
			synced(ctx, gen.NewExternalSecret("app").Store("store").Data("password", "db", "").ExternalSecret)
			target := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.name, Name: "app"}}
			edit(ctx, target, func(s *corev1.Secret) { s.Data["password"], s.Data["more"] = []byte("edited"), []byte("added") })
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
			Expect(admin.Delete(ctx, target)).To(Succeed())
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
		})

		It("when the target that it adds keys to appears", func(ctx SpecContext) {
			es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "").Creation(esv1.CreateMerge).ExternalSecret
			here.create(ctx, gen.SecretStore("store", map[string]string{"db": "s3cret"}), es)
			Eventually(ready(ctx, es)).Should(HaveField("Reason", esv1.ReasonSecretMissing))
			here.create(ctx, gen.Secret("app", map[string]string{"user": "somebody"}))
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"user": "somebody", "password": "s3cret"}))
			Eventually(ready(ctx, es)).Should(HaveField("Reason", esv1.ReasonSecretSynced))
		})
	})

	Describe("wakes a store, and what uses it,", func() {
		var there place
		BeforeEach(func(ctx SpecContext) {
			there = newPlace(ctx)
			there.create(ctx, gen.Secret("db", map[string]string{"password": "s3cret"}))
			here.account(ctx, "reader", there.name)
		})
		es := func() *esv1.ExternalSecret {
			return gen.NewExternalSecret("app").Store("store").Data("password", "db", "password").ExternalSecret
		}

		It("when the Secret with its token is put right, or is spoiled", func(ctx SpecContext) {
			store, user, token := gen.KubernetesStore("store", there.name, ""), es(), here.token(ctx, "reader")
			store.Spec.Provider.Kubernetes.Auth = tokenAuth()
			here.create(ctx, store, user)
			Eventually(ready(ctx, user)).Should(beFalse(`secret "` + here.name + `/token" does not exist`))
			here.create(ctx, gen.Secret("token", map[string]string{"token": token}))
			Eventually(ready(ctx, user)).Should(beTrue())
			secret := named(here, gen.Secret("token", nil))
			edit(ctx, secret, func(s *corev1.Secret) { s.Data["token"] = []byte("spoiled") })
			Eventually(ready(ctx, store)).Should(beFalse("refuses the store's credentials"))
			edit(ctx, secret, func(s *corev1.Secret) { s.Data["token"] = []byte(token) })
			Eventually(ready(ctx, user)).Should(beTrue())
		})

		It("when the ConfigMap with its certificate authority appears", func(ctx SpecContext) {
			store, user := gen.KubernetesStore("store", there.name, "reader"), es()
			store.Spec.Provider.Kubernetes.Server = esv1.KubernetesServer{
				URL: cluster.Config.Host, CAProvider: &esv1.CAProvider{Type: esv1.CAProviderConfigMap, Name: "ca", Key: "ca.crt"},
			}
			here.create(ctx, store, user)
			Eventually(ready(ctx, user)).Should(beFalse(`config map "` + here.name + `/ca" does not exist`))
			here.create(ctx, gen.ConfigMap("ca", map[string]string{"ca.crt": string(cluster.Config.CAData)}))
			Eventually(ready(ctx, user)).Should(beTrue())
		})

		It("when the Secret appears that an object lends to its ClusterSecretStore", func(ctx SpecContext) {
			store, user := gen.ClusterSecretStore(here.name, nil), es()
			store.Spec.Provider = gen.KubernetesStore("", there.name, "").Spec.Provider
			store.Spec.Provider.Kubernetes.Auth = tokenAuth()
			user.Spec.SecretStoreRef = esv1.SecretStoreRef{Kind: esv1.KindClusterSecretStore, Name: store.Name}
			here.create(ctx, store, user)
			Eventually(ready(ctx, user)).Should(beFalse(`secret "` + here.name + `/token" does not exist`))
			Expect(ready(ctx, store)()).To(beTrue(), "nobody's credentials are looked at")
			here.create(ctx, gen.Secret("token", map[string]string{"token": here.token(ctx, "reader")}))
			Eventually(ready(ctx, user)).Should(beTrue())
		})

		It("when a label of the namespace lets it use its ClusterSecretStore", func(ctx SpecContext) {
			store := gen.ClusterSecretStore(here.name, map[string]string{"db": "s3cret"})
			store.Spec.Conditions = []esv1.ClusterSecretStoreCondition{
				{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"store": "yes"}}},
			}
			user := gen.NewExternalSecret("app").ClusterStore(here.name).Data("password", "db", "").ExternalSecret
			here.create(ctx, store, user)
			Eventually(ready(ctx, user)).Should(beFalse("is not allowed from namespace"))
			edit(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: here.name}}, func(n *corev1.Namespace) { n.Labels["store"] = "yes" })
			Eventually(ready(ctx, user)).Should(beTrue())
		})
	})

	Describe("wakes a PushSecret", func() {
		var there place
		BeforeEach(func(ctx SpecContext) {
			there = newPlace(ctx)
			here.account(ctx, "writer", there.name)
			here.create(ctx, gen.KubernetesStore("store", there.name, "writer"))
		})

		It("when its source appears and changes", func(ctx SpecContext) {
			ps := gen.NewPushSecret("push").From("source").To("store").Data("password", "db", "password").PushSecret
			here.create(ctx, ps)
			Eventually(ready(ctx, ps)).Should(beFalse(`secret "source" does not exist`))
			source := gen.Secret("source", map[string]string{"password": "first"})
			here.create(ctx, source)
			Eventually(there.secret(ctx, "db")).Should(Equal(map[string]string{"password": "first"}))
			edit(ctx, source, func(s *corev1.Secret) { s.Data["password"] = []byte("second") })
			Eventually(there.secret(ctx, "db")).Should(Equal(map[string]string{"password": "second"}))
		})

		It("when a Secret appears that its selector matches", func(ctx SpecContext) {
			here.create(ctx, gen.NewPushSecret("push").FromLabelled("push", "yes").To("store").Data("password", "db", "password").PushSecret)
			source := gen.Secret("source", map[string]string{"password": "first"})
			source.Labels = map[string]string{"push": "yes"}
			here.create(ctx, source)
			Eventually(there.secret(ctx, "db")).Should(Equal(map[string]string{"password": "first"}))
		})

		It("when a store appears that its selector matches, which gets the value that the first one has", func(ctx SpecContext) {
			elsewhere := newPlace(ctx)
			ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindPassword, "maker").
				To("store").ToLabelled("push", "yes").Data("password", "db", "password").Every(0).PushSecret
			here.create(ctx, gen.Password("maker"), ps)
			Eventually(ready(ctx, ps)).Should(beTrue())
			here.account(ctx, "other", elsewhere.name)
			late := gen.KubernetesStore("late", elsewhere.name, "other")
			late.Labels = map[string]string{"push": "yes"}
			here.create(ctx, late)
			Eventually(elsewhere.secret(ctx, "db")).Should(HaveKey("password"))
			Expect(elsewhere.secret(ctx, "db")()).To(Equal(there.secret(ctx, "db")()))
		})

		It("and cleans up after it when it goes", func(ctx SpecContext) {
			ps := gen.NewPushSecret("push").From("source").To("store").Data("password", "db", "password").Deletion("Delete").PushSecret
			here.create(ctx, gen.Secret("source", map[string]string{"password": "first"}), ps)
			Eventually(there.secret(ctx, "db")).ShouldNot(BeNil())
			Expect(admin.Delete(ctx, ps)).To(Succeed())
			Eventually(there.secret(ctx, "db")).Should(BeNil())
			Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(ps), ps) }).ShouldNot(Succeed())
		})
	})

	It("looks again at a store that lacked a right as soon as it has it", func(ctx SpecContext) {
		there := newPlace(ctx)
		here.create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}})
		store := gen.KubernetesStore("store", there.name, "reader")
		here.create(ctx, store)
		Eventually(ready(ctx, store)).Should(beFalse("secrets"))
		here.allow(ctx, "reader", there.name, secretsRule("get", "list", "watch"))
		Eventually(ready(ctx, store)).WithTimeout(2 * soon).Should(beTrue())
	})

	It("makes each generated value once, however many objects begin together", func(ctx SpecContext) {
		const many = 30
		seen := here.watchValues(ctx, "password")
		here.create(ctx, gen.Password("maker"))
		for i := range many {
			here.create(ctx, gen.NewExternalSecret(numbered("app", i)).
				Generate(genv1alpha1.KindPassword, "maker").Policy(esv1.RefreshCreatedOnce).ExternalSecret)
		}
		for i := range many {
			es := named(here, gen.NewExternalSecret(numbered("app", i)).ExternalSecret)
			Eventually(ready(ctx, es)).Should(beTrue())
		}
		Eventually(seen.names).Should(HaveLen(many))
		Expect(seen.most()).To(Equal(1), "the most values that one Secret has had")
		Expect(seen.different()).To(Equal(many), "different values")
	})

	It("leaves a generated value alone when its objects are labelled, annotated and made anew", func(ctx SpecContext) {
		there := newPlace(ctx)
		here.account(ctx, "writer", there.name)
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindPassword, "maker").To("store").Data("password", "db", "password").Every(0).PushSecret
		es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "password").Every(time.Hour).
			Template("url", "db://{{ .password }}").ExternalSecret
		here.create(ctx, es, ps, gen.KubernetesStore("store", there.name, "writer"), gen.Password("maker"))
		Eventually(ready(ctx, es)).Should(beTrue())
		pushed, delivered := there.version(ctx, "db"), here.version(ctx, "app")

		for _, o := range []client.Object{ps, es} {
			before := syncedVersion(ctx, o)()
			edit(ctx, o, func(o client.Object) {
				o.SetLabels(map[string]string{"team": "a"})
				o.SetAnnotations(map[string]string{"tracking": "b"})
			})
			Eventually(syncedVersion(ctx, o)).ShouldNot(Equal(before))
		}
		again := gen.NewPushSecret("push").Generate(genv1alpha1.KindPassword, "maker").To("store").Data("password", "db", "password").Every(0).PushSecret
		Expect(admin.Delete(ctx, ps)).To(Succeed())
		here.create(ctx, again)
		Eventually(ready(ctx, again)).Should(beTrue())
		Expect(there.version(ctx, "db")).To(Equal(pushed))
		Expect(here.version(ctx, "app")).To(Equal(delivered))
	})
})
