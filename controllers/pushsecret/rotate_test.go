package pushsecret_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A rotation", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
	})

	both := func() *esv1alpha1.PushSecret {
		return generated("a", "b").Data("token", "db", "token").Every(0).PushSecret
	}
	expectBoth := func(want map[string]string) {
		GinkgoHelper()
		w.ExpectRemote("a", "db", want)
		w.ExpectRemote("b", "db", want)
	}
	unavailable := fault.New(fault.Unavailable, "no route")

	It("of one key leaves the others as they are, once for each value of the annotation", func() {
		ps := both()
		w.push(ps)
		w.Annotate(ps, "sluice.dev/rotate", "token")
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-1", "token": "tk-2"})
		w.expectSettled(ps)
		w.restart()
		w.expectSettled(ps)
		w.Annotate(ps, "sluice.dev/rotate", "token,password@again")
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-3", "token": "tk-3"})
		Expect(w.Generator.Minted()).To(Equal(3))
		w.expectSettled(ps)
	})

	It("of a key that there is none of is refused, and keeps nothing else from being done", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Annotate(ps, "sluice.dev/rotate", "passwort@1")
		w.Memory("b").Remove("db")
		for range 2 {
			w.reconcile(ps)
			lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "sluice.dev/rotate", `"passwort"`)
			Expect([]string{w.value("a"), w.value("b")}).To(Equal([]string{"pw-1", "pw-1"}))
			Expect(w.Generator.Minted()).To(Equal(1))
		}
		w.expectSettled(ps)

		By("rotating when the name is right")
		w.Annotate(ps, "sluice.dev/rotate", "password@1")
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		Expect([]string{w.value("a"), w.value("b")}).To(Equal([]string{"pw-2", "pw-2"}))
	})

	It("of one key makes again what a template makes of it", func() {
		ps := both()
		gen.PushSecret{PushSecret: ps}.Template("uri", "{{ .password }}/{{ .token }}").Data("uri", "db", "uri")
		w.push(ps)
		w.Annotate(ps, "sluice.dev/rotate", "token")
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-1", "token": "tk-2", "uri": "pw-1/tk-2"})
	})

	DescribeTable("of keys that cannot have one is refused, and nothing changes",
		func(request string, says ...string) {
			ps := both()
			w.push(ps)
			w.Annotate(ps, "sluice.dev/rotate", request)
			w.reconcile(ps)
			lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, append(says, "sluice.dev/rotate")...)
			expectBoth(map[string]string{"password": "pw-1", "token": "tk-1"})
			Expect(w.Generator.Minted()).To(Equal(1))
			w.Annotate(ps, "sluice.dev/rotate", "token")
			w.reconcile(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		},
		Entry("a key that there is not", "tokne", `"tokne"`, "password, token"),
		Entry("no key", "@now", "names no key"),
	)

	It("that stood in the annotation when Sluice came is not carried out, also when the first look fails", func() {
		w.seed("a", map[string]string{"password": "theirs", "token": "theirs too"})
		w.Memory("b").Fail(providertest.CallGet, unavailable)
		ps := both()
		metav1.SetMetaDataAnnotation(&ps.ObjectMeta, "sluice.dev/rotate", "token")
		metav1.SetMetaDataAnnotation(&ps.ObjectMeta, "force-sync", "1")
		w.Create(ps)
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Status.RefreshTime, ps.Status.SyncedResourceVersion = &metav1.Time{Time: w.Clock.Now()}, "1-of-the-reference"
		})
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.Memory("b").Fail(providertest.CallGet, nil)
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "theirs", "token": "theirs too"})
		Expect(w.Generator.Minted()).To(BeZero())
	})

	It("goes on with the value that a store has already, wherever it stopped", func() {
		ps := both()
		w.push(ps)
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		w.Annotate(ps, "force-sync", "1")
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2", "token": "tk-2"})

		By("waiting while the store that has it cannot be read")
		w.restart()
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.Memory("a").Fail(providertest.CallGet, unavailable)
		_, err = w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.ExpectRemote("b", "db", map[string]string{"password": "pw-1", "token": "tk-1"})
		Expect(w.Generator.Minted()).To(Equal(2))

		By("taking it from there when it can")
		w.Memory("a").Fail(providertest.CallGet, nil)
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-2", "token": "tk-2"})
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	It("starts again from the beginning when nobody has seen its values", func() {
		ps := both()
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.Memory("a").Fail(providertest.CallPut, unavailable)
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.restart()
		w.Memory("a").Fail(providertest.CallPut, nil)
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-3", "token": "tk-3"})
	})

	It("is followed by what was asked for meanwhile", func() {
		ps := both()
		w.push(ps)
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		w.Annotate(ps, "sluice.dev/rotate", "token")
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.Annotate(ps, "sluice.dev/rotate", "password")
		w.Memory("b").Fail(providertest.CallPut, nil)
		Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically("<", time.Second))
		expectBoth(map[string]string{"password": "pw-1", "token": "tk-2"})
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-3", "token": "tk-2"})
		w.expectSettled(ps)
	})

	It("does not begin when it cannot be written down", func() {
		ps := both()
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.refuseStatus()
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		expectBoth(map[string]string{"password": "pw-1", "token": "tk-1"})
		w.Refuse(nil)
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-2", "token": "tk-2"})
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	It("by interval counts from the last one, whatever else is pushed in between", func() {
		ps := generated("a", "b").Every(time.Hour).PushSecret
		w.push(ps)
		for range 3 {
			w.Clock.Step(22 * time.Minute)
			w.Annotate(ps, "note", w.Clock.Now().String())
			w.reconcile(ps)
		}
		Expect(w.value("a")).To(Equal("pw-1"))
		Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically(">", 50*time.Minute))
		Expect(w.value("a")).To(Equal("pw-2"))
	})

	It("of one key puts off that of the others by interval no more than anything else", func() {
		ps := both()
		gen.PushSecret{PushSecret: ps}.Every(time.Hour)
		w.push(ps)
		for i := range 3 {
			w.Clock.Step(22 * time.Minute)
			w.Annotate(ps, "sluice.dev/rotate", fmt.Sprintf("token@%d", i))
			w.reconcile(ps)
		}
		w.reconcile(ps)
		// The last request came when all were due, and is a part of that.
		expectBoth(map[string]string{"password": "pw-4", "token": "tk-4"})
	})

	It("has not come in with an old backup: the store that has what was delivered is right", func() {
		ps := both()
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		w.seed("a", map[string]string{"password": "pw-1", "token": "tk-1"})
		w.Clock.Step(2 * time.Hour)
		w.restart()
		w.Annotate(ps, "note", "x")
		w.reconcile(ps)
		expectBoth(map[string]string{"password": "pw-2", "token": "tk-2"})
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	DescribeTable("and a first delivery write over nothing that came in the moment between look and write",
		func(under func(gen.PushSecret) gen.PushSecret) {
			ps := under(generated("a", "b").Every(0)).PushSecret
			meanwhile := map[string]string{"password": "another process's"}
			once := true
			w.Memory("a").Intercept(func(call, _ string) error {
				if call == providertest.CallPut && once {
					once = false
					w.seed("a", meanwhile)
				}
				return nil
			})
			w.Create(ps)
			Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically("<", time.Second))
			w.ExpectRemote("a", "db", meanwhile)
			w.ExpectNoRemote("b", "db")
			w.reconcile(ps)
			w.ExpectRemote("b", "db", meanwhile)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			w.ExpectRemote("a", "db", meanwhile)
		},
		Entry("by default", func(ps gen.PushSecret) gen.PushSecret { return ps }),
		Entry("with IfNotExists", func(ps gen.PushSecret) gen.PushSecret { return ps.Update(esv1alpha1.UpdateIfNotExists) }),
	)

	It("is of all values that belong together, and none of them is made anew alone", func() {
		w.Generator.Together = true
		w.restart()
		ps := generated("a").Data("token", "login", "token").Every(0).PushSecret
		expect := func(run string) {
			GinkgoHelper()
			w.ExpectRemote("a", "db", map[string]string{"password": "pw-" + run})
			w.ExpectRemote("a", "login", map[string]string{"token": "tk-" + run})
		}
		w.push(ps)
		w.Annotate(ps, "sluice.dev/rotate", "token")
		w.reconcile(ps)
		expect("2")
		w.Memory("a").Remove("login")
		w.Annotate(ps, "note", "x")
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "token would not belong to it", "force-sync")
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expect("3")
	})

	It("tells nothing of the values in the status", func() {
		ps := both()
		w.push(ps)
		Expect(ps.Status.Generated).To(HaveLen(2))
		Expect(ps.Status.Generated["password"]).NotTo(BeEmpty())
		Expect(ps.Status.Generated["password"]).NotTo(Equal(ps.Status.Generated["token"]))
		Expect(ps.Status.Generated["password"]).NotTo(ContainSubstring("pw-1"))
	})
})
