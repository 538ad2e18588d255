package operator_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/test/gen"
)

// join gives the namespace of a place the label by which a group is selected; leave takes it away.
func (p place) join(ctx context.Context, group string) {
	GinkgoHelper()
	edit(ctx, p.object(), func(n *corev1.Namespace) { n.Labels["group"] = group })
}

func (p place) leave(ctx context.Context) {
	GinkgoHelper()
	edit(ctx, p.object(), func(n *corev1.Namespace) { delete(n.Labels, "group") })
}

func (p place) object() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.name}}
}

// storeOf returns the name of the store that an ExternalSecret reads from; an empty one while there is none.
func (p place) storeOf(ctx context.Context, name string) func() string {
	return func() string {
		var es esv1.ExternalSecret
		if err := admin.Get(ctx, client.ObjectKey{Namespace: p.name, Name: name}, &es); err != nil {
			return ""
		}
		return es.Spec.SecretStoreRef.Name
	}
}

// The refresh time of all objects here is an hour: what happens, happens because something was noticed.
var _ = Describe("A running operator with ClusterExternalSecrets", Ordered, func() {
	var (
		first, second place
		made          gen.ClusterExternalSecret
		ces           *esv1.ClusterExternalSecret
	)
	BeforeAll(func(ctx SpecContext) { begin(cluster.Config, defaults(newPlace(ctx).name)) })
	BeforeEach(func(ctx SpecContext) {
		first, second = newPlace(ctx), newPlace(ctx)
		made = gen.NewClusterExternalSecret(first.name, gen.NewExternalSecret("").Store("store").Data("password", "db", "")).
			Labelled("group", first.name).Child("app")
		ces = made.ClusterExternalSecret
		first.join(ctx, first.name)
	})
	provisioned := func(ctx SpecContext) {
		GinkgoHelper()
		first.create(ctx, ces)
		// It is Ready without any namespace too, when the label has not reached the operator yet.
		Eventually(first.storeOf(ctx, "app")).Should(Equal("store"))
		Eventually(ready(ctx, ces)).Should(beTrue())
	}

	It("delivers to a namespace that is new, and to one that has just been labelled", func(ctx SpecContext) {
		provisioned(ctx)
		late := place{first.name + "-late"}
		namespace := late.object()
		namespace.Labels = map[string]string{"group": first.name}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		late.create(ctx, gen.SecretStore("store", map[string]string{"db": "s3cret"}))
		Eventually(late.storeOf(ctx, "app")).Should(Equal("store"))
		Eventually(late.secret(ctx, "app")).Should(Equal(map[string]string{"password": "s3cret"}))
		second.join(ctx, first.name)
		Eventually(second.storeOf(ctx, "app")).Should(Equal("store"))
		Eventually(func() []string {
			ready(ctx, ces)()
			return ces.Status.ProvisionedNamespaces
		}).Should(ConsistOf(first.name, late.name, second.name))
	})

	It("delivers to a namespace that is named before it exists", func(ctx SpecContext) {
		late := place{first.name + "-named"}
		made.In(late.name)
		provisioned(ctx)
		Expect(ready(ctx, ces)().Message).To(ContainSubstring(late.name))
		Expect(admin.Create(ctx, late.object())).To(Succeed())
		Eventually(late.storeOf(ctx, "app")).Should(Equal("store"))
		Eventually(func() string { return ready(ctx, ces)().Message }).ShouldNot(ContainSubstring(late.name))
	})

	It("takes it away from a namespace that loses its label", func(ctx SpecContext) {
		second.join(ctx, first.name)
		provisioned(ctx)
		second.leave(ctx)
		Eventually(second.storeOf(ctx, "app")).Should(BeEmpty())
		Expect(first.storeOf(ctx, "app")()).To(Equal("store"))
	})

	It("heals what is edited and deleted", func(ctx SpecContext) {
		provisioned(ctx)
		es := named(first, gen.NewExternalSecret("app").ExternalSecret)
		edit(ctx, es, func(es *esv1.ExternalSecret) { es.Spec.SecretStoreRef.Name = "another" })
		Eventually(first.storeOf(ctx, "app")).Should(Equal("store"))
		edit(ctx, es, func(es *esv1.ExternalSecret) { es.Spec.RefreshPolicy = esv1.RefreshOnChange })
		Eventually(func() esv1.ExternalSecretRefreshPolicy {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(es), es)).To(Succeed())
			return es.Spec.RefreshPolicy
		}).Should(BeEmpty())
		Expect(admin.Delete(ctx, es)).To(Succeed())
		Eventually(first.storeOf(ctx, "app")).Should(Equal("store"))
	})

	It("passes on what changes in it, the request to refresh too", func(ctx SpecContext) {
		provisioned(ctx)
		edit(ctx, ces, func(c *esv1.ClusterExternalSecret) {
			c.Spec.ExternalSecretSpec.SecretStoreRef.Name = "another"
			c.Annotations = map[string]string{esv1.AnnotationForceSync: "1"}
		})
		Eventually(first.storeOf(ctx, "app")).Should(Equal("another"))
		var es esv1.ExternalSecret
		Expect(admin.Get(ctx, client.ObjectKey{Namespace: first.name, Name: "app"}, &es)).To(Succeed())
		Expect(es.Annotations).To(Equal(map[string]string{esv1.AnnotationForceSync: "1"}))
	})

	It("goes on where another object stood in the way, when that goes", func(ctx SpecContext) {
		other := gen.NewExternalSecret("app").Store("mine").Data("password", "db", "").ExternalSecret
		first.create(ctx, other)
		first.create(ctx, ces)
		Eventually(ready(ctx, ces)).Should(beFalse(first.name + ": external secret already exists in namespace"))
		Expect(first.storeOf(ctx, "app")()).To(Equal("mine"))
		Expect(admin.Delete(ctx, other)).To(Succeed())
		// It is Ready without any namespace too, when the label has not reached the operator yet.
		Eventually(first.storeOf(ctx, "app")).Should(Equal("store"))
		Eventually(ready(ctx, ces)).Should(beTrue())
	})

	It("says so when somebody takes its ExternalSecret for himself", func(ctx SpecContext) {
		provisioned(ctx)
		es := named(first, gen.NewExternalSecret("app").ExternalSecret)
		edit(ctx, es, func(es *esv1.ExternalSecret) { es.OwnerReferences = nil })
		Eventually(ready(ctx, ces)).Should(beFalse("was not made by this ClusterExternalSecret"))
	})

	It("frees a namespace of a finalizer whose ClusterExternalSecret nobody knows any more", func(ctx SpecContext) {
		late := place{first.name + "-marked"}
		namespace := late.object()
		namespace.Finalizers = []string{"externalsecrets.external-secrets.io/ces-long-gone"}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		Eventually(func() []string {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)).To(Succeed())
			return namespace.Finalizers
		}).Should(BeEmpty())
	})

	It("writes nothing that is there already when it starts", func(ctx SpecContext) {
		provisioned(ctx)
		var before, after esv1.ExternalSecret
		key := client.ObjectKey{Namespace: first.name, Name: "app"}
		Eventually(ready(ctx, named(first, gen.NewExternalSecret("app").ExternalSecret))).Should(beFalse(`SecretStore "store"`))
		Expect(admin.Get(ctx, key, &before)).To(Succeed())
		begin(cluster.Config, defaults(newPlace(ctx).name))
		second.join(ctx, first.name)
		Eventually(second.storeOf(ctx, "app")).Should(Equal("store"))
		Expect(admin.Get(ctx, key, &after)).To(Succeed())
		Expect(after.ResourceVersion).To(Equal(before.ResourceVersion))
	})
})

var _ = Describe("An operator of one namespace, with a ClusterExternalSecret that selects it", func() {
	It("leaves it to the operator of all", func(ctx SpecContext) {
		home, here := newPlace(ctx), newPlace(ctx)
		ces := gen.NewClusterExternalSecret(here.name, gen.NewExternalSecret("").Store("store").Data("password", "db", "")).
			In(here.name).ClusterExternalSecret
		here.create(ctx, ces)
		o := defaults(home.name)
		o.Namespace = here.name
		begin(cluster.Config, o)
		here.delivered(ctx, "marker")
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(ces), ces)).To(Succeed())
		Expect(ces.Status).To(BeZero())
		Expect(here.storeOf(ctx, here.name)()).To(BeEmpty())
	})
})
