package operator_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

// The intervals of all objects here are an hour: what happens, happens because a change in the store was noticed.
var _ = Describe("A running operator follows a store of Kubernetes", Ordered, func() {
	var here, there place
	var settings options
	var operator *running
	BeforeAll(func(ctx SpecContext) {
		settings = defaults(newPlace(ctx).name)
		operator = begin(cluster.Config, settings)
	})
	BeforeEach(func(ctx SpecContext) {
		here, there = newPlace(ctx), newPlace(ctx)
		here.account(ctx, "reader", there.name)
		here.create(ctx, gen.KubernetesStore("store", there.name, "reader"))
	})
	remote := func(ctx SpecContext, password string) {
		GinkgoHelper()
		edit(ctx, named(there, gen.Secret("db", nil)), func(s *corev1.Secret) { s.Data["password"] = []byte(password) })
	}

	It("when a secret is changed, is deleted and appears", func(ctx SpecContext) {
		there.create(ctx, gen.Secret("db", map[string]string{"password": "first"}))
		es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "password").ExternalSecret
		es.Spec.Target.DeletionPolicy = esv1.DeleteDelete
		here.create(ctx, es)
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
		remote(ctx, "second")
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "second"}))
		Expect(admin.Delete(ctx, named(there, gen.Secret("db", nil)))).To(Succeed())
		Eventually(ready(ctx, es)).Should(HaveField("Reason", esv1.ReasonSecretDeleted))
		there.create(ctx, gen.Secret("db", map[string]string{"password": "third"}))
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "third"}))
	})

	It("by a search, which its own target does not wake", func(ctx SpecContext) {
		here.account(ctx, "own", here.name)
		own := gen.KubernetesStore("own", here.name, "own")
		es := gen.NewExternalSecret("app").Store("own").ExternalSecret
		es.Spec.DataFrom = []esv1.ExternalSecretDataFromRemoteRef{{Find: &esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: ".*"}}}}
		here.create(ctx, own, gen.Secret("db", map[string]string{"password": "first"}), es)
		Eventually(here.secret(ctx, "app")).Should(HaveKeyWithValue("db", `{"password":"first"}`))
		here.create(ctx, gen.Secret("more", map[string]string{"k": "v"}))
		Eventually(here.secret(ctx, "app")).Should(HaveKeyWithValue("more", `{"k":"v"}`))
		// The target holds what it held before: each time that it is made anew it grows. Twice is for wake-ups under way.
		states := map[string]bool{}
		Consistently(func(g Gomega) int {
			var target corev1.Secret
			g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: here.name, Name: "app"}, &target)).To(Succeed())
			states[target.ResourceVersion] = true
			return len(states)
		}).WithTimeout(4 * time.Second).Should(BeNumerically("<=", 2))
	})

	It("without asking a generator for another value", func(ctx SpecContext) {
		there.create(ctx, gen.Secret("db", map[string]string{"password": "first"}))
		es := gen.NewExternalSecret("app").Store("store").Data("remote", "db", "password").Generate(genv1alpha1.KindPassword, "maker").ExternalSecret
		here.create(ctx, gen.Password("maker"), es)
		Eventually(here.secret(ctx, "app")).Should(SatisfyAll(HaveKeyWithValue("remote", "first"), HaveKey("password")))
		made := here.secret(ctx, "app")()["password"]
		remote(ctx, "second")
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"remote": "second", "password": made}))
	})

	It("until the first success where the policy lets nothing follow afterwards", func(ctx SpecContext) {
		es := gen.NewExternalSecret("app").Store("store").Data("password", "db", "password").ExternalSecret
		es.Spec.RefreshPolicy = esv1.RefreshCreatedOnce
		witness := gen.NewExternalSecret("witness").Store("store").Data("password", "db", "password").ExternalSecret
		here.create(ctx, es, witness)
		Eventually(ready(ctx, es)).Should(beFalse(`secret "db" does not exist`))
		there.create(ctx, gen.Secret("db", map[string]string{"password": "first"}))
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
		remote(ctx, "second")
		Eventually(here.secret(ctx, "witness")).Should(Equal(map[string]string{"password": "second"}))
		Expect(here.secret(ctx, "app")()).To(Equal(map[string]string{"password": "first"}))
	})

	It("from the moment on when the store's identity may watch", func(ctx SpecContext) {
		here.create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "getter"}})
		here.allow(ctx, "getter", there.name, secretsRule("get"))
		store := gen.KubernetesStore("modest", there.name, "getter")
		there.create(ctx, gen.Secret("db", map[string]string{"password": "first"}))
		es := gen.NewExternalSecret("app").Store("modest").Data("password", "db", "password").ExternalSecret
		here.create(ctx, store, es)
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
		Eventually(ready(ctx, store)).Should(SatisfyAll(beTrue(), HaveField("Message",
			"store validated; changes of its secrets are seen at the refresh interval only: the store's identity may not watch secrets "+
				`in namespace "`+there.name+`" (grant it the verbs list and watch)`)))
		remote(ctx, "second")
		edit(ctx, es, func(es *esv1.ExternalSecret) { es.Annotations = map[string]string{esv1.AnnotationForceSync: "1"} })
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "second"}))

		role := named(there, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: here.name + "-getter"}})
		edit(ctx, role, func(r *rbacv1.Role) { r.Rules = []rbacv1.PolicyRule{secretsRule("get", "list", "watch")} })
		edit(ctx, store, func(s *esv1.SecretStore) { s.Annotations = map[string]string{"check": "again"} })
		Eventually(ready(ctx, store)).Should(HaveField("Message", "store validated"))
		remote(ctx, "third")
		Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "third"}))
	})

	It("with one list for all that begin together, and one after a restart, which brings what has changed meanwhile and no more", func(ctx SpecContext) {
		const many = 20
		var objects []client.Object
		for i := range many {
			key := numbered("db", i)
			there.create(ctx, gen.Secret(key, map[string]string{"password": "first"}))
			objects = append(objects, gen.NewExternalSecret(numbered("app", i)).Store("store").
				Data("password", key, "password").Data("again", key, "password").ExternalSecret)
		}
		operator.stop()
		settings.Namespace = here.name // others have stores of their own
		here.create(ctx, objects...)
		versions := func() (all []string) {
			for _, o := range objects {
				Eventually(ready(ctx, o)).Should(beTrue())
				all = append(all, o.GetResourceVersion(), here.version(ctx, o.GetName()))
			}
			return all
		}
		operator = begin(cluster.Config, settings)
		before := versions()
		Expect(operator.calls("ListSecrets")).To(BeEquivalentTo(1))
		Expect(operator.calls("GetSecret")).To(BeZero())

		operator.stop()
		edit(ctx, named(there, gen.Secret(numbered("db", 0), nil)), func(s *corev1.Secret) { s.Data["password"] = []byte("second") })
		operator = begin(cluster.Config, settings)
		Eventually(here.secret(ctx, numbered("app", 0))).Should(HaveKeyWithValue("password", "second"))
		edit(ctx, named(there, gen.Secret(numbered("db", 1), nil)), func(s *corev1.Secret) { s.Data["password"] = []byte("third") })
		Eventually(here.secret(ctx, numbered("app", 1))).Should(HaveKeyWithValue("password", "third"))
		Expect(versions()[4:]).To(Equal(before[4:]))
		Expect(operator.calls("ListSecrets")).To(BeEquivalentTo(1))
		Expect(operator.calls("GetSecret")).To(BeZero())
	})
})
