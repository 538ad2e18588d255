package pushsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A PushSecret of a Secret", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// edit changes the password in the source.
	edit := func(value string) {
		GinkgoHelper()
		lab.Edit(w.Lab, gen.Secret("source", nil), func(s *corev1.Secret) { s.Data["password"] = []byte(value) })
	}
	pushed := func(value string) map[string]string { return map[string]string{"password": value} }

	It("pushes, says what is where, and is then quiet", func() {
		ps := fromSecret("push", "a", "b").PushSecret
		w.Create(ps)
		Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeNumerically(">=", time.Hour))
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced, "PushSecret synced successfully")
		for _, store := range []string{"a", "b"} {
			w.ExpectRemote(store, "db", pushed("s3cret"))
			Expect(ps.Status.SyncedPushSecrets).To(HaveKeyWithValue("SecretStore/"+store, HaveKey("db/password")))
		}
		Expect(ps.Status.RefreshTime.Time).To(BeTemporally("==", w.Clock.Now()))
		Expect(ps.Finalizers).To(BeEmpty())
		w.ExpectEvent("Normal Synced")
		w.expectSettled(ps)
		w.restart()
		w.Clock.Step(30 * time.Minute)
		w.expectSettled(ps)
	})

	It("repairs what somebody changed in the store when the interval has passed, and writes nothing otherwise", func() {
		ps := fromSecret("push", "a").Every(10 * time.Second).PushSecret
		w.push(ps)
		w.Clock.Step(11 * time.Second)
		w.expectSettled(ps)
		w.Memory("a").Remove("db")
		w.Clock.Step(11 * time.Second)
		w.reconcile(ps)
		w.ExpectRemote("a", "db", pushed("s3cret"))
	})

	It("follows its source", func() {
		ps := fromSecret("push", "a").PushSecret
		w.push(ps)
		edit("n3w")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", pushed("n3w"))
		w.expectSettled(ps)
	})

	It("with interval 0 does not follow its source, but carries out an edit of its own", func() {
		ps := fromSecret("push", "a").Every(0).PushSecret
		w.Create(ps)
		Expect(w.Reconcile(w.controller, ps).RequeueAfter).To(BeZero())
		edit("n3w")
		w.Clock.Step(48 * time.Hour)
		w.expectSettled(ps)
		w.ExpectRemote("a", "db", pushed("s3cret"))
		w.Annotate(ps, "note", "x")
		w.reconcile(ps)
		w.ExpectRemote("a", "db", pushed("n3w"))
	})

	It("needs its source, and says which", func() {
		ps := fromSecret("push", "a").From("absent").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "could not get source secret", `"absent"`, w.Namespace)
		w.ExpectEvent("Warning Errored", `"absent"`)
		w.expectSettled(ps)
		w.Create(gen.Secret("absent", map[string]string{"password": "late"}))
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", pushed("late"))
	})

	It("names the key that its source lacks, and those that it has", func() {
		ps := fromSecret("push", "a").Data("token", "other", "token").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "secret key token does not exist", "password, user")
	})

	It("finds its source by label", func() {
		w.Label(gen.Secret("source", nil), "pick", "me")
		ps := fromSecret("push", "a").FromLabelled("pick", "me").PushSecret
		ps.Spec.Selector.Secret.Name = ""
		w.push(ps)
		w.ExpectRemote("a", "db", pushed("s3cret"))

		By("joining those that come later")
		w.Create(gen.Secret("second", map[string]string{"token": "t0ken", "other": "x"}))
		w.Label(gen.Secret("second", nil), "pick", "me")
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { gen.PushSecret{PushSecret: ps}.Data("token", "db", "token") })
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret", "token": "t0ken"})

		By("refusing to choose between two values of a key that is pushed, and only of such a key")
		w.Create(gen.Secret("third", map[string]string{"other": "y"}))
		w.Label(gen.Secret("third", nil), "pick", "me")
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		lab.Edit(w.Lab, gen.Secret("third", nil), func(s *corev1.Secret) { s.Data["token"] = []byte("another") })
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, `secrets "second" and "third"`, `key "token"`)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret", "token": "t0ken"})

		By("pushing the rest when one goes")
		w.Delete(gen.Secret("third", nil))
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
	})

	It("gives a remote secret what all its sources are alike in", func() {
		one := gen.Secret("one", map[string]string{"k": "1"})
		one.Type, one.Labels = corev1.SecretTypeOpaque, map[string]string{"pick": "me", "team": "a", "only": "one"}
		two := gen.Secret("two", map[string]string{"l": "2"})
		two.Type, two.Labels = "example.com/other", map[string]string{"pick": "me", "team": "a"}
		w.Create(one, two)
		w.push(gen.NewPushSecret("push").FromLabelled("pick", "me").To("a").All("all").PushSecret)
		w.ExpectRemote("a", "all", map[string]string{"k": "1", "l": "2"})
		secret, _ := w.Memory("a").Peek("all")
		Expect(secret.Labels).To(Equal(map[string]string{"pick": "me", "team": "a"}))
	})

	It("refuses a source that is a credential of the cluster", func() {
		secret := gen.Secret("token", map[string]string{"token": "x"})
		secret.Type = corev1.SecretTypeBootstrapToken
		w.Create(secret)
		ps := gen.NewPushSecret("push").From("token").To("a").All("copy").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "bootstrap.kubernetes.io/token is refused")
		w.ExpectNoRemote("a", "copy")
	})

	It("pushes the whole source, without what a tool left on it", func() {
		lab.Edit(w.Lab, gen.Secret("source", nil), func(s *corev1.Secret) {
			s.Labels = map[string]string{"team": "a", "argocd.argoproj.io/instance": "x"}
			s.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "all the values", "note": "n"}
		})
		w.push(gen.NewPushSecret("push").From("source").To("a").All("copy").PushSecret)
		w.ExpectRemote("a", "copy", map[string]string{"user": "admin", "password": "s3cret"})
		secret, _ := w.Memory("a").Peek("copy")
		Expect(secret.Labels).To(Equal(map[string]string{"team": "a"}))
		Expect(secret.Annotations).To(Equal(map[string]string{"note": "n"}))
	})

	It("shapes the source with a template, and says what is wrong with one", func() {
		ps := gen.NewPushSecret("push").From("source").To("a").Data("conn", "db", "conn").
			Template("conn", "{{ .user }}:{{ .password }}").PushSecret
		w.push(ps)
		w.ExpectRemote("a", "db", map[string]string{"conn": "admin:s3cret"})
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Template.Data["conn"] = "{{ .absent }}" })
		w.reconcile(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "spec.template", "conn", "absent")
		w.ExpectRemote("a", "db", map[string]string{"conn": "admin:s3cret"})
	})

	It("pushes to all stores that a label selects, and to one that gets the label later", func() {
		w.Label(gen.SecretStore("a", nil), "tier", "prod")
		ps := fromSecret("push").ToLabelled("tier", "prod").PushSecret
		w.push(ps)
		w.ExpectRemote("a", "db", pushed("s3cret"))
		w.ExpectNoRemote("b", "db")
		w.Label(gen.SecretStore("b", nil), "tier", "prod")
		w.reconcile(ps)
		w.ExpectRemote("b", "db", pushed("s3cret"))
	})

	It("says when a label selects no store", func() {
		ps := fromSecret("push").ToLabelled("tier", "prod").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "no store matches spec.secretStoreRefs")
	})

	It("pushes to a SecretStore and a ClusterSecretStore of one name, once each", func() {
		cluster := gen.ClusterSecretStore(w.Namespace, nil)
		w.Create(cluster, gen.SecretStore(w.Namespace, nil))
		DeferCleanup(func() { w.Delete(cluster) })
		ps := fromSecret("push", w.Namespace, w.Namespace).ToCluster(w.Namespace).PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote(w.Namespace, "db", pushed("s3cret"))
		memory := w.Memories.Store(providers.Store{Kind: esv1.KindClusterSecretStore, Name: w.Namespace})
		Expect(memory.Calls(providertest.CallPut)).To(Equal(1))
		Expect(w.Memory(w.Namespace).Calls(providertest.CallPut)).To(Equal(1))
		Expect(ps.Status.SyncedPushSecrets).To(And(HaveKey("SecretStore/"+w.Namespace), HaveKey("ClusterSecretStore/"+w.Namespace)))
	})

	It("writes to the other stores when one fails, names that, and retries", func() {
		w.Memory("a").Fail(providertest.CallPut, fault.New(fault.Unavailable, "no route"))
		ps := fromSecret("push", "a", "b").PushSecret
		w.Create(ps)
		_, err := w.Try(w.controller, ps)
		Expect(err).To(HaveOccurred())
		w.ExpectRemote("b", "db", pushed("s3cret"))
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored,
			"set secret failed: could not write remote ref db to target secretstore a", "no route")
		Expect(ps.Status.SyncedPushSecrets).To(And(HaveKey("SecretStore/b"), Not(HaveKey("SecretStore/a"))))
		w.Quietly(func() { _, _ = w.Try(w.controller, ps) })

		w.Memory("a").Fail(providertest.CallPut, nil)
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", pushed("s3cret"))
	})

	It("says that a store does not exist, and pushes to the others", func() {
		ps := fromSecret("push", "a", "absent").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, `SecretStore "absent" does not exist`)
		w.ExpectRemote("a", "db", pushed("s3cret"))
		w.Create(gen.SecretStore("absent", nil))
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("absent", "db", pushed("s3cret"))
	})

	It("leaves a store of another controller class alone", func() {
		lab.Edit(w.Lab, gen.SecretStore("a", nil), func(s *esv1.SecretStore) { s.Spec.Controller = "other" })
		ps := fromSecret("push", "a").PushSecret
		w.Create(ps)
		w.expectSettled(ps)
		Expect(ps.Status).To(BeZero())
	})

	It("refuses two entries for one place", func() {
		ps := fromSecret("push", "a").Data("user", "db", "password").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "db/password")
		w.ExpectNoRemote("a", "db")
	})

	It("does not write over what belongs to somebody else, and names the owner", func() {
		first, second := fromSecret("first", "a").PushSecret, fromSecret("second", "a").From("other").PushSecret
		w.Create(gen.Secret("other", map[string]string{"password": "different"}))
		w.push(first)
		w.push(second)
		lab.ExpectNotReady(second, esv1alpha1.ReasonErrored, "could not write remote ref db",
			`PushSecret "first" in namespace "`+w.Namespace+`"`)
		w.ExpectRemote("a", "db", pushed("s3cret"))
		w.expectSettled(second)

		By("agreeing when the values are equal")
		lab.Edit(w.Lab, gen.Secret("other", nil), func(s *corev1.Secret) { s.Data["password"] = []byte("s3cret") })
		w.reconcile(second)
		lab.ExpectReady(second, esv1alpha1.ReasonSynced)

		By("writing over it with updatePolicy Replace")
		lab.Edit(w.Lab, gen.Secret("other", nil), func(s *corev1.Secret) { s.Data["password"] = []byte("mine") })
		lab.Edit(w.Lab, second, func(ps *esv1alpha1.PushSecret) { ps.Spec.UpdatePolicy = esv1alpha1.UpdateReplace })
		w.reconcile(second)
		lab.ExpectReady(second, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", pushed("mine"))

		By("keeping it: the first does not take it back, and is told who has it")
		w.Annotate(first, "note", "x")
		w.reconcile(first)
		lab.ExpectNotReady(first, esv1alpha1.ReasonErrored, `PushSecret "second" in namespace "`+w.Namespace+`"`)
		w.ExpectRemote("a", "db", pushed("mine"))

		By("giving it to the first again when the second wants it no more")
		lab.Edit(w.Lab, second, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].Match.RemoteRef.RemoteKey = "elsewhere" })
		w.reconcile(second)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(first)
		lab.ExpectReady(first, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", pushed("s3cret"))
	})

	It("shares a key with another one of the same Secret, also when that changes", func() {
		first, second := fromSecret("first", "a").PushSecret, fromSecret("second", "a").PushSecret
		w.push(first)
		w.push(second)
		edit("n3w")
		for _, ps := range []*esv1alpha1.PushSecret{second, first, second} {
			w.reconcile(ps)
			lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
			w.ExpectRemote("a", "db", pushed("n3w"))
		}
		w.expectSettled(first)
		w.expectSettled(second)

		By("but not with one that makes something else of it")
		lab.Edit(w.Lab, second, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].Match.SecretKey = "user" })
		w.reconcile(second)
		lab.ExpectNotReady(second, esv1alpha1.ReasonErrored, `PushSecret "first" in namespace "`+w.Namespace+`"`)
		w.ExpectRemote("a", "db", pushed("n3w"))
	})

	It("goes on with what its own status says that it pushed", func() {
		w.seed("a", pushed("from the reference implementation"))
		ps := fromSecret("push", "a").PushSecret
		w.Create(ps)
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Status.SyncedPushSecrets = esv1alpha1.SyncedPushSecretsMap{"SecretStore/a": {"db/password": ps.Spec.Data[0]}}
		})
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", pushed("s3cret"))
	})

	It("with IfNotExists leaves what is there, and fills what is not", func() {
		w.seed("a", pushed("theirs"))
		ps := fromSecret("push", "a", "b").Update(esv1alpha1.UpdateIfNotExists).PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced, "Existing secrets in providers unchanged.")
		w.ExpectRemote("a", "db", pushed("theirs"))
		w.ExpectRemote("b", "db", pushed("s3cret"))
		w.expectSettled(ps)
		edit("n3w")
		w.reconcile(ps)
		w.ExpectRemote("b", "db", pushed("s3cret"))
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
	})
})
