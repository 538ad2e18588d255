package operator_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

// The intervals of all objects here are an hour or none: what happens, happens because something was noticed.
var _ = Describe("A running operator keeps what it pushed to stores of Kubernetes", Ordered, func() {
	var here, first, second place
	BeforeAll(func(ctx SpecContext) { begin(cluster.Config, defaults(newPlace(ctx).name)) })
	BeforeEach(func(ctx SpecContext) {
		here, first, second = newPlace(ctx), newPlace(ctx), newPlace(ctx)
		here.account(ctx, "writer", first.name)
		here.allow(ctx, "writer", second.name, secretsRule("*"))
		here.create(ctx, gen.KubernetesStore("a", first.name, "writer"), gen.KubernetesStore("b", second.name, "writer"))
	})
	write := func(ctx SpecContext, p place, name, password string) {
		GinkgoHelper()
		edit(ctx, named(p, gen.Secret(name, nil)), func(s *corev1.Secret) { s.Data["password"] = []byte(password) })
	}
	push := func(stores ...string) gen.PushSecret {
		return gen.NewPushSecret("push").To(stores...).Data("password", "db", "password")
	}
	holds := func(password string) types.GomegaMatcher { return Equal(map[string]string{"password": password}) }

	for name, interval := range map[string]func(gen.PushSecret) gen.PushSecret{
		"hourly": func(ps gen.PushSecret) gen.PushSecret { return ps }, "once": func(ps gen.PushSecret) gen.PushSecret { return ps.Every(0) },
	} {
		It("when it is changed or deleted there, pushed "+name, func(ctx SpecContext) {
			here.create(ctx, gen.Secret("source", map[string]string{"password": "s3cret"}), interval(push("a").From("source")).PushSecret)
			Eventually(first.secret(ctx, "db")).Should(holds("s3cret"))
			write(ctx, first, "db", "vandal")
			Eventually(first.secret(ctx, "db")).WithTimeout(5 * time.Second).Should(holds("s3cret"))
			Expect(admin.Delete(ctx, named(first, gen.Secret("db", nil)))).To(Succeed())
			Eventually(first.secret(ctx, "db")).WithTimeout(5 * time.Second).Should(holds("s3cret"))
		})
	}

	It("with the generated value that another store has", func(ctx SpecContext) {
		here.create(ctx, gen.Password("maker"), push("a", "b").Generate(genv1alpha1.KindPassword, "maker").Every(0).PushSecret)
		Eventually(first.secret(ctx, "db")).Should(HaveKey("password"))
		made := first.secret(ctx, "db")()["password"]
		Eventually(second.secret(ctx, "db")).Should(holds(made))
		write(ctx, first, "db", "vandal")
		Eventually(first.secret(ctx, "db")).WithTimeout(5 * time.Second).Should(holds(made))
		Expect(admin.Delete(ctx, named(second, gen.Secret("db", nil)))).To(Succeed())
		Eventually(second.secret(ctx, "db")).WithTimeout(5 * time.Second).Should(holds(made))
	})

	It("and is at rest when nothing changes, though it has seen its own writes", func(ctx SpecContext) {
		ps := push("a").From("source").PushSecret
		here.create(ctx, gen.Secret("source", map[string]string{"password": "s3cret"}), ps)
		Eventually(first.secret(ctx, "db")).Should(holds("s3cret"))
		Eventually(ready(ctx, ps)).Should(beTrue())
		target, object := first.version(ctx, "db"), ps.ResourceVersion
		Consistently(func(g Gomega) {
			g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(ps), ps)).To(Succeed())
			g.Expect([]string{first.version(ctx, "db"), ps.ResourceVersion}).To(Equal([]string{target, object}))
		}).WithTimeout(3 * time.Second).Should(Succeed())
	})

	It("when its source changes, and when its store becomes ready", func(ctx SpecContext) {
		ps := push("late").From("source").PushSecret
		here.create(ctx, gen.Secret("source", map[string]string{"password": "first"}), ps)
		Eventually(ready(ctx, ps)).Should(beFalse(`SecretStore "late" does not exist`))
		here.create(ctx, gen.KubernetesStore("late", first.name, "writer"))
		Eventually(first.secret(ctx, "db")).WithTimeout(5 * time.Second).Should(holds("first"))
		write(ctx, here, "source", "second")
		Eventually(first.secret(ctx, "db")).WithTimeout(time.Second).Should(holds("second"))
	})

	It("with one value when many generate it at once", func(ctx SpecContext) {
		watch, err := admin.Watch(ctx, &corev1.SecretList{}, client.InNamespace(first.name))
		Expect(err).NotTo(HaveOccurred())
		here.create(ctx, gen.Password("maker"))
		var all []*esv1alpha1.PushSecret
		for i := range 8 {
			ps := push("a").Generate(genv1alpha1.KindPassword, "maker").PushSecret
			ps.Name = fmt.Sprintf("push-%d", i)
			all = append(all, ps)
			here.create(ctx, ps)
		}
		for _, ps := range all {
			Eventually(ready(ctx, ps)).WithTimeout(10 * time.Second).Should(beTrue())
		}
		// What was written before the marker has been seen when the marker is.
		first.create(ctx, gen.Secret("marker", nil))
		values := map[string]bool{}
		for event := range watch.ResultChan() {
			s, ok := event.Object.(*corev1.Secret)
			if !ok || s.Name == "marker" {
				break
			}
			values[string(s.Data["password"])] = true
		}
		watch.Stop()
		Expect(values).To(HaveLen(1))
	})

	It("without a fight with another PushSecret, which is told of the first", func(ctx SpecContext) {
		one := push("a").From("one").Update(esv1alpha1.UpdateReplace).PushSecret
		two := push("a").From("two").Update(esv1alpha1.UpdateReplace).PushSecret
		two.Name = "two"
		here.create(ctx, gen.Secret("one", map[string]string{"password": "1"}), gen.Secret("two", map[string]string{"password": "2"}), one)
		Eventually(first.secret(ctx, "db")).Should(holds("1"))
		here.create(ctx, two)
		Eventually(ready(ctx, two)).Should(beFalse(`PushSecret "push" in namespace "` + here.name + `"`))
		Consistently(first.secret(ctx, "db")).WithTimeout(3 * time.Second).Should(holds("1"))

		By("letting the second in when the first has gone")
		Expect(admin.Delete(ctx, one)).To(Succeed())
		edit(ctx, two, func(ps *esv1alpha1.PushSecret) { ps.Annotations = map[string]string{esv1.AnnotationForceSync: "1"} })
		Eventually(first.secret(ctx, "db")).Should(holds("2"))
	})
})

var _ = Describe("An operator that starts where PushSecrets have done their work", func() {
	It("pushes again what is missing meanwhile, and reads nothing of what is not", func(ctx SpecContext) {
		here, there := newPlace(ctx), newPlace(ctx)
		here.account(ctx, "writer", there.name)
		here.create(ctx, gen.KubernetesStore("store", there.name, "writer"), gen.Secret("source", map[string]string{"password": "s3cret"}))
		var objects []client.Object
		for i := range 5 {
			objects = append(objects, gen.NewPushSecret(numbered("push", i)).From("source").To("store").
				Data("password", numbered("db", i), "password").Every(0).PushSecret)
		}
		here.create(ctx, objects...)
		settings := defaults(newPlace(ctx).name)
		settings.Namespace = here.name
		first := begin(cluster.Config, settings)
		for _, o := range objects {
			Eventually(ready(ctx, o)).Should(beTrue())
		}
		first.stop()
		Expect(admin.Delete(ctx, named(there, gen.Secret(numbered("db", 3), nil)))).To(Succeed())
		second := begin(cluster.Config, settings)
		Eventually(there.secret(ctx, numbered("db", 3))).Should(Equal(map[string]string{"password": "s3cret"}))
		Consistently(func() float64 { return second.calls("GetSecret") }).WithTimeout(time.Second).Should(BeNumerically("<=", 5))
		Expect(second.calls("CreateSecret")).To(BeEquivalentTo(1))
		Expect(second.calls("UpdateSecret")).To(BeZero())
	})
})
