package pushsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/generatorstate"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A PushSecret of a generator that yields leases", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.Generator.Leaseless = false
		w.restart()
	})
	unavailable := fault.New(fault.Unavailable, "no route")

	// collect lets the collector look at every lease.
	collect := func() {
		GinkgoHelper()
		d := w.Deps()
		collector := generatorstate.New(generatorstate.Config{
			Client: d.Client, Generators: d.Generators, Metrics: d.Metrics, Events: d.Recorder(""), Clock: d.Clock,
		})
		var all genv1alpha1.GeneratorStateList
		Expect(admin.List(GinkgoT().Context(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		for i := range all.Items {
			w.Reconcile(collector, &all.Items[i])
		}
	}
	// expectUse expects the value of one run in both stores, and that only what was obtained in it is left after a while.
	expectUse := func(ps *esv1alpha1.PushSecret, value string) {
		GinkgoHelper()
		w.ExpectRemote("a", "db", map[string]string{"password": value})
		w.ExpectRemote("b", "db", map[string]string{"password": value})
		Expect(ps.Status.Leases).To(HaveLen(1))
		w.Clock.Step(20 * time.Minute)
		w.reconcile(ps)
		w.Clock.Step(20 * time.Minute)
		collect()
		Expect(w.Generator.Live()).To(HaveLen(1))
		w.ExpectRemote("a", "db", map[string]string{"password": value})
	}

	It("keeps what is in use, and gives back what was replaced when nobody can be using it", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		collect()
		Expect(w.Generator.Live()).To(HaveLen(1))
		w.expectSettled(ps)

		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		collect()
		Expect(w.Generator.Live()).To(HaveLen(2), "for the grace period")
		expectUse(ps, "pw-2")
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	DescribeTable("obtains nothing twice for one need",
		func(happens func(*esv1alpha1.PushSecret)) {
			ps := generated("a", "b").PushSecret
			w.push(ps)
			happens(ps)
			w.reconcile(ps)
			w.reconcile(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			Expect(w.Generator.Minted()).To(Equal(1))
			expectUse(ps, "pw-1")
		},
		Entry("after a restart", func(*esv1alpha1.PushSecret) { w.restart() }),
		Entry("after a label", func(ps *esv1alpha1.PushSecret) { w.Label(ps, "team", "b") }),
		Entry("after an edit", func(ps *esv1alpha1.PushSecret) {
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.DeletionPolicy = esv1alpha1.DeletionDelete })
		}),
		Entry("after the loss of the status", func(ps *esv1alpha1.PushSecret) {
			lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Status = esv1alpha1.PushSecretStatus{} })
			w.restart()
		}),
		Entry("after the loss of the value in one store", func(ps *esv1alpha1.PushSecret) {
			w.Memory("a").Remove("db")
			w.Annotate(ps, "note", "x")
		}),
	)

	It("delivers what it obtained by the next try, also after a restart", func() {
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		ps := generated("a", "b").PushSecret
		w.Create(ps)
		for range 2 {
			_, err := w.Try(w.controller, ps)
			Expect(err).To(HaveOccurred())
		}
		w.restart()
		w.Clock.Step(time.Hour) // far longer than what nobody has received is kept
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		collect()
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		Expect(w.Generator.Minted()).To(Equal(1))
		expectUse(ps, "pw-1")
	})

	It("gives back what nobody has received", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.refuseStatus()
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.Refuse(nil)
		w.restart()
		w.reconcile(ps)
		Expect(w.Generator.Minted()).To(Equal(3))
		expectUse(ps, "pw-3")
	})

	It("keeps what a store may have when the status is lost before all have it", func() {
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		ps := generated("a", "b").PushSecret
		w.Create(ps)
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Status = esv1alpha1.PushSecretStatus{} })
		w.restart()
		w.Clock.Step(time.Hour)
		_, err = w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		collect()
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		expectUse(ps, "pw-1")
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("delivers nothing that was given back meanwhile", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.refuseStatus()
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		var all genv1alpha1.GeneratorStateList
		Expect(admin.List(GinkgoT().Context(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		for i := range all.Items {
			if all.Items[i].Name != ps.Status.Leases[0] {
				Expect(admin.Delete(GinkgoT().Context(), &all.Items[i])).To(Succeed())
			}
		}
		collect()
		Expect(w.Generator.Live()).To(Equal([]int{1}))
		w.Refuse(nil)
		w.reconcile(ps)
		expectUse(ps, "pw-3")
		Expect(w.Generator.Live()).To(Equal([]int{3}))
	})

	It("ends a rotation that stopped between two remote secrets with the values of one lease", func() {
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["user"] = "u" })
		ps := generated("a").Data("user", "login", "user").PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.Memory("a").Intercept(func(call, key string) error {
			if call == providertest.CallPut && key == "login" {
				return unavailable
			}
			return nil
		})
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		w.restart()
		w.Memory("a").Intercept(nil)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-3"})
		w.ExpectRemote("a", "login", map[string]string{"user": "u-3"})
	})

	It("obtains all values again when one is lost: they belong together", func() {
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["user"] = "u" })
		ps := generated("a").Data("user", "login", "user").PushSecret
		w.push(ps)
		w.ExpectRemote("a", "login", map[string]string{"user": "u-1"})
		w.Memory("a").Remove("login")
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		w.ExpectRemote("a", "login", map[string]string{"user": "u-2"})
		By("also when one is asked for")
		w.Annotate(ps, "sluice.dev/rotate", "user")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-3"})
		w.ExpectRemote("a", "login", map[string]string{"user": "u-3"})
	})

	It("obtains new values at once when the lease was given back by somebody", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		Expect(admin.DeleteAllOf(GinkgoT().Context(), &genv1alpha1.GeneratorState{}, client.InNamespace(w.Namespace))).To(Succeed())
		collect()
		Expect(w.Generator.Live()).To(BeEmpty())
		w.reconcile(ps)
		expectUse(ps, "pw-2")
	})

	It("does not take over what a PushSecret has left whose leases went with it", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		w.Delete(ps)
		w.reconcile(ps)
		// This is what the garbage collector does.
		Expect(admin.DeleteAllOf(GinkgoT().Context(), &genv1alpha1.GeneratorState{}, client.InNamespace(w.Namespace))).To(Succeed())
		collect()
		ps.ResourceVersion, ps.UID, ps.Status = "", "", esv1alpha1.PushSecretStatus{}
		w.push(ps)
		expectUse(ps, "pw-2")
	})

	It("replaces values before they end, whatever the interval, and warns where it may not", func() {
		w.Generator.Lifetime = time.Hour
		ps := generated("a", "b").PushSecret
		once := generated("a").Every(0).PushSecret
		once.Name, once.Spec.Data[0].Match.RemoteRef.RemoteKey = "once", "other"
		w.push(ps)
		Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically("~", 46*time.Minute, 2*time.Minute))
		w.push(once)
		lab.ExpectReady(once, esv1alpha1.ReasonSynced, "ends at", "refreshInterval is 0")
		w.Clock.Step(49 * time.Minute)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-3"})
		end := w.Clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced, "what was generated ends at "+end+", and is replaced before")
		w.reconcile(once)
		w.ExpectRemote("a", "other", map[string]string{"password": "pw-2"})
		w.expectSettled(ps)

		w.Generator.FailGenerate(unavailable)
		w.Clock.Step(2 * time.Hour)
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "what was delivered before has ended at "+end)
	})

	It("gives everything back when the generator obtains nothing any more that ends", func() {
		w.Generator.Lifetime = time.Hour
		ps := generated("a", "b").PushSecret
		w.push(ps)
		w.Generator.Leaseless = true
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		Expect(ps.Status.Leases).To(BeEmpty())
		w.Clock.Step(50 * time.Minute)
		w.reconcile(ps)
		w.expectSettled(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		w.Generator.Leaseless = false // the collector is to have a generator that can give back
		collect()
		Expect(w.Generator.Live()).To(BeEmpty())
	})

	It("gives everything back when its source is another one", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Spec.Selector = esv1alpha1.PushSecretSelector{Secret: &esv1alpha1.PushSecretSecret{Name: "source"}}
		})
		w.reconcile(ps)
		Expect(ps.Status.Leases).To(BeEmpty())
		w.Clock.Step(10 * time.Minute)
		collect()
		Expect(w.Generator.Live()).To(BeEmpty())
	})
})
