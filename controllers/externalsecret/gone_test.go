package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("When sources are gone", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// later is when the next refresh is due.
	later := func(es *esv1.ExternalSecret) error {
		GinkgoHelper()
		w.Clock.Step(2 * time.Hour)
		w.Events()
		_, err := w.Try(w.controller, es)
		return err
	}

	It("Retain keeps the target and is an error that names what is missing", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		_ = later(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "spec.data[0] (key=db)", `SecretStore "main"`)
		w.ExpectSecret("app", credentials)
		w.ExpectEvent("Warning UpdateFailed", "db")

		By("recovering when it is back")
		w.seed("db", renewed)
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		w.ExpectSecret("app", renewed)
	})

	It("they are looked for each interval once that has passed, and sooner before", func() {
		es := fromStore("app").Every(10 * time.Second).ExternalSecret
		w.Memory("main").Remove("db")
		w.Create(es)
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred(), "the queue waits a moment, and ever longer")
		w.Clock.Step(11 * time.Second)
		result, err := w.Try(w.controller, es)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.RequeueAfter).To(And(BeNumerically(">=", 10*time.Second), BeNumerically("<", 11*time.Second)))
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "db")
	})

	It("names the property that is missing", func() {
		es := gen.NewExternalSecret("app").Store("main").Data("token", "db", "token").ExternalSecret
		w.Create(es)
		_, _ = w.Try(w.controller, es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "token", "db", `SecretStore "main"`)
		w.ExpectNoSecret("app")
	})

	It("Delete deletes the target, and makes it anew when they are back", func() {
		es := fromStore("app").Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		w.ExpectNoSecret("app")
		lab.ExpectReady(es, esv1.ReasonSecretDeleted, "secret deleted due to DeletionPolicy=Delete")
		Expect(w.Events()).To(ConsistOf(
			"Normal Deleted secret deleted due to DeletionPolicy=Delete",
			"Normal MissingProviderSecret secret does not exist at provider using spec.data[0] (key=db)",
			"Normal MissingProviderSecret secret does not exist at provider using spec.data[1] (key=db)",
		))
		w.expectSettled(es)

		w.seed("db", renewed)
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		w.ExpectSecret("app", renewed)
	})

	It("Delete covers dataFrom too", func() {
		es := gen.NewExternalSecret("app").Store("main").Extract("db").Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", credentials)
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		w.ExpectNoSecret("app")
	})

	It("Delete keeps the target while one of them is there", func() {
		w.seed("other", map[string]string{"token": "t0ken"})
		es := fromStore("app").Data("token", "other", "token").Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		w.ExpectSecret("app", map[string]string{"token": "t0ken"})
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	})

	It("a template that needs them does not stand in the way of Delete", func() {
		es := fromStore("app").Template("dsn", "{{ .user }}:{{ .password }}").Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		w.ExpectNoSecret("app")
		lab.ExpectReady(es, esv1.ReasonSecretDeleted)
		w.seed("db", renewed)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"dsn": renewed["user"] + ":" + renewed["password"]})
	})

	It("a template that needs them does not stand in the way of Retain", func() {
		es := gen.NewExternalSecret("app").Store("main").Template("dsn", "{{ .db }}").ExternalSecret
		es.Spec.DataFrom = []esv1.ExternalSecretDataFromRemoteRef{{Find: &esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: "^db$"}}}}
		w.sync(es)
		before := w.Secret("app").Data
		Expect(before).To(HaveKey("dsn"))
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		Expect(w.Secret("app").Data).To(Equal(before))
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "secret retained due to DeletionPolicy=Retain")
	})

	It("Delete leaves a Secret that is not this object's", func() {
		w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
		w.Memory("main").Remove("db")
		es := fromStore("app").Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"theirs": "x"})
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `secret "app" is not deleted although all its sources are gone`)
		w.expectSettled(es)
	})

	It("Merge takes their keys out of the target and keeps it", func() {
		es := fromStore("app").Deletion(esv1.DeleteMerge).ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		w.ExpectSecret("app", map[string]string{})
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		w.expectSettled(es)
	})

	It("Merge takes its own keys out of a Secret that it adds to, and no others", func() {
		w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
		es := fromStore("app").Creation(esv1.CreateMerge).Deletion(esv1.DeleteMerge).ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		Expect(later(es)).To(Succeed())
		w.ExpectSecret("app", map[string]string{"theirs": "x"})
	})

	DescribeTable("a store that cannot be read is never taken for them, under any policy",
		func(kind fault.Kind) {
			for _, policy := range []esv1.ExternalSecretDeletionPolicy{esv1.DeleteDelete, esv1.DeleteMerge, esv1.DeleteRetain} {
				es := fromStore("app-" + string(policy[0]+'a'-'A')).Deletion(policy).ExternalSecret
				w.Memory("main").Intercept(nil)
				w.sync(es)
				w.Memory("main").Intercept(func(string, string) error { return fault.New(kind, "the reason") })
				err := later(es)
				lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "the reason", `SecretStore "main"`)
				w.ExpectSecret(es.Name, credentials)
				Expect(err != nil || kind == fault.Invalid).To(BeTrue(), "it is tried again")
				refreshed := es.Status.RefreshTime.DeepCopy()
				w.Quietly(func() { _, _ = w.Try(w.controller, es) })
				Expect(es.Status.RefreshTime).To(HaveValue(Equal(*refreshed)), "a failure is no refresh")
			}
		},
		Entry("no right", fault.Denied),
		Entry("out of reach", fault.Unavailable),
		Entry("too many calls", fault.Throttled),
		Entry("refused as malformed", fault.Invalid),
		Entry("unclassified", fault.Unknown),
	)

	DescribeTable("a store object that is gone is not taken for them either",
		func(policy esv1.ExternalSecretDeletionPolicy) {
			es := fromStore("app").Deletion(policy).ExternalSecret
			w.sync(es)
			w.Delete(gen.SecretStore("main", nil))
			w.Events()
			_, _ = w.Try(w.controller, es)
			lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `SecretStore "main" does not exist`)
			w.ExpectSecret("app", credentials)
			By("recovering when it is back")
			w.Create(gen.SecretStore("main", nil))
			w.reconcile(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
		},
		Entry("Retain", esv1.DeleteRetain), Entry("Delete", esv1.DeleteDelete), Entry("Merge", esv1.DeleteMerge),
	)

	It("a missing template source is not taken for them", func() {
		es := fromStore("app").Deletion(esv1.DeleteDelete).ExternalSecret
		es.Spec.Target.Template = &esv1.ExternalSecretTemplate{TemplateFrom: []esv1.TemplateFrom{
			{ConfigMap: &esv1.TemplateRef{Name: "tpl", Items: []esv1.TemplateRefItem{{Key: "conn"}}}},
		}}
		w.Create(gen.ConfigMap("tpl", map[string]string{"conn": "{{ .user }}:{{ .password }}"}))
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"conn": "admin:s3cret"})
		w.Delete(gen.ConfigMap("tpl", nil))
		_, _ = w.Try(w.controller, es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `configMap "tpl" does not exist`)
		w.ExpectSecret("app", map[string]string{"conn": "admin:s3cret"})

		By("following the template source when it is back with another text")
		w.Create(gen.ConfigMap("tpl", map[string]string{"conn": "{{ .user }}"}))
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "admin"})
		w.expectSettled(es)
	})

	It("a refused deletion of the target is said and tried again", func() {
		es := fromStore("app").Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		w.Refuse(forbid(lab.VerbDelete))
		Expect(later(es)).NotTo(Succeed())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `"delete"`, `secret "app"`)
		w.Refuse(nil)
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretDeleted)
	})
})
