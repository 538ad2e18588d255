package pushsecret_test

import (
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

// The states are those of the decision record 0011; the other ones are in generator_test.go and rotate_test.go.
var _ = Describe("A generated value", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	unavailable := fault.New(fault.Unavailable, "no route")
	expectBoth := func(value string) {
		GinkgoHelper()
		Expect([]string{w.value("a"), w.value("b")}).To(Equal([]string{value, value}))
	}
	// refuseStatus refuses every write of a status but the first ones.
	refuseStatus := func(but int) {
		w.Refuse(func(verb string, _ client.Object) error {
			if verb != lab.VerbStatus {
				return nil
			}
			if but--; but >= 0 {
				return nil
			}
			return errors.New("etcd is full")
		})
	}
	fails := func(ps *esv1alpha1.PushSecret) {
		GinkgoHelper()
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
	}

	It("goes to the stores that can be written when one that has it cannot be read", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Memory("b").Fail(providertest.CallGet, unavailable)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { gen.PushSecret{PushSecret: ps}.Data("password", "copy", "pass") })
		fails(ps)
		w.ExpectRemote("a", "copy", map[string]string{"pass": "pw-1"})
		w.ExpectNoRemote("b", "copy")
		w.Memory("b").Fail(providertest.CallGet, nil)
		w.reconcile(ps)
		w.ExpectRemote("b", "copy", map[string]string{"pass": "pw-1"})
		expectBoth("pw-1")
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("is taken over when all stores have it and the status could not be written", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.Create(ps)
		refuseStatus(0)
		fails(ps)
		expectBoth("pw-1")
		w.Refuse(nil)
		w.restart()
		w.expectOnlyStatus(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expectBoth("pw-1")
		Expect(w.Generator.Minted()).To(Equal(1))
		w.expectSettled(ps)
	})

	It("that all stores have ends its rotation when the status could not be written", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		refuseStatus(1)
		fails(ps)
		expectBoth("pw-2")
		Expect(ps.Status.Rotation).NotTo(BeNil())
		w.Refuse(nil)
		w.restart()
		w.expectOnlyStatus(ps)
		Expect(ps.Status.Rotation).To(BeNil())
		expectBoth("pw-2")
		Expect(w.Generator.Minted()).To(Equal(2))
		w.expectSettled(ps)
	})

	It("that somebody has written over the only one is the value", func() {
		ps := generated("a").Every(0).PushSecret
		w.push(ps)
		w.seed("a", map[string]string{"password": "edited"})
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { gen.PushSecret{PushSecret: ps}.To("b") })
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expectBoth("edited")
		Expect(w.Generator.Minted()).To(Equal(1))
		w.expectSettled(ps)
	})

	It("that somebody has written over in one store comes back from another", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.seed("a", map[string]string{"password": "edited"})
		w.Annotate(ps, "note", "x")
		w.reconcile(ps)
		expectBoth("pw-1")
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("of a round has its place taken when force-sync asks again", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		w.Annotate(ps, "force-sync", "1")
		fails(ps)
		Expect(w.value("a")).To(Equal("pw-2"))
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.Annotate(ps, "force-sync", "2")
		w.reconcile(ps)
		expectBoth("pw-3")
		Expect(w.Generator.Minted()).To(Equal(3))
		w.expectSettled(ps)
	})

	It("is rotated while a store cannot be read, which gets the new one later", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Memory("b").Fail(providertest.CallGet, unavailable)
		w.Annotate(ps, "force-sync", "1")
		fails(ps)
		Expect(w.value("a")).To(Equal("pw-2"))
		w.restart()
		w.Memory("b").Fail(providertest.CallGet, nil)
		w.reconcile(ps)
		expectBoth("pw-2")
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	It("of a round goes nowhere when somebody changes the object before the round is written down", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		writes, once := w.remoteWrites(), true
		w.Memory("b").Intercept(func(call, _ string) error {
			if call == providertest.CallGet && once {
				once = false
				w.Annotate(ps.DeepCopy(), "note", "x")
			}
			return nil
		})
		Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically("<", time.Second))
		Expect(w.remoteWrites()).To(Equal(writes))
		Expect(ps.Status.Rotation).To(BeNil())
		w.reconcile(ps)
		Expect(w.value("a")).To(Equal(w.value("b")))
		Expect(w.value("a")).NotTo(Equal("pw-1"))
		w.expectSettled(ps)
	})

	It("is that of the first store where two hold different ones, and nobody knows which is right", func() {
		w.seed("a", map[string]string{"password": "first"})
		w.seed("b", map[string]string{"password": "second"})
		ps := generated("a", "b").Update(esv1alpha1.UpdateReplace).Every(0).PushSecret
		w.push(ps)
		expectBoth("first")
		Expect(w.Generator.Minted()).To(BeZero())
	})

	It("of a round is not lost with the only store that has it, while the process lives", func() {
		ps := generated("a", "b").Every(0).PushSecret
		w.push(ps)
		w.Memory("b").Fail(providertest.CallPut, unavailable)
		w.Annotate(ps, "force-sync", "1")
		fails(ps)
		w.Memory("a").Fail(providertest.CallGet, unavailable)
		w.Memory("b").Fail(providertest.CallPut, nil)
		fails(ps)
		Expect(w.value("b")).To(Equal("pw-2"))
		w.Memory("a").Fail(providertest.CallGet, nil)
		w.reconcile(ps)
		expectBoth("pw-2")
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	DescribeTable("that exists stays with IfNotExists, whoever asks", func(annotation, request string) {
		ps := generated("a", "b").Update(esv1alpha1.UpdateIfNotExists).Every(time.Hour).PushSecret
		w.push(ps)
		w.Annotate(ps, annotation, request)
		w.expectOnlyStatus(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expectBoth("pw-1")
		Expect(w.Generator.Minted()).To(Equal(1))
		w.expectSettled(ps)
	},
		Entry("by force-sync", "force-sync", "1"),
		Entry("by force-sync in full", "external-secrets.io/force-sync", "1"),
		Entry("by the names of keys", "sluice.dev/rotate", "password@1"),
	)

	It("that exists stays with IfNotExists when another one is missing", func() {
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
		w.seed("a", map[string]string{"password": "theirs"})
		ps := generated("a").Data("token", "db", "token").Update(esv1alpha1.UpdateIfNotExists).PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "theirs", "token": "tk-1"})
		w.expectSettled(ps)
	})

	It("that a template has made stays when another one that it makes is missing", func() {
		w.seed("a", map[string]string{"password": "theirs", "url": "made by hand"})
		ps := gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To("a").Template("url", "{{ .password }}").
			Template("conn", "app:{{ .password }}").Data("password", "db", "password").Data("url", "db", "url").Data("conn", "db", "conn").PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "theirs", "url": "made by hand", "conn": "app:theirs"})
		Expect(w.Generator.Minted()).To(BeZero())
	})

	DescribeTable("is not made where everything exists", func(under func(gen.PushSecret) gen.PushSecret) {
		w.seed("a", map[string]string{"password": "theirs"})
		w.seed("b", map[string]string{"password": "theirs"})
		w.Generator.FailGenerate(fault.New(fault.Unavailable, "out of entropy"))
		ps := under(generated("a", "b")).PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expectBoth("theirs")
		w.expectSettled(ps)
	},
		Entry("with IfNotExists", func(ps gen.PushSecret) gen.PushSecret { return ps.Update(esv1alpha1.UpdateIfNotExists) }),
		Entry("with interval 0, though it may be replaced", func(ps gen.PushSecret) gen.PushSecret {
			return ps.Update(esv1alpha1.UpdateReplace).Every(0)
		}),
		Entry("with no interval written, though it may be replaced", func(ps gen.PushSecret) gen.PushSecret {
			return ps.Update(esv1alpha1.UpdateReplace)
		}),
		Entry("at the first look of a written interval", func(ps gen.PushSecret) gen.PushSecret { return ps.Every(time.Hour) }),
	)

	DescribeTable("with a written interval", func(policy esv1alpha1.PushSecretUpdatePolicy, want string) {
		ps := generated("a", "b").Update(policy).Every(time.Hour).PushSecret
		w.push(ps)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		expectBoth(want)
	},
		Entry("rotates where it may be replaced", esv1alpha1.UpdateReplace, "pw-2"),
		Entry("rotates where nothing is said of that", esv1alpha1.PushSecretUpdatePolicy(""), "pw-2"),
		Entry("stays where what exists is left", esv1alpha1.UpdateIfNotExists, "pw-1"),
	)

	DescribeTable("with a written interval stays until that has passed, after", func(happens func(*esv1alpha1.PushSecret)) {
		ps := generated("a", "b").Every(time.Hour).PushSecret
		w.push(ps)
		w.Clock.Step(30 * time.Minute)
		happens(ps)
		for range 2 {
			w.reconcile(ps)
		}
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		expectBoth("pw-1")
		Expect(w.Generator.Minted()).To(Equal(1))
		w.expectSettled(ps)
	},
		Entry("a label", func(ps *esv1alpha1.PushSecret) { w.Label(ps, "team", "b") }),
		Entry("an annotation", func(ps *esv1alpha1.PushSecret) { w.Annotate(ps, "argocd.argoproj.io/tracking-id", "x") }),
		Entry("a restart", func(*esv1alpha1.PushSecret) { w.restart() }),
		Entry("the loss of the status and a restart", func(ps *esv1alpha1.PushSecret) {
			lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Status = esv1alpha1.PushSecretStatus{} })
			w.restart()
		}),
		Entry("its re-creation", func(ps *esv1alpha1.PushSecret) {
			w.Delete(ps)
			w.reconcile(ps)
			ps.ResourceVersion, ps.UID, ps.Status = "", "", esv1alpha1.PushSecretStatus{}
			w.Create(ps)
		}),
		Entry("an edit of the spec", func(ps *esv1alpha1.PushSecret) {
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.DeletionPolicy = esv1alpha1.DeletionDelete })
		}),
		Entry("an edit of the template", func(ps *esv1alpha1.PushSecret) {
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { gen.PushSecret{PushSecret: ps}.Template("more", "x{{ .password }}") })
		}),
		Entry("an edit of the generator", func(*esv1alpha1.PushSecret) {
			lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["password"] = "edited" })
		}),
		Entry("the loss of the value in one store", func(ps *esv1alpha1.PushSecret) {
			w.Memory("a").Remove("db")
			w.Annotate(ps, "note", "x")
		}),
	)

	It("is rotated on request also when none was made before", func() {
		ps := fromSecret("push", "a").PushSecret
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Spec.Selector = esv1alpha1.PushSecretSelector{}
			gen.PushSecret{PushSecret: ps}.Generate(genv1alpha1.KindFake, "g").Annotate("force-sync", "1")
		})
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		Expect(w.value("a")).To(Equal("pw-1"))
		w.expectSettled(ps)
	})

	It("without a written interval is looked at once an hour, also long after it was made", func() {
		ps := generated("a").PushSecret
		w.push(ps)
		for range 3 {
			w.Clock.Step(90 * time.Minute)
			Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically(">=", time.Hour))
		}
		Expect(w.value("a")).To(Equal("pw-1"))
	})
})

var _ = Describe("A request in two spellings", func() {
	It("is heard in each, also during a round, and taking one away is none", func() {
		w := newWorld()
		ps := generated("a", "b").Every(0).Annotate("force-sync", "old").Annotate("external-secrets.io/force-sync", "older").PushSecret
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		Expect(w.value("b")).To(Equal("pw-2"))
		w.Memory("b").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
		w.Annotate(ps, "external-secrets.io/force-sync", "1")
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.Memory("b").Fail(providertest.CallPut, nil)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { delete(ps.Annotations, "force-sync") })
		w.reconcile(ps)
		Expect(w.value("b")).To(Equal("pw-3"))
		w.reconcile(ps)
		w.expectSettled(ps)
		Expect(w.Generator.Minted()).To(Equal(3))
	})
})

var _ = Describe("A request that was there before Sluice", func() {
	It("is none, also when the first look finds a spec that cannot be carried out", func() {
		w := newWorld()
		w.seed("a", map[string]string{"password": "live"})
		ps := generated("a").Annotate("force-sync", "long ago").Annotate("sluice.dev/rotate", "password").PushSecret
		wrong := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "IsLike"}}}
		ps.Spec.SecretStoreRefs = append(ps.Spec.SecretStoreRefs, esv1alpha1.PushSecretStoreRef{LabelSelector: wrong})
		w.Create(ps)
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Status.RefreshTime, ps.Status.SyncedResourceVersion = &metav1.Time{Time: w.Clock.Now()}, "1-of-the-reference"
		})
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "spec.secretStoreRefs[1]")
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.SecretStoreRefs = ps.Spec.SecretStoreRefs[:1] })
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		Expect(w.value("a")).To(Equal("live"))
		Expect(w.Generator.Minted()).To(BeZero())
	})
})
