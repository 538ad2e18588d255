package pushsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A generated value that a template has shaped", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("is adopted with all that was made of it when the whole source is pushed", func() {
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a").All("db").
			Template("url", "db://{{ .password }}").Update(esv1alpha1.UpdateReplace).Every(0).PushSecret
		w.push(ps)
		both := map[string]string{"password": "pw-1", "url": "db://pw-1"}
		w.ExpectRemote("a", "db", both)
		w.Annotate(ps, "note", "x")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", both)
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("in a JSON object stays when somebody puts something else into the object", func() {
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a").Data("", "db", "config").PushSecret
		w.push(ps)
		w.ExpectRemote("a", "db", map[string]string{"config": `{"password":"pw-1"}`})
		w.seed("a", map[string]string{"config": `{"password":"pw-1","port":5432}`})
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"config": `{"password":"pw-1"}`})
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("is shaped again after an edit of the template where a store holds it as it was generated", func() {
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a").
			Data("password", "db", "password").Data("url", "db", "url").Template("url", "one://{{ .password }}").Every(0).PushSecret
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Template.Data["url"] = "two://{{ .password }}" })
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-1", "url": "two://pw-1"})
		w.expectSettled(ps)
	})

	It("stays as it is after an edit of the template that has used it up", func() {
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a").
			Data("url", "db", "url").Template("url", "one://{{ .password }}").Every(0).PushSecret
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Template.Data["url"] = "two://{{ .password }}" })
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"url": "one://pw-1"})
		Expect(w.Generator.Minted()).To(Equal(1))
	})
})

var _ = Describe("A PushSecret that another operator has worked on", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("keeps its value: a force-sync annotation from before is no new request", func() {
		w.seed("a", map[string]string{"password": "live"})
		ps := generated("a").Update(esv1alpha1.UpdateReplace).Annotate("force-sync", "long ago").PushSecret
		w.Create(ps)
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Status.RefreshTime = &metav1.Time{Time: w.Clock.Now()}
			ps.Status.SyncedResourceVersion = "1-abc"
		})
		w.reconcile(ps)
		Expect(w.value("a")).To(Equal("live"))

		By("rotating at the next request")
		w.Annotate(ps, "force-sync", "now")
		w.reconcile(ps)
		Expect(w.value("a")).To(Equal("pw-1"))
	})

	DescribeTable("is left to the other one by its controller class", func(edit func(gen.PushSecret) gen.PushSecret) {
		store, generator := gen.SecretStore("other", nil), gen.Fake("other", nil)
		store.Spec.Controller, generator.Spec.Controller = "somebody", "somebody"
		w.Create(store, generator)
		ps := edit(gen.NewPushSecret("push").Data("password", "db", "password").Deletion(esv1alpha1.DeletionDelete)).PushSecret
		ps.Finalizers = []string{"example.com/held"}
		w.Create(ps)
		w.Quietly(func() { w.reconcile(ps) })

		By("leaving its deletion alone too")
		ps.Finalizers = append(ps.Finalizers, esv1alpha1.FinalizerPushSecret)
		Expect(w.Client.Update(GinkgoT().Context(), ps)).To(Succeed())
		w.Delete(ps)
		w.Quietly(func() { w.reconcile(ps) })
		Expect(w.Client.Get(GinkgoT().Context(), client.ObjectKeyFromObject(ps), ps)).To(Succeed())
		Expect(ps.Finalizers).To(ContainElement(esv1alpha1.FinalizerPushSecret))
	},
		Entry("of one of its stores", func(ps gen.PushSecret) gen.PushSecret { return ps.From("source").To("a", "other") }),
		Entry("of its generator", func(ps gen.PushSecret) gen.PushSecret { return ps.Generate(genv1alpha1.KindFake, "other").To("a") }),
	)
})

var _ = Describe("A PushSecret whose source is gone", func() {
	It("stays SourceDeleted, and pushes again when the source is back", func() {
		w := newWorld()
		ps := fromSecret("push", "a").Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		w.Delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "source"}})
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonSourceDeleted)
		w.ExpectNoRemote("a", "db")
		w.expectSettled(ps)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonSourceDeleted)

		w.Create(gen.Secret("source", map[string]string{"password": "back"}))
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		Expect(w.value("a")).To(Equal("back"))
	})
})
