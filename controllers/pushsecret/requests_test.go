package pushsecret_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/pushsecret"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
)

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

var _ = Describe("A cache that is behind", func() {
	var (
		w  *world
		ps *esv1alpha1.PushSecret
	)
	BeforeEach(func() {
		w = newWorld()
		ps = generated("a", "b").Every(0).PushSecret
		w.push(ps)
	})

	// look lets a controller work that sees a PushSecret as it was.
	look := func(seen *esv1alpha1.PushSecret) reconcile.Result {
		GinkgoHelper()
		stale := w.newController(func(config *pushsecret.Config) {
			watching, ok := config.Client.(client.WithWatch)
			Expect(ok).To(BeTrue())
			config.Client = interceptor.NewClient(watching, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
					if into, ok := o.(*esv1alpha1.PushSecret); ok {
						seen.DeepCopyInto(into)
						return nil
					}
					return c.Get(ctx, key, o, opts...)
				},
			})
		})
		return w.Reconcile(stale, ps)
	}
	expectUntouched := func(seen *esv1alpha1.PushSecret) {
		GinkgoHelper()
		writes, minted := w.remoteWrites(), w.Generator.Minted()
		look(seen)
		Expect(w.remoteWrites()).To(Equal(writes), "writes to the stores")
		Expect(w.Generator.Minted()).To(Equal(minted), "runs of the generator")
	}

	It("asks for no value that was made already", func() {
		w.Annotate(ps, "force-sync", "1")
		asked := ps.DeepCopy()
		w.reconcile(ps)
		Expect(w.value("a")).To(Equal("pw-2"))
		By("seeing the request, and not that it was handled")
		expectUntouched(asked)
		By("seeing the round, and not its end")
		asked.Status.Rotation = &esv1alpha1.PushSecretRotation{ForceSync: "1", Generated: map[string]string{"password": "gone"}}
		expectUntouched(asked)
	})

	It("asks for no value of an object that is gone, going, or another one by now", func() {
		w.Annotate(ps, "force-sync", "1")
		asked := ps.DeepCopy()
		w.Delete(ps)
		expectUntouched(asked)

		again := generated("a", "b").Every(0).Annotate("force-sync", "1").PushSecret
		again.Finalizers = []string{"example.com/held"}
		w.Create(again)
		expectUntouched(asked)
		w.reconcile(again)

		w.Annotate(again, "force-sync", "2")
		asked = again.DeepCopy()
		w.Delete(again)
		expectUntouched(asked)
		Expect(w.value("a")).To(Equal("pw-1"))
		lab.Edit(w.Lab, again, func(o *esv1alpha1.PushSecret) { o.Finalizers = nil })
	})
})

var _ = Describe("A rotation that stopped half way", func() {
	for name, leaseless := range map[string]bool{"of values": true, "of leases": false} {
		It(name+" waits while nothing may be replaced, and goes on with its value", func() {
			w := newWorld()
			w.Generator.Leaseless = leaseless
			w.restart()
			ps := generated("a", "b").Every(0).PushSecret
			w.push(ps)
			w.Memory("b").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
			w.Annotate(ps, "force-sync", "1")
			_, err := w.Try(w.controller, ps)
			Expect(err).To(HaveOccurred())
			w.Memory("b").Fail(providertest.CallPut, nil)
			w.restart()
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.UpdatePolicy = esv1alpha1.UpdateIfNotExists })
			w.reconcile(ps)
			Expect([]string{w.value("a"), w.value("b")}).To(Equal([]string{"pw-2", "pw-1"}))
			w.expectSettled(ps)
			lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.UpdatePolicy = esv1alpha1.UpdateReplace })
			w.reconcile(ps)
			Expect([]string{w.value("a"), w.value("b")}).To(Equal([]string{"pw-2", "pw-2"}))
			Expect(w.Generator.Minted()).To(Equal(2))
			w.expectSettled(ps)
		})
	}
})
