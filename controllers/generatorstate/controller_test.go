package generatorstate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var errGone = fault.New(fault.Denied, "secret \"login\" does not exist")

var _ = Describe("A lease", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("is written down with all that it takes to give it back, and kept while its values are in use", func() {
		es := generated().ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		state := w.state()
		Expect(state.Name).To(HavePrefix("gen-fake-g-"))
		Expect(state.Spec.GarbageCollectionDeadline).To(BeNil())
		Expect(state.Spec.State.Raw).To(MatchJSON(`{"lease": 1}`))
		Expect(state.Finalizers).To(ConsistOf(genv1alpha1.FinalizerGeneratorState))
		Expect(state.Labels).To(HaveKey(genv1alpha1.LabelOwnerKey))
		Expect(metav1.IsControlledBy(state, es)).To(BeTrue())
		Expect(state.OwnerReferences[0].BlockOwnerDeletion).To(BeNil(), "it would take a right to finalizers of ExternalSecrets")
		var resource struct {
			Kind       string               `json:"kind"`
			APIVersion string               `json:"apiVersion"`
			Metadata   map[string]any       `json:"metadata"`
			Spec       genv1alpha1.FakeSpec `json:"spec"`
		}
		Expect(json.Unmarshal(state.Spec.Resource.Raw, &resource)).To(Succeed())
		Expect(resource.Kind).To(Equal("Fake"))
		Expect(resource.APIVersion).To(Equal("generators.external-secrets.io/v1alpha1"))
		Expect(resource.Metadata).To(HaveKeyWithValue("name", "g"))
		Expect(resource.Metadata).NotTo(HaveKey("managedFields"))
		Expect(resource.Spec.Data).To(HaveKey("password"))

		w.collect()
		lab.ExpectReady(w.state(), genv1alpha1.ReasonStateCreated)
		w.Quietly(w.collect)
		w.Clock.Step(24 * time.Hour)
		w.collect()
		Expect(w.Generator.Revoked()).To(BeZero())
	})

	It("that cannot be given back is kept until it has ended by itself, and no longer", func() {
		w.Generator.Lifetime = time.Hour
		es := generated().ExternalSecret
		w.sync(es)
		w.rotate(es, "1")
		w.Reconcile(w.owner, es)
		w.Generator.FailRevoke(errGone)
		old := w.oldest()
		w.Clock.Step(time.Hour + time.Minute)
		_, err := w.Try(w.collector, old)
		Expect(err).To(MatchError(ContainSubstring("could not be given back")))
		lab.ExpectNotReady(old, genv1alpha1.ReasonStateError, "could not be given back")
		w.Clock.Step(time.Minute)
		w.Reconcile(w.collector, old)
		Expect(w.Gone(old)).To(BeTrue())
		Expect(w.state().Spec.State.Raw).To(MatchJSON(`{"lease": 2}`))
		w.collect()
		Expect(w.states()).To(HaveLen(1), "what is in use is no matter of its end")
	})

	It("is replaced by the next, and given back after the grace period", func() {
		es := generated().ExternalSecret
		w.sync(es)
		w.rotate(es, "1")
		w.Reconcile(w.owner, es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		w.collect()
		Expect(w.Generator.Live()).To(Equal([]int{1, 2}))
		w.Clock.Step(lab.Grace - time.Second)
		w.collect()
		Expect(w.Generator.Live()).To(Equal([]int{1, 2}))
		w.Clock.Step(time.Second)
		w.collect()
		Expect(w.Generator.Live()).To(Equal([]int{2}))
		Expect(w.state().Spec.State.Raw).To(MatchJSON(`{"lease": 2}`))
	})

	It("costs nothing where there is none", func() {
		w.Generator.Leaseless = true
		es := generated().ExternalSecret
		w.Refuse(func(verb string, o client.Object) error {
			if _, ok := o.(*genv1alpha1.GeneratorState); ok {
				return errors.New(verb + " of a GeneratorState")
			}
			return nil
		})
		w.sync(es)
		w.rotate(es, "1")
		w.Reconcile(w.owner, es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		Expect(w.Secret("app").Annotations).NotTo(HaveKey(HavePrefix("lease.sluice.dev/")))
	})

	It("is given back when its owner goes", func() {
		es := generated().ExternalSecret
		w.sync(es)
		w.Delete(w.state()) // as the garbage collector does
		w.collect()
		Expect(w.Generator.Live()).To(BeEmpty())
		Expect(w.states()).To(BeEmpty())
	})

	It("has a metric of when it ends, as long as it is in use", func() {
		w.Generator.Lifetime = time.Hour
		es := generated().ExternalSecret
		w.sync(es)
		w.collect()
		const metric = "generatorstate_expiry_timestamp_seconds"
		line := func(state *genv1alpha1.GeneratorState) string {
			return fmt.Sprintf(metric+`{name=%q,namespace=%q,owner="ExternalSecret/app"} %v`,
				state.Name, w.Namespace, float64(w.Clock.Now().Add(time.Hour).Unix()))
		}
		w.expectMetric(metric, line(w.state()))
		w.Clock.Step(time.Minute)
		w.rotate(es, "1")
		w.Reconcile(w.owner, es)
		w.collect()
		old := w.oldest()
		w.expectMetric(metric, line(&slices.DeleteFunc(w.states(), func(s genv1alpha1.GeneratorState) bool { return s.Name == old.Name })[0]))
		w.Delete(es)
		for _, state := range w.states() {
			w.Delete(&state)
		}
		w.collect()
		w.Reconcile(w.collector, old)
		Expect(w.states()).To(BeEmpty())
	})

	It("of a ClusterGenerator is given back with the generator as it was", func() {
		w.Create(&genv1alpha1.ClusterGenerator{
			ObjectMeta: metav1.ObjectMeta{Name: w.Namespace},
			Spec: genv1alpha1.ClusterGeneratorSpec{
				Kind: genv1alpha1.KindFake, Generator: genv1alpha1.GeneratorSpec{FakeSpec: &genv1alpha1.FakeSpec{}},
			},
		})
		es := gen.NewExternalSecret("app").Generate(genv1alpha1.KindClusterGenerator, w.Namespace).ExternalSecret
		w.sync(es)
		w.Delete(&genv1alpha1.ClusterGenerator{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}})
		w.Delete(w.state())
		w.collect()
		Expect(w.Generator.Live()).To(BeEmpty())
		Expect(w.states()).To(BeEmpty())
	})

	It("that the reference implementation has written down is given back like any other", func() {
		es := generated().ExternalSecret
		w.sync(es)
		own := w.state()
		theirs := &genv1alpha1.GeneratorState{
			ObjectMeta: metav1.ObjectMeta{
				GenerateName: "gen-fake-g-", Finalizers: []string{genv1alpha1.FinalizerGeneratorState},
				Labels: map[string]string{genv1alpha1.LabelOwnerKey: "0123456789abcdef"},
			},
			Spec: genv1alpha1.GeneratorStateSpec{
				Resource: runtime.RawExtension{Raw: []byte(
					`{"apiVersion":"generators.external-secrets.io/v1alpha1","kind":"Fake","metadata":{"name":"g"},"spec":{"data":{"password":"pw"}}}`)},
				State:                     own.Spec.State,
				GarbageCollectionDeadline: &metav1.Time{Time: w.Clock.Now().Add(time.Minute)},
			},
		}
		w.Create(theirs)
		w.collect()
		Expect(w.Generator.Revoked()).To(BeZero())
		w.Clock.Step(time.Minute)
		w.collect()
		Expect(w.Generator.Revoked()).To(Equal(1))
		Expect(w.state().UID).To(Equal(own.UID))
	})

	It("of another controller class is left alone", func() {
		w.sync(generated().ExternalSecret)
		lab.Edit(w.Lab, w.state(), func(s *genv1alpha1.GeneratorState) {
			s.Spec.Resource.Raw = []byte(`{"kind":"Fake","metadata":{"name":"g"},"spec":{"controller":"other"}}`)
			s.Spec.GarbageCollectionDeadline = &metav1.Time{Time: w.Clock.Now()}
		})
		w.Quietly(w.collect)
		Expect(w.Generator.Revoked()).To(BeZero())
	})

	Context("that cannot be given back", func() {
		var es *esv1.ExternalSecret
		BeforeEach(func() {
			es = generated().ExternalSecret
			w.sync(es)
			w.collect()
			w.Generator.FailRevoke(errGone)
		})

		It("is tried again, and says why", func() {
			w.rotate(es, "1")
			w.Reconcile(w.owner, es)
			w.Clock.Step(lab.Grace)
			w.Events()
			old := w.oldest()
			_, err := w.Try(w.collector, old)
			Expect(err).To(MatchError(ContainSubstring(errGone.Error())))
			lab.ExpectNotReady(old, genv1alpha1.ReasonStateError, `generator Fake "g"`, `secret "login" does not exist`)
			w.ExpectEvent("Warning Error could not be given back", `secret "login" does not exist`)
			w.Clock.Step(24 * time.Hour)
			w.Quietly(func() { _, err = w.Try(w.collector, old) })
			Expect(err).To(HaveOccurred())
			Expect(w.states()).To(HaveLen(2), "what nobody deletes is not given up")
			w.Generator.FailRevoke(nil)
			w.collect()
			Expect(w.Generator.Live()).To(Equal([]int{2}))
		})

		It("is given up after some time when its namespace goes, and says so", func() {
			state := w.state()
			w.Delete(state)
			Expect(admin.Get(GinkgoT().Context(), client.ObjectKeyFromObject(state), state)).To(Succeed())
			w.Clock.SetTime(state.DeletionTimestamp.Time)
			w.Events()
			result, err := w.Try(w.collector, state)
			Expect(err).NotTo(HaveOccurred())
			Expect(result.RequeueAfter).To(Equal(time.Second))
			w.Clock.Step(90 * time.Second)
			result, err = w.Try(w.collector, state)
			Expect(err).NotTo(HaveOccurred())
			Expect(result.RequeueAfter).To(Equal(30*time.Second), "in time to be given up")
			Expect(w.states()).To(HaveLen(1))
			lab.ExpectNotReady(state, genv1alpha1.ReasonStateError, `secret "login" does not exist`)
			w.Clock.Step(report.CleanupPatience - 90*time.Second)
			w.Events()
			w.Reconcile(w.collector, state)
			Expect(w.states()).To(BeEmpty())
			w.ExpectEvent("Warning Abandoned given up after 2m0s", `secret "login" does not exist`)
			Expect(w.Generator.Live()).To(Equal([]int{1}))
			w.expectMetric("generatorstate_abandoned_total", `generatorstate_abandoned_total{namespace="`+w.Namespace+`"} 1`)
		})

		It("because its generator is of an unknown kind says which, and is given up likewise", func() {
			lab.Edit(w.Lab, w.state(), func(s *genv1alpha1.GeneratorState) {
				s.Spec.Resource.Raw = []byte(`{"kind":"Dice","metadata":{"name":"g"}}`)
			})
			state := w.state()
			w.Delete(state)
			Expect(admin.Get(GinkgoT().Context(), client.ObjectKeyFromObject(state), state)).To(Succeed())
			w.Clock.SetTime(state.DeletionTimestamp.Time)
			w.Reconcile(w.collector, state)
			lab.ExpectNotReady(state, genv1alpha1.ReasonStateError, `spec.resource: there is no generator of kind "Dice"`)
			w.Clock.Step(report.CleanupPatience)
			w.Reconcile(w.collector, state)
			Expect(w.states()).To(BeEmpty())
		})
	})

	DescribeTable("is given back though the collector fails in between", func(refuse string) {
		es := generated().ExternalSecret
		w.sync(es)
		w.rotate(es, "1")
		w.Reconcile(w.owner, es)
		w.Clock.Step(lab.Grace)
		w.Refuse(func(verb string, _ client.Object) error {
			if verb != refuse {
				return nil
			}
			return apierrors.NewInternalError(errors.New("no answer"))
		})
		old := w.oldest()
		_, err := w.Try(w.collector, old)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(old, genv1alpha1.ReasonStateError, "could not be removed after it was given back", "GeneratorState")
		w.Refuse(nil)
		w.restart()
		w.collect()
		Expect(w.Generator.Live()).To(Equal([]int{2}))
		Expect(w.states()).To(HaveLen(1))
	},
		Entry("when it takes the finalizer away", lab.VerbPatch),
		Entry("when it deletes", lab.VerbDelete),
	)

	It("is not called a failure when its state changes at the same moment", func() {
		es := generated().ExternalSecret
		w.sync(es)
		w.rotate(es, "1")
		w.Reconcile(w.owner, es)
		w.Clock.Step(lab.Grace)
		w.Refuse(func(verb string, o client.Object) error {
			if verb != lab.VerbPatch {
				return nil
			}
			return apierrors.NewConflict(schema.GroupResource{Resource: "generatorstates"}, o.GetName(), errors.New("changed"))
		})
		old := w.oldest()
		_, err := w.Try(w.collector, old)
		Expect(apierrors.IsConflict(err)).To(BeTrue())
		Expect(old.Status.Conditions).To(BeEmpty())
		w.Refuse(nil)
		w.collect()
		Expect(w.Generator.Live()).To(Equal([]int{2}))
	})

	Context("that nobody has received", func() {
		// refuse fails writes of one verb to the target or to a state, and nothing else.
		refuse := func(verb string, states bool) {
			w.Refuse(func(v string, o client.Object) error {
				_, state := o.(*genv1alpha1.GeneratorState)
				if v != verb || state != states {
					return nil
				}
				return apierrors.NewForbidden(schema.GroupResource{Resource: "any"}, "any", errors.New("no right"))
			})
		}

		It("is delivered by the next try", func() {
			es := generated().ExternalSecret
			w.Create(es)
			refuse(lab.VerbApply, false)
			for range 5 {
				_, err := w.Try(w.owner, es)
				Expect(err).To(HaveOccurred())
				w.Clock.Step(5 * time.Minute)
				w.collect()
			}
			w.Refuse(nil)
			w.Reconcile(w.owner, es)
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
			Expect(w.state().Spec.GarbageCollectionDeadline).To(BeNil())
			Expect(w.Generator.Minted()).To(Equal(1))
			Expect(w.Generator.Revoked()).To(BeZero())
		})

		It("is given back when the operator has forgotten the values", func() {
			es := generated().ExternalSecret
			w.Create(es)
			refuse(lab.VerbApply, false)
			_, err := w.Try(w.owner, es)
			Expect(err).To(HaveOccurred())
			w.Refuse(nil)
			w.restart()
			result := w.Reconcile(w.owner, es)
			Expect(result.RequeueAfter).To(Equal(15*time.Minute), "when it is to be decided about what was lost")
			w.ExpectSecret("app", map[string]string{"password": "pw-2"})
			w.Clock.Step(15 * time.Minute)
			w.collect()
			Expect(w.Generator.Revoked()).To(BeZero(), "its owner has not said so")
			w.Reconcile(w.owner, es)
			w.collect()
			Expect(w.Generator.Live()).To(Equal([]int{2}))
		})

		It("is given back at once when it cannot be written down", func() {
			es := generated().ExternalSecret
			w.Create(es)
			refuse(lab.VerbCreate, true)
			_, err := w.Try(w.owner, es)
			Expect(err).To(HaveOccurred())
			lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `generator Fake "g"`, "and was given back", `grant it the verb "create" on generatorstates`)
			Expect(w.Generator.Live()).To(BeEmpty())
			w.ExpectNoSecret("app")
		})

		It("is written down by the next try when it can neither be written down nor given back", func() {
			es := generated().ExternalSecret
			w.Create(es)
			refuse(lab.VerbCreate, true)
			w.Generator.FailRevoke(errGone)
			_, err := w.Try(w.owner, es)
			Expect(err).To(HaveOccurred())
			lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "could not be given back", `secret "login" does not exist`)
			w.Refuse(nil)
			w.Reconcile(w.owner, es)
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
			Expect(w.state().Spec.GarbageCollectionDeadline).To(BeNil())
		})

		It("is given back when there is nowhere to deliver it", func() {
			es := generated().Creation(esv1.CreateNone).ExternalSecret
			w.sync(es)
			w.collect()
			Expect(w.Generator.Minted()).To(Equal(1))
			Expect(w.Generator.Live()).To(BeEmpty())
			Expect(w.states()).To(BeEmpty())
		})

		It("is not given back while nobody can say whether it was delivered", func() {
			es := generated().ExternalSecret
			w.sync(es)
			refuse(lab.VerbPatch, true)
			w.rotate(es, "1")
			_, err := w.Try(w.owner, es)
			Expect(err).To(HaveOccurred(), "the lease could not be confirmed")
			w.ExpectSecret("app", map[string]string{"password": "pw-2"})
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			w.restart()
			w.Clock.Step(24 * time.Hour)
			w.collect()
			Expect(w.Generator.Live()).To(Equal([]int{1, 2}))
			w.Refuse(nil)
			w.Reconcile(w.owner, es)
			w.Clock.Step(lab.Grace)
			w.collect()
			Expect(w.Generator.Live()).To(Equal([]int{2}))
			Expect(w.Generator.Minted()).To(Equal(2))
		})
	})
})
