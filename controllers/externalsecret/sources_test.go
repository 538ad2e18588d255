package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("An ExternalSecret", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("whose store is of another controller class is left alone", func() {
		lab.Edit(w.Lab, gen.SecretStore("main", nil), func(s *esv1.SecretStore) { s.Spec.Controller = "other" })
		es := fromStore("app").ExternalSecret
		w.Create(es)
		w.expectSettled(es)
		Expect(es.Status).To(BeZero())
		w.ExpectNoSecret("app")
	})

	It("that does not exist any more is no error", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		w.Delete(es)
		w.Quietly(func() { w.reconcile(es) })
	})

	It("is not synced from a store that is not Ready", func() {
		controller := w.newController(func(c *externalsecret.Config) { c.RequireReady = true })
		es := fromStore("app").ExternalSecret
		w.Create(es)
		ready := func(status metav1.ConditionStatus, message string) {
			lab.EditStatus(w.Lab, gen.SecretStore("main", nil), func(s *esv1.SecretStore) {
				s.Status.ObservedGeneration = s.Generation
				s.Status.Conditions = []metav1.Condition{{
					Type: esv1.ConditionReady, Status: status, Reason: "Test", Message: message, LastTransitionTime: metav1.Now(),
				}}
			})
		}

		By("waiting for its first check")
		_, err := w.Try(controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `SecretStore "main" is not ready`)
		Expect(w.Memory("main").Calls(providertest.CallGet)).To(BeZero())

		By("passing on what the check found")
		ready(metav1.ConditionFalse, "no route to host")
		_, err = w.Try(controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `SecretStore "main" is not ready`, "no route to host")
		w.ExpectNoSecret("app")

		By("delivering once it is Ready")
		ready(metav1.ConditionTrue, "")
		w.Reconcile(controller, es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)

		By("staying Ready while a change of the store is being checked")
		lab.Edit(w.Lab, gen.SecretStore("main", nil), func(s *esv1.SecretStore) { s.Spec.Provider = gen.FakeProvider(map[string]string{"a": "b"}) })
		w.Quietly(func() { Expect(w.Reconcile(controller, es).RequeueAfter).To(BeNumerically(">", 0)) })
		lab.ExpectReady(es, esv1.ReasonSecretSynced)

		By("keeping the target when the store is not Ready any more")
		ready(metav1.ConditionFalse, "no route to host")
		_, err = w.Try(controller, es)
		Expect(err).To(HaveOccurred())
		w.ExpectSecret("app", credentials)
	})

	It("is read again at once when its store changes", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		w.seed("db", renewed)
		lab.Edit(w.Lab, gen.SecretStore("main", nil), func(s *esv1.SecretStore) { s.Spec.Provider = gen.FakeProvider(map[string]string{"a": "b"}) })
		w.reconcile(es)
		w.ExpectSecret("app", renewed)
	})

	It("that needs a right to its cluster store says so", func() {
		cluster := gen.ClusterSecretStore(w.Namespace, nil)
		cluster.Spec.Conditions = []esv1.ClusterSecretStoreCondition{{Namespaces: []string{"elsewhere"}}}
		w.Create(cluster)
		DeferCleanup(func() { w.Delete(cluster) })
		es := fromStore("app").ClusterStore(w.Namespace).ExternalSecret
		w.Create(es)
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "not allowed from namespace", w.Namespace, "spec.condition")
	})

	It("reads each secret once, however often it is mentioned", func() {
		w.sync(fromStore("app").Extract("db").ExternalSecret)
		Expect(w.Memory("main").Calls(providertest.CallGet)).To(Equal(1))
	})

	It("takes entries from several stores", func() {
		w.Create(gen.SecretStore("second", nil))
		w.Memory("second").Seed("other", providers.Secret{Fields: lab.Fields(map[string]string{"token": "t0ken"})})
		es := fromStore("app").Data("token", "other", "token").ExternalSecret
		es.Spec.Data[2].SourceRef = &esv1.StoreSourceRef{StoreRef: esv1.SecretStoreRef{Name: "second"}}
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"user": "admin", "password": "s3cret", "token": "t0ken"})
	})

	It("is tried again soon when what is wrong may be mended in the store, and waits for a change otherwise", func() {
		es := fromStore("app").Every(time.Hour).Template("conn", "{{ .later }}").Extract("db").ExternalSecret
		w.Create(es)
		Expect(w.Reconcile(w.controller, es).RequeueAfter).To(Equal(time.Second))
		w.Clock.Step(10 * time.Second)
		Expect(w.Reconcile(w.controller, es).RequeueAfter).To(Equal(10*time.Second), "as long as it has failed")
		w.Clock.Step(time.Hour)
		Expect(w.Reconcile(w.controller, es).RequeueAfter).To(Equal(5 * time.Minute))
		w.seed("db", map[string]string{"user": "admin", "password": "s3cret", "later": "l4ter"})
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "l4ter"})

		twice := fromStore("twice").Every(time.Hour).ExternalSecret
		twice.Spec.Data[1].SecretKey = "user"
		w.Create(twice)
		Expect(w.Reconcile(w.controller, twice).RequeueAfter).To(Equal(5*time.Minute), "no store can mend it")
	})

	DescribeTable("with a wrong spec says what is wrong, once",
		func(edit func(*esv1.ExternalSecret), texts ...any) {
			es := fromStore("app").Every(time.Hour).ExternalSecret
			edit(es)
			w.Create(es)
			Expect(w.Reconcile(w.controller, es).RequeueAfter).To(BeNumerically(">=", time.Second))
			for _, text := range texts {
				lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, text.(string))
			}
			message := es.Status.Conditions[0].Message
			Expect(message).NotTo(Or(ContainSubstring("s3cret"), ContainSubstring("admin")))
			w.ExpectEvent("Warning UpdateFailed " + message)
			w.expectSettled(es)
			w.ExpectNoSecret("app")
		},
		Entry("one key twice", func(es *esv1.ExternalSecret) { es.Spec.Data[1].SecretKey = "user" }, "duplicate secretKey found: user"),
		Entry("a template that does not parse", func(es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Template("conn", "{{ .user")
		}, "spec.target.template.data", "conn"),
		Entry("a template with an unknown key", func(es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Template("conn", "{{ .passwort }}")
		}, "conn", "passwort"),
		Entry("a template that chokes on a value", func(es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Template("conn", "{{ fromJson .password | toString | atoi | repeat -1 }}{{ .password | mustFromJson }}")
		}, "conn"),
		Entry("a key that no Secret can have", func(es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Extract("db")
			es.Spec.DataFrom[0].Rewrite = []esv1.ExternalSecretRewrite{gen.Rename("user", "a b")}
		}, "invalid secret keys", "a b"),
		Entry("a value that is no Base64", func(es *esv1.ExternalSecret) {
			es.Spec.Data[1].RemoteRef.DecodingStrategy = esv1.DecodingBase64
			es.Spec.Data[1].RemoteRef.Property = "password"
		}, "spec.data[1]", "Base64"),
	)

	It("whose target the API server refuses says which field, and no value", func() {
		es := fromStore("app").Template("conn", "x").ExternalSecret
		es.Spec.Target.Template.Metadata.Labels = map[string]string{"team": "{{ .password }} and more"}
		w.sync(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `secret "app"`, "metadata.labels")
		Expect(es.Status.Conditions[0].Message).NotTo(ContainSubstring("s3cret"))
		Expect(w.Events()).To(ConsistOf(Not(ContainSubstring("s3cret"))))
		w.reconcile(es)
		Expect(w.Events()).To(BeEmpty())
	})

	It("does not roll the dice of a template again while nothing changes", func() {
		es := fromStore("app").Template("hash", "{{ randAlphaNum 32 }}").Template("user", "{{ .user }}").Every(time.Hour).ExternalSecret
		w.sync(es)
		hash := string(w.Secret("app").Data["hash"])
		for range 3 {
			w.Clock.Step(2 * time.Hour)
			w.restart()
			w.reconcile(es)
			w.Annotate(es, "note", w.Clock.Now().String())
			w.reconcile(es)
		}
		Expect(string(w.Secret("app").Data["hash"])).To(Equal(hash))
		w.seed("db", renewed)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		Expect(string(w.Secret("app").Data["hash"])).NotTo(Equal(hash), "a new input is rendered")
	})

	It("follows its template sources at once, and names what is missing in them", func() {
		w.Create(gen.ConfigMap("tpl", map[string]string{"conn": "{{ .user }}:{{ .password }}"}))
		es := fromStore("app").ExternalSecret
		es.Spec.Target.Template = &esv1.ExternalSecretTemplate{TemplateFrom: []esv1.TemplateFrom{
			{ConfigMap: &esv1.TemplateRef{Name: "tpl", Items: []esv1.TemplateRefItem{{Key: "conn"}}}},
		}}
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"conn": "admin:s3cret"})
		lab.Edit(w.Lab, gen.ConfigMap("tpl", nil), func(c *corev1.ConfigMap) { c.Data["conn"] = "{{ .user }}" })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "admin"})
		w.expectSettled(es)
		lab.Edit(w.Lab, gen.ConfigMap("tpl", nil), func(c *corev1.ConfigMap) { c.Data = nil })
		w.reconcile(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `configMap "tpl" has no key "conn"`)
	})

	It("says which right is missing to write its target, and goes on when it is there", func() {
		es := fromStore("app").ExternalSecret
		w.Create(es)
		w.Refuse(forbid(lab.VerbApply))
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `"patch"`, `secret "app"`, w.Namespace)
		w.ExpectEvent("Warning UpdateFailed")
		w.Refuse(nil)
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	})

	It("is never written but for its status", func() {
		w.Refuse(func(verb string, o client.Object) error {
			if _, own := o.(*esv1.ExternalSecret); own && verb != lab.VerbStatus {
				Fail("the object itself is written by " + verb)
			}
			return nil
		})
		es := fromStore("app").ExternalSecret
		w.Create(es)
		generation := es.Generation
		w.reconcile(es)
		w.Delete(w.Secret("app"))
		w.reconcile(es)
		Expect(es.Generation).To(Equal(generation))
	})
})
