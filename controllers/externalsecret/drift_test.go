package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
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
})
