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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/internal/fault"
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
	})

	// states returns the numbers of the runs whose leases are kept, and of those that are to be given back.
	states := func() (kept, ending []string) {
		GinkgoHelper()
		var all genv1alpha1.GeneratorStateList
		Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		for _, state := range all.Items {
			run := strings.TrimSuffix(strings.TrimPrefix(string(state.Spec.State.Raw), `{"lease":`), "}")
			if (lease.State{GeneratorState: &state}).Live() {
				kept = append(kept, run)
			} else {
				ending = append(ending, run)
			}
		}
		slices.Sort(kept)
		slices.Sort(ending)
		return kept, ending
	}
	expectStates := func(kept, ending []string) {
		GinkgoHelper()
		k, e := states()
		Expect(k).To(Equal(kept), "in use")
		Expect(e).To(Equal(ending), "to be given back")
	}

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
		expectStates([]string{"1"}, nil)
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
				lab.ExpectReady(es, esv1.ReasonSecretSynced)
				w.expectSettled(es)
			}
			expectStates([]string{"3"}, []string{"1", "2"})
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
		expectStates([]string{"1", "2"}, nil)
		return es
	}

	It("that ends is replaced alone", func() {
		es := mixed()
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-3", "token": "tk-2"})
		expectStates([]string{"2", "3"}, []string{"1"})
		w.expectSettled(es)
	})

	It("stays when its entry gets another place", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { slices.Reverse(es.Spec.DataFrom) })
		w.reconcile(es)
		expectStates([]string{"1", "2"}, nil)
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-3", "token": "tk-2"})
		expectStates([]string{"2", "3"}, []string{"1"})
	})

	It("is given back when its entry goes, and the others stay", func() {
		es := mixed()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.DataFrom = es.Spec.DataFrom[1:] })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"token": "tk-2"})
		expectStates([]string{"2"}, []string{"1"})
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
		expectStates([]string{"1"}, nil)
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "other-2"})
		expectStates([]string{"2"}, []string{"1"})
		w.expectSettled(es)
	})

	It("stays when a further key is generated beside it", func() {
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1", "token": "tk-2"})
		expectStates([]string{"1", "2"}, nil)
		w.Annotate(es, esv1.AnnotationForceSync, "1")
		w.reconcile(es)
		expectStates([]string{"3"}, []string{"1", "2"})
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
		w.expectSettled(es)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-3", "token": "tk-2"})
		w.expectSettled(es)
	})

	It("that an ExternalSecret of the same name has left behind is owned again", func() {
		es := generated("app").Creation(esv1.CreateOrphan).ExternalSecret
		w.sync(es)
		w.Delete(es)
		w.reconcile(es)
		var all genv1alpha1.GeneratorStateList
		Expect(w.Client.List(context.Background(), &all, client.InNamespace(w.Namespace))).To(Succeed())
		// As the garbage collector does for a deletion that leaves what was owned.
		lab.Edit(w.Lab, &all.Items[0], func(s *genv1alpha1.GeneratorState) { s.OwnerReferences = nil })
		es = generated("app").Creation(esv1.CreateOrphan).ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		Expect(w.Client.Get(context.Background(), client.ObjectKeyFromObject(&all.Items[0]), &all.Items[0])).To(Succeed())
		Expect(all.Items[0].OwnerReferences).To(HaveLen(1))
		Expect(all.Items[0].OwnerReferences[0].UID).To(Equal(es.UID))
		expectStates([]string{"1"}, nil)
		w.expectSettled(es)
	})

	It("is not made anew because a cache has not seen it", func() {
		w.Generator.Lifetime = lifetime
		es := generated("app").ExternalSecret
		w.sync(es)
		stale := w.staleStates()
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		for range 2 {
			stale.Reconcile(stale.controller, es)
			w.Annotate(es, "note", fmt.Sprint(w.Clock.Now()))
			stale.Reconcile(stale.controller, es)
		}
		Expect(w.Generator.Minted()).To(Equal(2))
		expectStates([]string{"2"}, []string{"1"})
	})

	It("is not given back at once because a cache has not seen that it was delivered", func() {
		es := generated("app").ExternalSecret
		w.Create(es)
		w.Refuse(forbid(lab.VerbApply))
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		stale := w.staleStates()
		w.Refuse(nil)
		w.reconcile(es)
		w.Clock.Step(time.Hour)
		stale.Reconcile(stale.controller, es)
		expectStates([]string{"1"}, nil)
	})

	DescribeTable("is not delivered once more by a later request because a write that had an effect seemed to fail",
		func(leaseless bool, first func() gen.ExternalSecret) {
			w.Generator.Leaseless = leaseless
			es := first().ExternalSecret
			w.Create(es)
			w.controller = w.newController(func(c *externalsecret.Config) {
				watching, ok := c.Client.(client.WithWatch)
				Expect(ok).To(BeTrue())
				failures := 1
				c.Client = interceptor.NewClient(watching, interceptor.Funcs{
					Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
						err := c.Apply(ctx, o, opts...)
						if failures--; err == nil && failures >= 0 {
							return context.DeadlineExceeded
						}
						return err
					},
				})
			})
			_, err := w.Try(w.controller, es)
			Expect(err).To(HaveOccurred())
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			w.Clock.Step(time.Minute)
			w.Annotate(es, esv1.AnnotationForceSync, "1")
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		},
		Entry("without a lease", true, func() gen.ExternalSecret { return generated("app") }),
		Entry("with a lease", false, func() gen.ExternalSecret { return generated("app") }),
		Entry("without a lease, made once for each change", true,
			func() gen.ExternalSecret { return generated("app").Policy(esv1.RefreshOnChange) }),
	)

	DescribeTable("costs one lease, and one more when it can be delivered at last, though that fails for hours",
		func(obstruct func(es *esv1.ExternalSecret) (clear func()), says string) {
			w.Generator.Lifetime = 15 * time.Minute
			es := generated("app").ExternalSecret
			w.sync(es)
			w.Clock.Step(12 * time.Minute)
			clear := obstruct(es)
			for range 40 {
				_, _ = w.Try(w.controller, es)
				lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, says)
				w.Clock.Step(4 * time.Minute)
			}
			Expect(w.Generator.Minted()).To(Equal(2), "what it had, and one to take its place")
			clear()
			w.reconcile(es)
			Expect(w.password("app")).To(Equal("pw-3"))
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			expectStates([]string{"3"}, []string{"1", "2"})
			w.expectSettled(es)
		},
		Entry("because the API server refuses the write", func(*esv1.ExternalSecret) func() {
			w.Refuse(forbid(lab.VerbApply))
			return func() { w.Refuse(nil) }
		}, "app"),
		Entry("because of the template", func(es *esv1.ExternalSecret) func() {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{
					MergePolicy: esv1.MergePolicyMerge, Data: map[string]string{"url": "{{ .absent }}"},
				}
			})
			return func() {
				lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Template = nil })
			}
		}, "absent"),
	)

	It("is refused, and given back, where leases are not kept", func() {
		w.controller = w.newController(func(c *externalsecret.Config) { c.Generators.Ledger = nil })
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `generator Fake "g" yields leases, which this operator does not keep`)
		Expect(w.Generator.Live()).To(BeEmpty())
		w.ExpectNoSecret("app")
		expectStates(nil, nil)
	})

	It("waits for a sync window that opens before it ends", func() {
		w.Generator.Lifetime = lifetime
		es := generated("app").ExternalSecret
		from := w.Clock.Now().UTC().Add(lifetime * 85 / 100).Truncate(time.Minute)
		es.Spec.SyncWindows = &esv1.SyncWindows{Kind: esv1.SyncWindowAllow, Windows: []esv1.SyncWindow{{
			Schedule: fmt.Sprintf("%d %d * * *", from.Minute(), from.Hour()), Duration: metav1.Duration{Duration: 10 * time.Minute},
		}}}
		w.sync(es)
		w.Clock.Step(lifetime * 81 / 100)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		w.Clock.SetTime(from)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
	})

	It("that cannot be obtained is said, and the old one stays", func() {
		w.Generator.Lifetime = lifetime
		es := generated("app").ExternalSecret
		w.sync(es)
		w.Clock.Step(lifetime * 81 / 100)
		w.Generator.FailGenerate(fault.New(fault.Unavailable, "no answer"))
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `generator Fake "g": no answer`)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		expectStates([]string{"1"}, nil)
		w.Generator.FailGenerate(nil)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
	})
})

// staleStates is the world with a controller whose cache goes on showing GeneratorStates as they are now.
func (w *world) staleStates() *world {
	GinkgoHelper()
	var seen genv1alpha1.GeneratorStateList
	Expect(w.Client.List(context.Background(), &seen, client.InNamespace(w.Namespace))).To(Succeed())
	stale := *w
	stale.controller = w.newController(func(c *externalsecret.Config) {
		watching, ok := w.Client.(client.WithWatch)
		Expect(ok).To(BeTrue())
		c.Generators.Ledger.Client = interceptor.NewClient(watching, interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				if states, ok := list.(*genv1alpha1.GeneratorStateList); ok {
					seen.DeepCopyInto(states)
					return nil
				}
				return c.List(ctx, list, opts...)
			},
		})
	})
	return &stale
}
