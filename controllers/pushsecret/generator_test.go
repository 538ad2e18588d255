package pushsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A PushSecret of a generator", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// expectValue expects one value in both stores.
	expectValue := func(value string) {
		GinkgoHelper()
		Expect([]string{w.value("a"), w.value("b")}).To(Equal([]string{value, value}))
	}

	It("generates once, for all stores", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expectValue("pw-1")
		w.expectSettled(ps)
	})

	kinds := map[string]func(gen.PushSecret) gen.PushSecret{
		"no interval written": func(ps gen.PushSecret) gen.PushSecret { return ps },
		"interval 0":          func(ps gen.PushSecret) gen.PushSecret { return ps.Every(0) },
		"IfNotExists": func(ps gen.PushSecret) gen.PushSecret {
			return ps.Update(esv1alpha1.UpdateIfNotExists).Every(time.Hour)
		},
	}
	events := map[string]func(*esv1alpha1.PushSecret){
		"a week":        func(*esv1alpha1.PushSecret) { w.Clock.Step(7 * 24 * time.Hour) },
		"a restart":     func(*esv1alpha1.PushSecret) { w.restart() },
		"an annotation": func(ps *esv1alpha1.PushSecret) { w.Annotate(ps, "argocd.argoproj.io/tracking-id", "x") },
		"a label":       func(ps *esv1alpha1.PushSecret) { w.Label(ps, "team", "b") },
		"the loss of the status": func(ps *esv1alpha1.PushSecret) {
			lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Status = esv1alpha1.PushSecretStatus{} })
			w.restart()
		},
		"its re-creation": func(ps *esv1alpha1.PushSecret) {
			w.Delete(ps)
			w.reconcile(ps)
			ps.ResourceVersion, ps.UID, ps.Status = "", "", esv1alpha1.PushSecretStatus{}
			w.Create(ps)
		},
		"its re-creation under another name": func(ps *esv1alpha1.PushSecret) {
			w.Delete(ps)
			w.reconcile(ps)
			ps.ResourceVersion, ps.UID, ps.Name, ps.Status = "", "", "other", esv1alpha1.PushSecretStatus{}
			w.Create(ps)
		},
		"an edit of the generator": func(*esv1alpha1.PushSecret) {
			lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["password"] = "edited" })
		},
		"the loss of the value in one store": func(*esv1alpha1.PushSecret) {
			w.Memory("a").Remove("db")
			w.Clock.Step(2 * time.Hour)
		},
		"an edit of the spec": func(ps *esv1alpha1.PushSecret) {
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.DeletionPolicy = esv1alpha1.DeletionDelete })
		},
	}
	for kind, under := range kinds {
		for event, happens := range events {
			It("with "+kind+" keeps its value after "+event, func() {
				ps := under(generated("a", "b")).PushSecret
				w.push(ps)
				expectValue("pw-1")
				happens(ps)
				w.reconcile(ps)
				w.reconcile(ps)
				lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
				Expect(w.Generator.Minted()).To(Equal(1))
				if _, exists := w.Memory("a").Peek("db"); exists || kind != "interval 0" {
					expectValue("pw-1")
				}
			})
		}

		It("with "+kind+" takes over what a store holds, and gives it to the others", func() {
			w.seed("b", map[string]string{"password": "theirs"})
			ps := under(generated("a", "b")).PushSecret
			w.push(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			expectValue("theirs")
			Expect(w.Generator.Minted()).To(BeZero())
			w.expectSettled(ps)
		})

		It("with "+kind+" gives the same value to a key and a store that come later", func() {
			ps := under(generated("a")).PushSecret
			w.push(ps)
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
				gen.PushSecret{PushSecret: ps}.To("b").Data("password", "copy", "pass")
			})
			w.reconcile(ps)
			expectValue("pw-1")
			w.ExpectRemote("a", "copy", map[string]string{"pass": "pw-1"})
			w.ExpectRemote("b", "copy", map[string]string{"pass": "pw-1"})
			Expect(w.Generator.Minted()).To(Equal(1))
		})

		DescribeTable("with "+kind+" generates nothing while a store that may hold the value cannot be read",
			func(failure fault.Kind) {
				w.Memory("b").Fail(providertest.CallGet, fault.New(failure, "the reason"))
				ps := under(generated("a", "b")).PushSecret
				w.Create(ps)
				_, err := w.Try(w.controller, ps)
				Expect(err).To(HaveOccurred())
				lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "the reason", `SecretStore "b"`)
				Expect(w.Generator.Minted()).To(BeZero())
				w.ExpectNoRemote("a", "db")
				w.Memory("b").Fail(providertest.CallGet, nil)
				w.reconcile(ps)
				lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
				expectValue("pw-1")
			},
			Entry("no right", fault.Denied),
			Entry("out of reach", fault.Unavailable),
		)

		It("with "+kind+" retries a failed write with the same value, also after a restart", func() {
			w.Memory("b").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
			ps := under(generated("a", "b")).PushSecret
			w.Create(ps)
			_, err := w.Try(w.controller, ps)
			Expect(err).To(HaveOccurred())
			w.restart()
			_, err = w.Try(w.controller, ps)
			Expect(err).To(HaveOccurred())
			w.Memory("b").Fail(providertest.CallPut, nil)
			w.reconcile(ps)
			expectValue("pw-1")
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		})
	}

	It("rotates at each interval that the user wrote, in every store alike", func() {
		ps := generated("a", "b").Every(time.Hour).PushSecret
		w.push(ps)
		for _, want := range []string{"pw-2", "pw-3"} {
			w.Clock.Step(30 * time.Minute)
			w.restart()
			w.expectSettled(ps)
			w.Clock.Step(34 * time.Minute)
			w.reconcile(ps)
			expectValue(want)
			w.expectSettled(ps)
		}
	})

	It("ends a rotation that failed half way with one value in every store", func() {
		ps := generated("a", "b").Every(time.Hour).PushSecret
		w.push(ps)
		w.Clock.Step(2 * time.Hour)
		w.Memory("b").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
		for range 3 {
			_, err := w.Try(w.controller, ps)
			Expect(err).To(HaveOccurred())
			w.Clock.Step(time.Minute)
		}
		Expect(w.value("a")).To(Equal("pw-2"))
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		expectValue("pw-2")
		Expect(w.Generator.Minted()).To(Equal(2))

		By("rotating again an interval later, not sooner")
		w.expectSettled(ps)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		expectValue("pw-3")
	})

	It("ends a rotation that a restart interrupted with one value in every store", func() {
		ps := generated("a", "b").Every(time.Hour).PushSecret
		w.push(ps)
		w.Clock.Step(2 * time.Hour)
		w.Memory("b").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.restart()
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		expectValue("pw-2")
		Expect(w.Generator.Minted()).To(Equal(2))
		Expect(ps.Status.Rotation).To(BeNil())
		w.expectSettled(ps)
	})

	DescribeTable("rotates on request, once for each request",
		func(annotation string, under func(gen.PushSecret) gen.PushSecret) {
			ps := under(generated("a", "b")).PushSecret
			w.push(ps)
			w.Annotate(ps, annotation, "1")
			w.reconcile(ps)
			expectValue("pw-2")
			w.expectSettled(ps)
			w.restart()
			w.expectSettled(ps)
			w.Annotate(ps, "note", "x")
			w.reconcile(ps)
			w.Annotate(ps, annotation, "2")
			w.reconcile(ps)
			expectValue("pw-3")
		},
		Entry("in full", "external-secrets.io/force-sync", kinds["no interval written"]),
		Entry("in short", "force-sync", kinds["no interval written"]),
		Entry("with interval 0", "force-sync", kinds["interval 0"]),
	)

	It("does not rotate on request what it is to leave", func() {
		ps := generated("a").Update(esv1alpha1.UpdateIfNotExists).PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		Expect(w.value("a")).To(Equal("pw-1"))
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("takes no empty value for one that is in use", func() {
		w.seed("a", map[string]string{"password": ""})
		ps := generated("a", "b").Update(esv1alpha1.UpdateReplace).PushSecret
		w.push(ps)
		expectValue("pw-1")
		w.expectSettled(ps)
	})

	It("makes a new value when no store has it any more", func() {
		ps := generated("a", "b").PushSecret
		w.push(ps)
		w.Memory("a").Remove("db")
		w.Memory("b").Remove("db")
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		expectValue("pw-2")
	})

	It("gives a later store what a template has made of the value", func() {
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a").Data("conn", "db", "password").
			Template("conn", "app:{{ .password }}").PushSecret
		w.push(ps)
		Expect(w.value("a")).To(Equal("app:pw-1"))
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { gen.PushSecret{PushSecret: ps}.To("b") })
		w.reconcile(ps)
		expectValue("app:pw-1")
		w.expectSettled(ps)

		By("saying that a further key cannot be made to match")
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { gen.PushSecret{PushSecret: ps}.Data("password", "db", "raw") })
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "password", "force-sync")
		expectValue("app:pw-1")

		By("rotating them all on request")
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		expectValue("app:pw-2")
		w.ExpectRemote("a", "db", map[string]string{"password": "app:pw-2", "raw": "pw-2"})
	})

	DescribeTable("keeps its values in every form of entry",
		func(entries func(gen.PushSecret) gen.PushSecret, key string, want map[string]string) {
			lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["user"] = "u" })
			ps := entries(gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a")).PushSecret
			w.push(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			w.ExpectRemote("a", key, want)
			w.Annotate(ps, "note", "x")
			w.expectOnlyStatus(ps)
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
				ps.Spec.SecretStoreRefs = append(ps.Spec.SecretStoreRefs, esv1alpha1.PushSecretStoreRef{Name: "b"})
				for i := range ps.Spec.DataTo {
					to := ps.Spec.DataTo[i]
					to.StoreRef.Name = "b"
					ps.Spec.DataTo = append(ps.Spec.DataTo, to)
				}
			})
			w.reconcile(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			w.ExpectRemote("b", key, want)
			Expect(w.Generator.Minted()).To(Equal(1))
		},
		Entry("the whole source", func(ps gen.PushSecret) gen.PushSecret { return ps.All("all") },
			"all", map[string]string{"password": "pw-1", "user": "u-1"}),
		Entry("the whole source as JSON", func(ps gen.PushSecret) gen.PushSecret { return ps.Data("", "all", "json") },
			"all", map[string]string{"json": `{"password":"pw-1","user":"u-1"}`}),
		Entry("each key", func(ps gen.PushSecret) gen.PushSecret { return ps.DataTo("a", "", "") },
			"user", map[string]string{"": "u-1"}),
		Entry("matching keys together", func(ps gen.PushSecret) gen.PushSecret { return ps.DataTo("a", "^pass", "some") },
			"some", map[string]string{"password": "pw-1"}),
	)

	DescribeTable("needs the names of keys that only a run of the generator can tell",
		func(edit func(gen.PushSecret) gen.PushSecret) {
			w.Generator.Keyless = true
			w.restart()
			ps := edit(gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a")).PushSecret
			w.push(ps)
			lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, `generator Fake "g"`, "spec.data[].match.secretKey")
			w.ExpectNoRemote("a", "db")
			Expect(w.Generator.Minted()).To(BeZero())

			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
				ps.Spec.Data, ps.Spec.DataTo = nil, nil
				gen.PushSecret{PushSecret: ps}.Data("password", "db", "password")
			})
			w.reconcile(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			w.ExpectRemote("a", "db", map[string]string{"password": "pw-1"})
		},
		Entry("in an entry for all", func(ps gen.PushSecret) gen.PushSecret { return ps.All("db") }),
		Entry("in dataTo", func(ps gen.PushSecret) gen.PushSecret { return ps.DataTo("a", "", "db") }),
	)

	It("needs a generator, and says which", func() {
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "absent").To("a").Data("password", "db", "password").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, `generator Fake "absent" does not exist`)
		w.Create(gen.Fake("absent", map[string]string{"password": "late"}))
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
	})
})
