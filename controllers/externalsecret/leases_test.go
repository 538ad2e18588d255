package externalsecret_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A lent value", func() {
	const lifetime = 10 * time.Hour
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.Generator.Leaseless = false
		w.restart()
	})

	DescribeTable("costs one lease, whatever happens to the template, the object, the target and the operator", func(keyless bool) {
		w.Generator.Keyless = keyless
		w.restart()
		es := generated("app").ExternalSecret
		w.Create(es)
		w.Refuse(forbid(lab.VerbApply))
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		w.Refuse(nil)
		w.reconcile(es)
		for i := range 10 {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{
					MergePolicy: esv1.MergePolicyMerge, Data: map[string]string{"conn": fmt.Sprintf("%d:{{ .password }}", i)},
				}
			})
			w.reconcile(es)
		}
		w.ExpectSecret("app", map[string]string{"conn": "9:pw-1", "password": "pw-1"})
		w.restart()
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
		w.reconcile(es)
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Labels, s.Annotations = nil, nil })
		w.reconcile(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "moved" })
		w.reconcile(es)
		w.ExpectSecret("moved", map[string]string{"conn": "9:pw-1", "password": "pw-1"})
		Expect(w.Generator.Minted()).To(Equal(1))
		w.expectStates([]string{"1"}, nil)
		w.expectSettled(es)
	},
		Entry("when the generator's spec tells the keys", false),
		Entry("when only a run tells them", true),
	)

	DescribeTable("that ends is replaced before that",
		func(under func(gen.ExternalSecret) gen.ExternalSecret, every time.Duration) {
			w.Generator.Lifetime = lifetime
			es := under(generated("app")).ExternalSecret
			w.Create(es)
			result := w.Reconcile(w.controller, es)
			Expect(result.RequeueAfter).To(And(BeNumerically(">=", every), BeNumerically("<=", every+lifetime/20)))
			for run := 2; run < 4; run++ {
				w.Clock.Step(lifetime * 74 / 100)
				w.restart()
				w.reconcile(es)
				Expect(w.password("app")).To(Equal(fmt.Sprintf("pw-%d", run-1)))
				w.Clock.Step(lifetime * 7 / 100)
				w.reconcile(es)
				Expect(w.password("app")).To(Equal(fmt.Sprintf("pw-%d", run)))
				lab.ExpectReady(es, esv1.ReasonSecretSynced,
					"ends at "+w.Clock.Now().Add(lifetime).UTC().Format(time.RFC3339)+", and is replaced before")
				w.expectSettled(es)
			}
			w.expectStates([]string{"3"}, []string{"1", "2"})
		},
		Entry("though nobody wrote an interval", func(es gen.ExternalSecret) gen.ExternalSecret { return es }, time.Hour),
		Entry("when the interval is longer",
			func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(24 * time.Hour) }, lifetime*3/4),
		Entry("when only a change of the object counts otherwise",
			func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshOnChange) }, lifetime*3/4),
	)

	It("is replaced at each interval that the user wrote when that is shorter", func() {
		w.Generator.Lifetime = lifetime
		es := generated("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		w.Clock.Step(64 * time.Minute)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
	})

	DescribeTable("that ends is kept by a policy that replaces nothing, and the status says until when",
		func(under func(gen.ExternalSecret) gen.ExternalSecret, why string) {
			w.Generator.Lifetime = lifetime
			es := under(generated("app")).ExternalSecret
			ends := w.Clock.Now().Add(lifetime).UTC().Format(time.RFC3339)
			w.Create(es)
			result := w.Reconcile(w.controller, es)
			Expect(result.RequeueAfter).To(BeZero())
			lab.ExpectReady(es, esv1.ReasonSecretSynced, "ends at "+ends+", and nothing replaces it then: "+why)
			w.Clock.Step(2 * lifetime)
			w.restart()
			w.expectSettled(es)
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Template = &esv1.ExternalSecretTemplate{} })
			w.reconcile(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced, "generation 2 is not applied", "ends at "+ends)
		},
		Entry("CreatedOnce",
			func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) }, "refreshPolicy is CreatedOnce"),
		Entry("interval 0", func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) }, "refreshInterval is 0"),
	)

	// mixed is an ExternalSecret with a value that ends, of generator g, and one that does not, of generator g2.
	mixed := func() *esv1.ExternalSecret {
		w.Generator.Lifetime = lifetime
		w.Create(gen.Fake("g2", map[string]string{"token": "tk"}))
		es := generated("app").ExternalSecret
		w.sync(es)
		w.Generator.Lifetime = 0
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Generate(genv1alpha1.KindFake, "g2")
		})
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1", "token": "tk-2"})
		w.expectStates([]string{"1", "2"}, nil)
		return es
	}

	It("that ends is replaced alone", func() {
		es := mixed()
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-3", "token": "tk-2"})
		w.expectStates([]string{"2", "3"}, []string{"1"})
		w.expectSettled(es)
	})

	It("stays when its entry gets another place", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { slices.Reverse(es.Spec.DataFrom) })
		w.reconcile(es)
		w.expectStates([]string{"1", "2"}, nil)
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-3", "token": "tk-2"})
		w.expectStates([]string{"2", "3"}, []string{"1"})
	})

	It("is given back when its entry goes, and the others stay", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.DataFrom = es.Spec.DataFrom[1:] })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"token": "tk-2"})
		w.expectStates([]string{"2"}, []string{"1"})
		w.expectSettled(es)
	})

	It("of whose end nothing is known is replaced at an interval that is written, and the status says so where there is none", func() {
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "nothing is known of the end of what was generated")
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "nothing is known of the end of what was generated")
		other := generated("other").Every(time.Hour).ExternalSecret
		w.sync(other)
		Expect(other.Status.Conditions).To(ContainElement(HaveField("Message", "secret synced")))
	})

	It("is given back when what takes its place does not end", func() {
		w.Generator.Lifetime = lifetime
		es := generated("app").ExternalSecret
		w.sync(es)
		w.Generator.Leaseless = true
		w.Annotate(es, "force-sync", "1")
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		w.expectStates(nil, []string{"1"})
		w.Clock.Step(lifetime)
		w.reconcile(es)
		w.expectSettled(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
	})

	It("that has given way to a given back one beside it is not obtained for nothing", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: map[string]string{
				"password": "{{ .password }}", "conn": "{{ .token }}@host",
			}}
		})
		w.reconcile(es)
		w.giveBack("1")
		for range 3 {
			w.reconcile(es)
			Expect(w.Generator.Minted()).To(Equal(2))
			lab.ExpectReady(es, esv1.ReasonSecretSynced, "generators run again only on request")
		}
		w.expectSettled(es)
	})

	It("is not obtained for a new entry while what is beside it was used up", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: map[string]string{
				"password": "{{ .password }}", "conn": "{{ .token }}@host",
			}}
		})
		w.reconcile(es)
		w.Create(gen.Fake("g3", map[string]string{"third": "th"}))
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			entries := es.Spec.DataFrom
			gen.ExternalSecret{ExternalSecret: es}.Generate(genv1alpha1.KindFake, "g3")
			es.Spec.DataFrom = append(es.Spec.DataFrom[len(entries):], entries...)
		})
		for range 3 {
			w.reconcile(es)
		}
		Expect(w.Generator.Minted()).To(Equal(2))
	})

	It("that somebody gives back is made anew also when its entry names another generator by now", func() {
		w.Create(gen.Fake("g2", map[string]string{"password": "pw"}))
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.DataFrom[0].SourceRef.GeneratorRef.Name = "g2" })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		w.giveBack("1")
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		w.expectSettled(es)
	})

	It("whose entry is gone is forgotten", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.DataFrom = es.Spec.DataFrom[1:] })
		w.reconcile(es)
		w.expectStates([]string{"2"}, []string{"1"})
		w.giveBack("1")
		w.expectSettled(es)
		w.reconcile(es)
		Expect(w.Generator.Minted()).To(Equal(2))
		Expect(w.Secret("app").Annotations).To(ContainElement(HavePrefix("Fake/g2#0=")))
		Expect(w.Secret("app").Annotations).NotTo(ContainElement(ContainSubstring("Fake/g#0=")))
	})

	It("is not obtained for a target that somebody else is to make, until it is there", func() {
		es := generated("app").Creation(esv1.CreateMerge).ExternalSecret
		w.sync(es)
		for range 3 {
			w.reconcile(es)
		}
		Expect(w.Generator.Minted()).To(BeZero())
		w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"theirs": "x", "password": "pw-1"})
		w.expectSettled(es)
	})

	It("stays when its entry names another generator, and ends as it did", func() {
		w.Generator.Lifetime = lifetime
		w.Create(gen.Fake("g2", map[string]string{"password": "other"}))
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Labels = map[string]string{"team": "b"} // which is copied to the target
			es.Spec.DataFrom[0].SourceRef.GeneratorRef.Name = "g2"
		})
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		w.expectStates([]string{"1"}, nil)
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "other-2"})
		w.expectStates([]string{"2"}, []string{"1"})
		w.expectSettled(es)
	})

	It("is replaced by a whole when a further key is generated with it", func() {
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2", "token": "tk-2"})
		w.expectStates([]string{"2"}, []string{"1"})
		w.expectSettled(es)
	})

	It("that ends is held, at no cost, while another value that was used up cannot be had again", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: map[string]string{
				"password": "{{ .password }}", "conn": "{{ .token }}@host",
			}}
		})
		w.reconcile(es)
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.reconcile(es)
		Expect(w.Generator.Minted()).To(Equal(2))
		w.ExpectSecret("app", map[string]string{"password": "pw-1", "conn": "tk-2@host"})
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "what was generated ends at ", "generators run again only on request")
	})

	It("is made anew when somebody has given it back, and a value beside it stays", func() {
		es := mixed()
		var all genv1alpha1.GeneratorStateList
		Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		for _, state := range all.Items {
			if strings.Contains(string(state.Spec.State.Raw), "1") {
				lab.Edit(w.Lab, &state, func(s *genv1alpha1.GeneratorState) { s.Finalizers = nil })
				w.Delete(&state)
			}
		}
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-3", "token": "tk-2"})
		w.expectSettled(es)
	})

	DescribeTable("is made anew at once when somebody has given it back", func(under func(gen.ExternalSecret) gen.ExternalSecret) {
		es := under(generated("app")).ExternalSecret
		w.sync(es)
		var all genv1alpha1.GeneratorStateList
		Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		w.Delete(&all.Items[0]) // its finalizer keeps it for a while
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		lab.Edit(w.Lab, &all.Items[0], func(s *genv1alpha1.GeneratorState) { s.Finalizers = nil })
		w.expectSettled(es)
		Expect(w.Generator.Minted()).To(Equal(2))
	},
		Entry("at an interval", func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(24 * time.Hour) }),
		Entry("without one", func(es gen.ExternalSecret) gen.ExternalSecret { return es }),
		Entry("when only a change counts", func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshOnChange) }),
	)

	It("stays as it is under a policy that replaces nothing when somebody has given it back", func() {
		es := generated("app").Policy(esv1.RefreshCreatedOnce).ExternalSecret
		w.sync(es)
		var all genv1alpha1.GeneratorStateList
		Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		w.Delete(&all.Items[0])
		w.expectSettled(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
	})
})

// giveBack lets the state of a run go, as if somebody had deleted it.
func (w *world) giveBack(run string) {
	GinkgoHelper()
	var all genv1alpha1.GeneratorStateList
	Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
	for _, state := range all.Items {
		if string(state.Spec.State.Raw) == `{"lease":`+run+"}" {
			lab.Edit(w.Lab, &state, func(s *genv1alpha1.GeneratorState) { s.Finalizers = nil })
			w.Delete(&state)
			return
		}
	}
	Fail("there is no state of run " + run)
}

// expectStates checks the numbers of the runs whose leases are kept, and of those that are to be given back.
func (w *world) expectStates(kept, ending []string) {
	GinkgoHelper()
	var all genv1alpha1.GeneratorStateList
	Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
	var live, rest []string
	for _, state := range all.Items {
		run := strings.TrimSuffix(strings.TrimPrefix(string(state.Spec.State.Raw), `{"lease":`), "}")
		if (lease.State{GeneratorState: &state}).Live() {
			live = append(live, run)
		} else {
			rest = append(rest, run)
		}
	}
	slices.Sort(live)
	slices.Sort(rest)
	Expect(live).To(Equal(kept), "in use")
	Expect(rest).To(Equal(ending), "to be given back")
}
