package pushsecret_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/pushsecret"
	"github.com/sluice-operator/sluice/test/env/lab"
)

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
