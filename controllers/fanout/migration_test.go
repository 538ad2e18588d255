package fanout_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/fanout"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

const (
	cleanup = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"
	mark    = "externalsecrets.external-secrets.io/ces-"
	others  = "example.com/keep"
)

// What the reference implementation leaves behind.
var _ = Describe("A ClusterExternalSecret that comes from the reference implementation", func() {
	var (
		w    *world
		made gen.ClusterExternalSecret
		ces  *esv1.ClusterExternalSecret
		a    string
	)
	BeforeEach(func() {
		w = newWorld(fanout.NewExternalSecrets)
		a = w.namespace("a", mark+w.Namespace, mark+w.Namespace+"-other", others)
		made = gen.NewClusterExternalSecret(w.Namespace, gen.NewExternalSecret("").Store("store").Data("password", "db", "")).
			Labelled("group", w.Namespace).Label("team", "red")
		ces = made.ClusterExternalSecret
		ces.Finalizers = []string{cleanup, others}
	})
	marks := func() []string {
		GinkgoHelper()
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a}}
		Expect(w.Gone(namespace)).To(BeFalse())
		return namespace.Finalizers
	}
	// former is the ExternalSecret as that implementation writes it.
	former := func(ctx SpecContext) *esv1.ExternalSecret {
		es := &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{
			Namespace: a, Name: ces.Name, Labels: map[string]string{"team": "red"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ces, esv1.GroupVersion().WithKind(esv1.KindClusterExternalSecret))},
		}, Spec: ces.Spec.ExternalSecretSpec}
		Expect(admin.Create(ctx, es, client.FieldOwner("external-secrets"))).To(Succeed())
		return es
	}

	It("frees its namespaces of the finalizer, and of no other", func() {
		w.Create(ces)
		w.Reconcile(w.controller, ces)
		Expect(marks()).To(Equal([]string{mark + w.Namespace + "-other", others}))
		Expect(w.child(a, ces.Name)).NotTo(BeNil())
		w.Quietly(func() { w.Reconcile(w.controller, ces) })
	})

	It("takes no finalizer off that is set at the same moment", func() {
		w.Create(ces)
		w.Refuse(func(verb string, o client.Object) error {
			if _, ok := o.(*corev1.Namespace); ok && verb == lab.VerbPatch {
				w.Refuse(nil)
				lab.Edit(w.Lab, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a}}, func(n *corev1.Namespace) {
					n.Finalizers = append(n.Finalizers, "example.com/new")
				})
			}
			return nil
		})
		_, err := w.Try(w.controller, ces)
		Expect(err).To(HaveOccurred())
		Expect(marks()).To(ContainElement("example.com/new"))
		Expect(ces.Status.Conditions).To(BeEmpty(), "it is no failure")
		w.Reconcile(w.controller, ces)
		Expect(marks()).To(Equal([]string{mark + w.Namespace + "-other", others, "example.com/new"}))
	})

	It("frees also those that it does not select any more, and those that are being deleted", func() {
		w.leave(a)
		w.Create(ces)
		w.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a}})
		w.Reconcile(w.controller, ces)
		Expect(marks()).To(Equal([]string{mark + w.Namespace + "-other", others}))
	})

	It("is let go, and frees its namespaces by that", func() {
		w.Create(ces)
		w.Delete(ces)
		w.Reconcile(w.controller, ces)
		Expect(ces.Finalizers).To(Equal([]string{others}))
		Expect(marks()).To(Equal([]string{mark + w.Namespace + "-other", others}))
		Expect(w.Gone(at(a, ces.Name))).To(BeTrue(), "nothing new is made for what is being deleted")
	})

	It("is let go though a namespace cannot be freed, which is tried again when it is gone", func() {
		ces.Finalizers = []string{cleanup}
		w.Create(ces)
		w.Delete(ces)
		w.Refuse(func(_ string, o client.Object) error {
			if _, ok := o.(*corev1.Namespace); ok {
				return apierrors.NewForbidden(corev1.Resource("namespaces"), o.GetName(), nil)
			}
			return nil
		})
		_, err := w.Try(w.controller, ces)
		Expect(err).To(MatchError(ContainSubstring(`grant it the verb "patch" on namespaces`)))
		Expect(w.Gone(ces)).To(BeTrue())
		_, err = w.Try(w.controller, ces)
		Expect(err).To(HaveOccurred())
		w.Refuse(nil)
		w.Reconcile(w.controller, ces)
		Expect(marks()).To(Equal([]string{mark + w.Namespace + "-other", others}))
	})

	It("says which right is missing where a namespace cannot be freed, and provisions it all the same", func() {
		w.Create(ces)
		w.Refuse(func(_ string, o client.Object) error {
			if _, ok := o.(*corev1.Namespace); ok {
				return apierrors.NewForbidden(corev1.Resource("namespaces"), o.GetName(), nil)
			}
			return nil
		})
		_, err := w.Try(w.controller, ces)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, a, mark+w.Namespace, `the verb "patch" on namespaces`)
		Expect(w.child(a, ces.Name)).NotTo(BeNil())
	})

	It("takes its ExternalSecrets over, and from then on also what it asks for no more", func(ctx SpecContext) {
		w.Create(ces)
		es := former(ctx)
		w.Reconcile(w.controller, ces)
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
		Expect(w.child(a, ces.Name).UID).To(Equal(es.UID))
		Expect(w.child(a, ces.Name).Generation).To(Equal(es.Generation), "nothing that it delivers has changed")
		w.Quietly(func() { w.Reconcile(w.controller, ces) })

		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) {
			c.Spec.ExternalSecretMetadata.Labels = nil
			c.Spec.ExternalSecretSpec.SecretStoreRef = esv1.SecretStoreRef{}
		})
		w.Reconcile(w.controller, ces)
		Expect(w.child(a, ces.Name).Labels).To(BeEmpty())
		Expect(w.child(a, ces.Name).Spec.SecretStoreRef).To(BeZero())
		w.Quietly(func() { w.Reconcile(w.controller, ces) })
	})

	It("waits for the garbage collector where a former object of its name has left one", func(ctx SpecContext) {
		w.Create(ces)
		es := former(ctx)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.OwnerReferences[0].UID = "former" })
		w.Reconcile(w.controller, ces)
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, "former ClusterExternalSecret", "garbage collector")
		w.Delete(es)
		w.Reconcile(w.controller, ces)
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
	})
})
