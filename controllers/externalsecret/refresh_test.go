package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
)

var (
	credentials = map[string]string{"user": "admin", "password": "s3cret"}
	renewed     = map[string]string{"user": "admin", "password": "n3w"}
)

var _ = Describe("A refresh", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("delivers at the first look", func() {
		es := fromStore("app").Every(time.Hour).Label("team", "a").ExternalSecret
		w.Create(es)
		result := w.Reconcile(w.controller, es)
		Expect(result.RequeueAfter).To(And(BeNumerically(">=", time.Hour), BeNumerically("<=", time.Hour+3*time.Minute)))
		Expect(result.Priority).To(HaveValue(BeNumerically("<", 0)), "what is new goes before a periodic refresh")

		lab.ExpectReady(es, esv1.ReasonSecretSynced, "secret synced")
		Expect(es.Status.RefreshTime.Time).To(BeTemporally("==", w.Clock.Now()))
		Expect(es.Status.Binding.Name).To(Equal("app"))
		Expect(es.Status.SyncedResourceVersion).To(MatchRegexp(`^1-[0-9a-f]{56}$`))
		Expect(es.Finalizers).To(BeEmpty())
		secret := w.ExpectSecret("app", credentials)
		Expect(metav1.IsControlledBy(secret, es)).To(BeTrue())
		Expect(secret.Labels).To(HaveKeyWithValue(esv1.LabelManaged, "true"))
		Expect(secret.Labels).To(HaveKeyWithValue("team", "a"))
		Expect(secret.Labels).To(HaveKey(esv1.LabelCreatedBy))
		Expect(secret.Annotations).To(HaveKey(esv1.AnnotationDataHash))
		w.ExpectEvent("Normal Created", "secret created")
	})

	It("is not due a moment later: nothing is read, written or said", func() {
		es := fromStore("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		version, target := es.ResourceVersion, w.Secret("app").ResourceVersion
		calls := w.Memory("main").Calls(providertest.CallGet)
		w.Clock.Step(30 * time.Minute)
		w.expectSettled(es)
		w.restart()
		w.expectSettled(es)
		Expect(es.ResourceVersion).To(Equal(version))
		Expect(w.Secret("app").ResourceVersion).To(Equal(target))
		Expect(w.Memory("main").Calls(providertest.CallGet)).To(Equal(calls))
	})

	It("that changes nothing moves refreshTime at most once a minute", func() {
		es := fromStore("app").Every(10 * time.Second).ExternalSecret
		w.sync(es)
		first := es.Status.RefreshTime.Time
		target := w.Secret("app").ResourceVersion
		for range 5 {
			calls := w.Memory("main").Calls(providertest.CallGet)
			w.Clock.Step(11 * time.Second)
			w.expectSettled(es)
			Expect(w.Memory("main").Calls(providertest.CallGet)).To(BeNumerically(">", calls), "the store is read each time")
		}
		w.Clock.Step(11 * time.Second)
		w.Events()
		w.reconcile(es)
		Expect(es.Status.RefreshTime.Time).To(BeTemporally("==", first.Add(66*time.Second)))
		Expect(w.Secret("app").ResourceVersion).To(Equal(target))
		Expect(w.Events()).To(BeEmpty())
	})

	It("is due when the interval has passed", func() {
		es := fromStore("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		w.seed("db", renewed)
		w.Clock.Step(59 * time.Minute)
		w.reconcile(es)
		w.ExpectSecret("app", credentials)
		w.Clock.Step(5 * time.Minute)
		w.Events()
		w.reconcile(es)
		w.ExpectSecret("app", renewed)
		w.ExpectEvent("Normal Updated", "secret updated")
		Expect(es.Status.RefreshTime.Time).To(BeTemporally("==", w.Clock.Now()))
	})

	It("uses an hour where no interval is written", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		Expect(es.Spec.RefreshInterval).To(BeNil(), "nothing is defaulted in the stored object")
		w.seed("db", renewed)
		w.Clock.Step(64 * time.Minute)
		w.reconcile(es)
		w.ExpectSecret("app", renewed)
	})

	DescribeTable("under a policy that follows changes of the object, is due after",
		func(change func(*esv1.ExternalSecret)) {
			for _, policy := range []esv1.ExternalSecretRefreshPolicy{esv1.RefreshPeriodic, esv1.RefreshOnChange} {
				es := fromStore("app-" + string(policy[0]+'a'-'A')).Policy(policy).ExternalSecret
				w.seed("db", credentials)
				w.sync(es)
				w.seed("db", renewed)
				lab.Edit(w.Lab, es, change)
				w.reconcile(es)
				w.ExpectSecret(es.Name, renewed)
			}
		},
		Entry("a new annotation", func(es *esv1.ExternalSecret) { metav1.SetMetaDataAnnotation(&es.ObjectMeta, "note", "x") }),
		Entry("a new label", func(es *esv1.ExternalSecret) { metav1.SetMetaDataLabel(&es.ObjectMeta, "note", "x") }),
		Entry("force-sync", func(es *esv1.ExternalSecret) { metav1.SetMetaDataAnnotation(&es.ObjectMeta, "force-sync", "1") }),
		Entry("force-sync in full", func(es *esv1.ExternalSecret) {
			metav1.SetMetaDataAnnotation(&es.ObjectMeta, "external-secrets.io/force-sync", "1")
		}),
		Entry("an edit of the spec", func(es *esv1.ExternalSecret) { es.Spec.Target.DeletionPolicy = esv1.DeleteMerge }),
	)

	It("under OnChange does not come back by itself", func() {
		es := fromStore("app").Policy(esv1.RefreshOnChange).Every(time.Minute).ExternalSecret
		w.Create(es)
		Expect(w.Reconcile(w.controller, es).RequeueAfter).To(BeZero())
		w.seed("db", renewed)
		w.Clock.Step(48 * time.Hour)
		w.expectSettled(es)
		w.ExpectSecret("app", credentials)
	})

	DescribeTable("that is promised once is not repeated, and says what it does not apply",
		func(edit func(*esv1.ExternalSecret), why string) {
			es := fromStore("app").ExternalSecret
			edit(es)
			w.Create(es)
			Expect(w.Reconcile(w.controller, es).RequeueAfter).To(BeZero())
			w.seed("db", renewed)
			w.Clock.Step(48 * time.Hour)
			w.expectSettled(es)
			for _, annotation := range []string{"note", esv1.AnnotationForceSync} {
				w.Annotate(es, annotation, "1")
				w.expectSettled(es)
			}
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Data[0].SecretKey = "login" })
			w.reconcile(es)
			w.ExpectSecret("app", credentials)
			lab.ExpectReady(es, esv1.ReasonSecretSynced, why, "generation 2 is not applied", "generation 1 was synced")
			w.expectSettled(es)
		},
		Entry("CreatedOnce", func(es *esv1.ExternalSecret) { es.Spec.RefreshPolicy = esv1.RefreshCreatedOnce }, "refreshPolicy is CreatedOnce"),
		Entry("interval 0", func(es *esv1.ExternalSecret) { es.Spec.RefreshInterval = &metav1.Duration{} }, "refreshInterval is 0"),
	)

	It("is due when the clock of another operator was ahead", func() {
		es := fromStore("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Status.RefreshTime = &metav1.Time{Time: w.Clock.Now().Add(24 * time.Hour)}
		})
		w.seed("db", renewed)
		w.restart()
		w.reconcile(es)
		w.ExpectSecret("app", renewed)
	})

	It("waits for the sync window", func() {
		es := fromStore("app").Every(time.Hour).ExternalSecret
		es.Spec.SyncWindows = &esv1.SyncWindows{Kind: esv1.SyncWindowDeny, Windows: []esv1.SyncWindow{
			{Schedule: "* * * * *", Duration: metav1.Duration{Duration: time.Hour}},
		}}
		w.sync(es)
		w.ExpectSecret("app", credentials)
		w.seed("db", renewed)
		w.Clock.Step(48 * time.Hour)
		w.expectSettled(es)
		w.ExpectSecret("app", credentials)
	})
})
