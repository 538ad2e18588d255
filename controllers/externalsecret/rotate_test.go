package externalsecret_test

import (
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A rotation of generated values", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.Create(
			gen.Fake("pair", map[string]string{"user": "u", "password": "pw"}),
			gen.Fake("single", map[string]string{"token": "tk"}),
		)
	})
	both := func() gen.ExternalSecret {
		return gen.NewExternalSecret("app").Generate(genv1alpha1.KindFake, "pair").Generate(genv1alpha1.KindFake, "single")
	}
	data := func() map[string]string { return lab.Texts(w.Secret("app").Data) }
	// stop makes the process die, as it were, before it can write the status.
	stop := func() {
		w.Refuse(func(verb string, _ client.Object) error {
			if verb == lab.VerbStatus {
				return errors.New("the process is gone")
			}
			return nil
		})
	}

	It("of one key leaves the others as they are, once for each value of the annotation", func() {
		es := both().ExternalSecret
		w.sync(es)
		first := data()
		w.Annotate(es, esv1.AnnotationRotate, "password")
		w.reconcile(es)
		second := data()
		Expect(second).To(SatisfyAll(HaveKeyWithValue("user", first["user"]), HaveKeyWithValue("token", first["token"])))
		Expect(second["password"]).NotTo(Equal(first["password"]))
		w.restart()
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		Expect(data()).To(Equal(second))
		w.Annotate(es, esv1.AnnotationRotate, "token,user@again")
		w.reconcile(es)
		Expect(data()).To(SatisfyAll(HaveKeyWithValue("password", second["password"]),
			Not(HaveKeyWithValue("user", first["user"])), Not(HaveKeyWithValue("token", first["token"]))))
		Expect(w.Generator.Minted()).To(Equal(5))
	})

	It("of one key is carried out also when somebody has edited the target meanwhile", func() {
		es := both().ExternalSecret
		w.sync(es)
		first := data()
		lab.Edit(w.Lab, gen.Secret("app", nil), func(s *corev1.Secret) { s.Data["token"] = []byte("vandal") })
		w.Annotate(es, esv1.AnnotationRotate, "password")
		w.reconcile(es)
		Expect(data()).To(SatisfyAll(HaveKeyWithValue("user", first["user"]), Not(HaveKeyWithValue("password", first["password"]))))
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	})

	It("is of all values that belong together, and none of them is made anew alone", func() {
		w.Generator.Together = true
		w.restart()
		es := both().ExternalSecret
		w.sync(es)
		first := data()
		w.Annotate(es, esv1.AnnotationRotate, "password")
		w.reconcile(es)
		second := data()
		Expect(second).To(HaveKeyWithValue("token", first["token"]))
		Expect(second["user"]).NotTo(Equal(first["user"]))
		lab.Edit(w.Lab, gen.Secret("app", nil), func(s *corev1.Secret) { delete(s.Data, "user") })
		w.reconcile(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "spec.dataFrom[0]", "would not belong to it", esv1.AnnotationForceSync)
		Expect(data()).To(HaveKeyWithValue("password", second["password"]))
		w.Annotate(es, esv1.AnnotationForceSync, "1")
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		Expect(data()["password"]).NotTo(Equal(second["password"]))
	})

	DescribeTable("of keys that cannot have one is refused, and nothing changes", func(request string, says ...string) {
		es := both().ExternalSecret
		w.sync(es)
		first := data()
		w.Annotate(es, esv1.AnnotationRotate, request)
		w.reconcile(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, append(says, esv1.AnnotationRotate)...)
		Expect(data()).To(Equal(first))
		w.Annotate(es, esv1.AnnotationRotate, "token")
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	},
		Entry("a key that there is not", "tokne", `"tokne"`, "password, token, user"),
		Entry("no key", "@now", "names no key"),
	)

	DescribeTable("takes place once, also when the process dies before it is recorded",
		func(every time.Duration, ask func(*esv1.ExternalSecret)) {
			es := both().Every(every).ExternalSecret
			w.sync(es)
			first := data()
			ask(es)
			stop()
			_, err := w.Try(w.controller, es)
			Expect(err).To(HaveOccurred())
			second := data()
			Expect(second["password"]).NotTo(Equal(first["password"]))
			w.Refuse(nil)
			w.restart()
			w.reconcile(es)
			w.reconcile(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			Expect(data()).To(Equal(second))
		},
		Entry("asked for by force-sync", time.Hour, func(es *esv1.ExternalSecret) { w.Annotate(es, "force-sync", "1") }),
		Entry("asked for of one key", time.Hour, func(es *esv1.ExternalSecret) { w.Annotate(es, esv1.AnnotationRotate, "password") }),
		Entry("by interval", time.Hour, func(*esv1.ExternalSecret) { w.Clock.Step(2 * time.Hour) }),
	)

	It("that stood in an annotation when Sluice came is not carried out, also when the first look fails", func() {
		es := both().Annotate("force-sync", "1").Annotate(esv1.AnnotationRotate, "token").ExternalSecret
		w.Create(gen.Secret("app", map[string]string{"user": "a", "password": "b", "token": "c"}))
		w.Create(es)
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Status.RefreshTime, es.Status.SyncedResourceVersion = &metav1.Time{Time: w.Clock.Now()}, "1-of-the-reference"
			es.Status.Binding.Name = "app"
		})
		w.Refuse(func(verb string, _ client.Object) error {
			if verb == lab.VerbApply {
				return errors.New("not now")
			}
			return nil
		})
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		w.Refuse(nil)
		w.reconcile(es)
		Expect(data()).To(Equal(map[string]string{"user": "a", "password": "b", "token": "c"}))
		Expect(w.Generator.Minted()).To(BeZero())
	})
})
