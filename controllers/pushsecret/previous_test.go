package pushsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A previous value", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	kept := func(ps gen.PushSecret, d time.Duration) *esv1alpha1.PushSecret {
		ps.Spec.Data[0].PreviousProperty = "previous"
		if d > 0 {
			ps.Spec.Data[0].PreviousFor = &metav1.Duration{Duration: d}
		}
		return ps.PushSecret
	}

	It("stays beside the new one for the stated time, in every store", func() {
		ps := kept(generated("a", "b").Every(0), time.Hour)
		w.push(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-1"})
		w.Annotate(ps, "force-sync", "1")
		result := w.Reconcile(w.controller, ps)
		for _, store := range []string{"a", "b"} {
			w.ExpectRemote(store, "db", map[string]string{"password": "pw-2", "previous": "pw-1"})
		}
		Expect(result.RequeueAfter).To(BeNumerically("~", time.Hour, time.Second))
		w.expectSettled(ps)

		By("taking it away when the time is over, also after a restart")
		w.restart()
		w.Clock.Step(time.Hour + time.Second)
		w.reconcile(ps)
		for _, store := range []string{"a", "b"} {
			w.ExpectRemote(store, "db", map[string]string{"password": "pw-2"})
		}
		w.expectSettled(ps)
	})

	It("stays no longer because another entry's value is replaced", func() {
		w.Create(gen.Secret("two", map[string]string{"one": "1", "two": "1"}))
		ps := gen.NewPushSecret("push").From("two").To("a").Data("one", "db", "one").Data("two", "db", "two").PushSecret
		for i := range ps.Spec.Data {
			entry := &ps.Spec.Data[i]
			entry.PreviousProperty, entry.PreviousFor = entry.Match.SecretKey+"-previous", &metav1.Duration{Duration: time.Hour}
		}
		w.push(ps)
		change := func(key string) {
			lab.Edit(w.Lab, gen.Secret("two", nil), func(s *corev1.Secret) { s.Data[key] = []byte("2") })
			w.reconcile(ps)
		}
		change("one")
		w.Clock.Step(40 * time.Minute)
		change("two")
		w.Clock.Step(21 * time.Minute)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"one": "2", "two": "2", "two-previous": "1"})
		w.Clock.Step(40 * time.Minute)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"one": "2", "two": "2"})
	})

	It("without a time stays until the next takes its place", func() {
		ps := kept(generated("a").Every(time.Hour), 0)
		w.push(ps)
		for _, want := range []map[string]string{{"password": "pw-2", "previous": "pw-1"}, {"password": "pw-3", "previous": "pw-2"}} {
			w.Clock.Step(2 * time.Hour)
			w.reconcile(ps)
			w.ExpectRemote("a", "db", want)
		}
	})

	It("survives a rotation that stops half way, a retry and a restart", func() {
		ps := kept(generated("a", "b").Every(0), time.Hour)
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.Memory("b").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
		for range 2 {
			_, err := w.Try(w.controller, ps)
			Expect(err).To(HaveOccurred())
			w.restart()
		}
		w.Memory("b").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		for _, store := range []string{"a", "b"} {
			w.ExpectRemote(store, "db", map[string]string{"password": "pw-2", "previous": "pw-1"})
		}
	})

	It("is that of a Secret too", func() {
		ps := kept(fromSecret("push", "a"), time.Hour)
		w.push(ps)
		lab.Edit(w.Lab, gen.Secret("source", nil), func(s *corev1.Secret) { s.Data["password"] = []byte("n3w") })
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "n3w", "previous": "s3cret"})
		w.Clock.Step(time.Hour + 4*time.Minute)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "n3w"})
	})

	It("is not what somebody wrote over that of a Secret", func() {
		ps := kept(fromSecret("push", "a"), 0)
		w.push(ps)
		lab.Edit(w.Lab, gen.Secret("source", nil), func(s *corev1.Secret) { s.Data["password"] = []byte("n3w") })
		w.reconcile(ps)
		w.seed("a", map[string]string{"password": "vandal", "previous": "s3cret"})
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "n3w", "previous": "s3cret"})
	})

	It("is not what somebody wrote over a generated value", func() {
		ps := kept(generated("a", "b"), 0)
		w.push(ps)
		w.seed("b", map[string]string{"password": "vandal"})
		w.Clock.Step(2 * time.Hour)
		w.reconcile(ps)
		w.ExpectRemote("b", "db", map[string]string{"password": "pw-1"})
	})

	It("goes with its entry, and from a place that it has no more", func() {
		ps := kept(generated("a").Every(0).Deletion(esv1alpha1.DeletionDelete), 0)
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2", "previous": "pw-1"})
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].PreviousProperty = "old" })
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		w.Annotate(ps, "force-sync", "2")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-3", "old": "pw-2"})
		w.Delete(ps)
		w.reconcile(ps)
		w.ExpectNoRemote("a", "db")
	})

	It("goes from a place that it has no more also when that fails at first", func() {
		ps := kept(generated("a").Every(0), 0)
		w.push(ps)
		w.Annotate(ps, "force-sync", "1")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2", "previous": "pw-1"})
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].PreviousProperty = "" })
		w.Memory("a").Fail(providertest.CallDelete, fault.New(fault.Unavailable, "no route"))
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.Memory("a").Fail(providertest.CallDelete, nil)
		w.restart()
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "pw-2"})
		w.expectSettled(ps)
	})

	DescribeTable("needs a place of its own",
		func(edit func(gen.PushSecret) gen.PushSecret, says string) {
			ps := kept(edit(generated("a")), 0)
			w.push(ps)
			lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, says)
		},
		Entry("not that of another entry", func(ps gen.PushSecret) gen.PushSecret { return ps.Data("password", "db", "previous") }, "db/previous"),
		Entry("not in a secret that takes all", func(ps gen.PushSecret) gen.PushSecret { return ps.All("db") }, "previousProperty"),
	)

	DescribeTable("is refused by the schema where it means nothing",
		func(edit func(*esv1alpha1.PushSecretData), says string) {
			ps := generated("a").PushSecret
			edit(&ps.Spec.Data[0])
			ps.Namespace = w.Namespace
			Expect(admin.Create(GinkgoT().Context(), ps)).To(MatchError(ContainSubstring(says)))
		},
		Entry("without a property", func(d *esv1alpha1.PushSecretData) {
			d.PreviousProperty, d.Match.RemoteRef.Property = "p", ""
		}, "previousProperty needs match.secretKey and match.remoteRef.property"),
		Entry("a time alone", func(d *esv1alpha1.PushSecretData) { d.PreviousFor = &metav1.Duration{Duration: 1} }, "previousFor needs previousProperty"),
	)
})
