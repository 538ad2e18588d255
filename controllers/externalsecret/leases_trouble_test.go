package externalsecret_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A lent value, when something goes wrong,", func() {
	const lifetime = 10 * time.Hour
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.Generator.Leaseless = false
		w.restart()
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
		w.expectStates([]string{"1"}, nil)
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
		w.expectStates([]string{"2"}, []string{"1"})
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
		w.expectStates([]string{"1"}, nil)
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
		func(obstruct func(es *esv1.ExternalSecret) (remedy func()), says string) {
			w.Generator.Lifetime = 15 * time.Minute
			es := generated("app").ExternalSecret
			w.sync(es)
			w.Clock.Step(12 * time.Minute)
			remedy := obstruct(es)
			for range 40 {
				_, _ = w.Try(w.controller, es)
				lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, says)
				w.Clock.Step(4 * time.Minute)
			}
			Expect(w.Generator.Minted()).To(Equal(2), "what it had, and one to take its place")
			remedy()
			w.reconcile(es)
			Expect(w.password("app")).To(Equal("pw-3"))
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			w.expectStates([]string{"3"}, []string{"1", "2"})
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
		w.expectStates(nil, nil)
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
		end := w.Clock.Now().Add(lifetime * 19 / 100).UTC().Format(time.RFC3339)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `generator Fake "g": no answer`, "what was delivered before ends at "+end)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		w.expectStates([]string{"1"}, nil)
		w.Clock.Step(lifetime)
		_, err = w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "what was delivered before has ended at "+end)
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
