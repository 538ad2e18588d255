package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A target that somebody changes", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	policies := map[string]func(gen.ExternalSecret) gen.ExternalSecret{
		"Periodic":    func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(time.Hour) },
		"CreatedOnce": func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) },
		"OnChange":    func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshOnChange) },
		"interval 0":  func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) },
	}
	changes := map[string]func(*corev1.Secret){
		"value edited":             func(s *corev1.Secret) { s.Data["password"] = []byte("mine") },
		"key added":                func(s *corev1.Secret) { s.Data["extra"] = []byte("mine") },
		"key removed":              func(s *corev1.Secret) { delete(s.Data, "user") },
		"label removed":            func(s *corev1.Secret) { delete(s.Labels, "team") },
		"label edited":             func(s *corev1.Secret) { s.Labels["team"] = "b" },
		"mark of Sluice removed":   func(s *corev1.Secret) { delete(s.Labels, esv1.LabelManaged) },
		"fingerprint removed":      func(s *corev1.Secret) { delete(s.Annotations, esv1.AnnotationDataHash) },
		"owner reference removed":  func(s *corev1.Secret) { s.OwnerReferences = nil },
		"all labels, all keys":     func(s *corev1.Secret) { s.Labels, s.Data = nil, map[string][]byte{"x": nil} },
		"field managers forgotten": func(s *corev1.Secret) { s.ManagedFields = []metav1.ManagedFieldsEntry{{}}; s.Data["user"] = nil },
	}
	for policy, under := range policies {
		for name, change := range changes {
			It("is repaired under "+policy+": "+name, func() {
				es := under(fromStore("app")).Label("team", "a").ExternalSecret
				w.sync(es)
				w.Events()
				lab.Edit(w.Lab, w.Secret("app"), change)
				w.reconcile(es)
				secret := w.ExpectSecret("app", credentials)
				Expect(metav1.IsControlledBy(secret, es)).To(BeTrue())
				Expect(secret.Labels).To(HaveKeyWithValue("team", "a"))
				Expect(secret.Labels).To(HaveKeyWithValue(esv1.LabelManaged, "true"))
				Expect(secret.Annotations).To(HaveKey(esv1.AnnotationDataHash))
				lab.ExpectReady(es, esv1.ReasonSecretSynced)
				w.expectSettled(es)
			})
		}
		It("is made anew under "+policy+" when it was deleted", func() {
			es := under(fromStore("app")).ExternalSecret
			w.sync(es)
			w.Delete(w.Secret("app"))
			w.Events()
			w.reconcile(es)
			w.ExpectSecret("app", credentials)
			w.ExpectEvent("Normal Created")
			w.expectSettled(es)
		})
	}

	It("keeps labels and annotations of others", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		w.Label(w.Secret("app"), "theirs", "x")
		w.Annotate(w.Secret("app"), "theirs", "y")
		w.expectSettled(es)
		w.seed("db", renewed)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		secret := w.ExpectSecret("app", renewed)
		Expect(secret.Labels).To(HaveKeyWithValue("theirs", "x"))
		Expect(secret.Annotations).To(HaveKeyWithValue("theirs", "y"))
	})

	It("is not looked at again under creationPolicy Orphan", func() {
		es := fromStore("app").Creation(esv1.CreateOrphan).ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["password"] = []byte("mine") })
		w.expectSettled(es)
	})

	for policy, under := range policies {
		It("stays away under creationPolicy Orphan and "+policy+" when it was deleted", func() {
			es := under(fromStore("app")).Creation(esv1.CreateOrphan).ExternalSecret
			w.sync(es)
			orphan := w.Secret("app")
			w.Delete(orphan)
			w.reconcile(es)
			Expect(w.Gone(orphan)).To(BeTrue())
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			w.expectSettled(es)
		})
	}

	It("is made anew under creationPolicy Orphan by the next refresh, and under another name at once", func() {
		es := fromStore("app").Every(time.Hour).Creation(esv1.CreateOrphan).ExternalSecret
		w.sync(es)
		w.Delete(w.Secret("app"))
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		w.ExpectSecret("app", credentials)

		once := fromStore("once").Policy(esv1.RefreshCreatedOnce).Creation(esv1.CreateOrphan).ExternalSecret
		w.sync(once)
		lab.Edit(w.Lab, once, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "renamed" })
		w.reconcile(once)
		w.ExpectSecret("renamed", credentials)
	})

	It("may get further keys under creationPolicy Merge, and has its own repaired", func() {
		w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
		es := fromStore("app").Creation(esv1.CreateMerge).ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["more"] = []byte("y") })
		w.expectSettled(es)
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["password"] = []byte("mine") })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"theirs": "x", "more": "y", "user": "admin", "password": "s3cret"})
		w.expectSettled(es)
	})

	It("keeps the edit where a template has used a generated value up, and the status says so", func() {
		es := generated("app").Template("conn", "app:{{ .password }}").ExternalSecret
		es.Spec.Target.Template.Metadata.Labels = map[string]string{"team": "a"}
		w.sync(es)
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["conn"] = []byte("mine") })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "mine"})
		Expect(w.Generator.Minted()).To(Equal(1))
		lab.ExpectReady(es, esv1.ReasonSecretSynced, `secret "app" was changed by somebody else`, esv1.AnnotationForceSync)
		w.expectSettled(es)
		w.Annotate(es, esv1.AnnotationForceSync, "1")
		w.reconcile(es)
		secret := w.ExpectSecret("app", map[string]string{"conn": "app:pw-2"})
		Expect(secret.Labels).To(And(HaveKeyWithValue("team", "a"), HaveKeyWithValue(esv1.LabelManaged, "true")))
	})

	DescribeTable("only around what a template has made of a generated value, is repaired without a new one",
		func(damage func(*corev1.Secret)) {
			es := generated("app").Template("conn", "app:{{ .password }}").ExternalSecret
			es.Spec.Target.Template.Metadata.Labels = map[string]string{"team": "a"}
			w.sync(es)
			w.Events()
			lab.Edit(w.Lab, w.Secret("app"), damage)
			w.reconcile(es)
			secret := w.ExpectSecret("app", map[string]string{"conn": "app:pw-1"})
			Expect(secret.Labels).To(And(HaveKeyWithValue("team", "a"), HaveKeyWithValue(esv1.LabelManaged, "true")))
			Expect(metav1.IsControlledBy(secret, es)).To(BeTrue())
			Expect(w.Generator.Minted()).To(Equal(1))
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
			w.ExpectEvent("Normal Updated")
			w.expectSettled(es)
			w.restart()
			w.expectSettled(es)
		},
		Entry("label removed", func(s *corev1.Secret) { delete(s.Labels, "team") }),
		Entry("label edited", func(s *corev1.Secret) { s.Labels["team"] = "b" }),
		Entry("mark removed", func(s *corev1.Secret) { delete(s.Labels, esv1.LabelManaged) }),
		Entry("owner removed", func(s *corev1.Secret) { s.OwnerReferences = nil }),
		Entry("key added", func(s *corev1.Secret) { s.Data["extra"] = []byte("x") }),
	)

	It("is taken as it is when the key of its fingerprints is lost, also where a template has used a generated value up", func() {
		es := generated("app").Template("conn", "app:{{ .password }}").ExternalSecret
		w.sync(es)
		w.controller = w.newController(func(c *externalsecret.Config) { c.Hasher = fingerprint.New([]byte("another key")) })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "app:pw-1"})
		Expect(w.Generator.Minted()).To(Equal(1))
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
		w.expectSettled(es)

		By("being watched over again")
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["extra"] = []byte("x") })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "app:pw-1"})
	})

	It("is repaired so while an edit of the template is held back", func() {
		es := generated("app").Template("conn", "app:{{ .password }}").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Template.Data["conn"] = "db:{{ .password }}" })
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["extra"] = []byte("x") })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "app:pw-1"})
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "generation 2 is not applied, generation 1 was synced")
		w.expectSettled(es)
	})
})
