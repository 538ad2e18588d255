package pushsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("What a PushSecret pushed", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	both := func(policy esv1alpha1.PushSecretDeletionPolicy) *esv1alpha1.PushSecret {
		return fromSecret("push", "a", "b").Data("user", "db", "user").Data("user", "other", "user").Deletion(policy).PushSecret
	}
	all := map[string]string{"password": "s3cret", "user": "admin"}

	It("stays under deletionPolicy None, whatever is taken out of the spec", func() {
		ps := both(esv1alpha1.DeletionNone)
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data = ps.Spec.Data[:1] })
		w.reconcile(ps)
		w.ExpectRemote("a", "db", all)
		Expect(ps.Status.SyncedPushSecrets["SecretStore/a"]).To(HaveLen(1), "what is not pushed any more is not listed")
		w.Delete(ps)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		w.ExpectRemote("a", "db", all)
	})

	It("goes with the entry under deletionPolicy Delete", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		w.ExpectRemote("b", "other", map[string]string{"user": "admin"})
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data = ps.Spec.Data[:1] })
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		for _, store := range []string{"a", "b"} {
			w.ExpectRemote(store, "db", map[string]string{"password": "s3cret"})
			w.ExpectNoRemote(store, "other")
			Expect(ps.Status.SyncedPushSecrets["SecretStore/"+store]).To(And(HaveLen(1), HaveKey("db/password")))
		}
		w.expectSettled(ps)
	})

	It("goes from a store that is not pushed to any more", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.SecretStoreRefs = ps.Spec.SecretStoreRefs[:1] })
		w.reconcile(ps)
		w.ExpectRemote("a", "db", all)
		w.ExpectNoRemote("b", "db")
		Expect(ps.Status.SyncedPushSecrets).NotTo(HaveKey("SecretStore/b"))
	})

	It("does not go when an entry takes another form of the same place", func() {
		ps := gen.NewPushSecret("push").From("source").To("a").Data("password", "all", "password").Data("user", "all", "user").
			Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Spec.Data = nil
			gen.PushSecret{PushSecret: ps}.All("all")
		})
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "all", all)
	})

	It("is said to stay in a store that is another operator's by now, and holds nobody for long", func() {
		ps := fromSecret("push", "a", "b").Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		lab.Edit(w.Lab, gen.SecretStore("b", nil), func(s *esv1.SecretStore) { s.Spec.Controller = "other" })
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.SecretStoreRefs = ps.Spec.SecretStoreRefs[:1] })
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "SecretStore/b is of another controller class")
		w.Delete(ps)
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred(), "another try")
		w.Clock.Step(3 * time.Minute)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
	})

	It("goes with its source, and comes back with it", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		w.Events()
		w.Delete(gen.Secret("source", nil))
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonSourceDeleted, "source secret deleted; provider secrets cleaned up")
		w.ExpectEvent("Normal SourceDeleted")
		w.ExpectNoRemote("a", "db")
		w.ExpectNoRemote("b", "other")
		Expect(ps.Status.SyncedPushSecrets).To(BeEmpty())
		w.expectSettled(ps)
		w.Create(gen.Secret("source", map[string]string{"user": "admin", "password": "n3w"}))
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "n3w", "user": "admin"})
	})

	It("stays when its source goes under deletionPolicy None", func() {
		ps := both(esv1alpha1.DeletionNone)
		w.push(ps)
		w.Delete(gen.Secret("source", nil))
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "could not get source secret")
		w.ExpectRemote("a", "db", all)
		Expect(ps.Status.SyncedPushSecrets).To(HaveLen(2))
	})

	It("goes before the object does, and takes nothing of others with it", func() {
		w.seed("a", map[string]string{"theirs": "x"})
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		Expect(ps.Finalizers).To(ConsistOf(esv1alpha1.FinalizerPushSecret))
		w.Delete(ps)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		w.ExpectRemote("a", "db", map[string]string{"theirs": "x"})
		w.ExpectNoRemote("b", "db")
		w.ExpectNoRemote("b", "other")
	})

	It("does not hold the object when the policy was changed to None", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.DeletionPolicy = esv1alpha1.DeletionNone })
		w.reconcile(ps)
		Expect(ps.Finalizers).To(BeEmpty())
		w.Delete(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		w.ExpectRemote("a", "db", all)
	})

	It("never includes what IfNotExists found", func() {
		w.seed("a", map[string]string{"password": "theirs"})
		ps := fromSecret("push", "a", "b").Update(esv1alpha1.UpdateIfNotExists).Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		Expect(ps.Status.SyncedPushSecrets["SecretStore/a"]).To(BeEmpty())
		w.Delete(ps)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "theirs"})
		w.ExpectNoRemote("b", "db")
	})

	It("does not hold the object when its store is gone", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		w.Delete(gen.SecretStore("a", nil))
		w.Delete(ps)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		w.ExpectNoRemote("b", "db")
	})

	It("holds the object for a bounded time when its store cannot be cleaned, and both are said", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		w.Events()
		w.Memory("a").Fail(providertest.CallDelete, fault.New(fault.Denied, `may not "delete"`))
		w.Delete(ps)
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "Failed to Delete Secrets from Provider", `may not "delete"`)
		w.ExpectNoRemote("b", "db")
		w.Events()
		w.Clock.Step(3 * time.Minute)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		w.ExpectEvent("Warning Errored given up", `may not "delete"`)
	})

	It("stays in its old place until it is in the new one", func() {
		ps := fromSecret("push", "a", "b").Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		w.Memory("a").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].Match.RemoteRef.RemoteKey = "moved" })
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret"})
		w.ExpectRemote("b", "moved", map[string]string{"password": "s3cret"})
		w.ExpectNoRemote("b", "db")
		w.Memory("a").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		w.ExpectRemote("a", "moved", map[string]string{"password": "s3cret"})
		w.ExpectNoRemote("a", "db")
	})

	It("is removed later when a store could not be cleaned at first", func() {
		ps := both(esv1alpha1.DeletionDelete)
		w.push(ps)
		w.Memory("a").Fail(providertest.CallDelete, fault.New(fault.Unavailable, "no route"))
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data = ps.Spec.Data[:1] })
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "Failed to Delete Secrets from Provider", "no route")
		w.ExpectRemote("b", "db", map[string]string{"password": "s3cret"})
		Expect(ps.Status.SyncedPushSecrets["SecretStore/a"]).To(HaveKey("db/user"))
		w.Memory("a").Fail(providertest.CallDelete, nil)
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret"})
		w.ExpectNoRemote("a", "other")
	})
})

var _ = Describe("A status that was lost", func() {
	It("leaves nothing behind under deletionPolicy Delete", func() {
		w := newWorld()
		w.seed("b", map[string]string{"password": "theirs"})
		ps := fromSecret("push", "a", "b").Deletion(esv1alpha1.DeletionDelete).Update(esv1alpha1.UpdateIfNotExists).PushSecret
		w.push(ps)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret"})
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Status = esv1alpha1.PushSecretStatus{} })
		w.Delete(ps)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		w.ExpectNoRemote("a", "db")
		w.ExpectRemote("b", "db", map[string]string{"password": "theirs"})
	})
})
