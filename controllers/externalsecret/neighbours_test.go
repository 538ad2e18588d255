package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("Two ExternalSecrets with one target", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// adds is an ExternalSecret that adds one key to the Secret "app".
	adds := func(name, key, property string) *esv1.ExternalSecret {
		return gen.NewExternalSecret(name).Store("main").Data(key, "db", property).Target("app").Creation(esv1.CreateMerge).ExternalSecret
	}

	It("do not write against each other where one owns it", func() {
		owner, second := fromStore("app").ExternalSecret, adds("second", "more", "user")
		w.sync(owner)
		w.sync(second)
		lab.ExpectNotReady(second, esv1.ReasonSecretSyncedError, "owned by another ExternalSecret: app")
		w.expectSettled(owner)
		w.expectSettled(second)
		w.ExpectSecret("app", credentials)
	})

	It("do not write against each other over one key", func() {
		w.Create(gen.Secret("app", nil))
		first, second := adds("first", "key", "user"), adds("second", "key", "password")
		w.sync(first)
		w.sync(second)
		lab.ExpectNotReady(second, esv1.ReasonSecretSyncedError, `data.key of secret "app" is delivered by ExternalSecret "first"`)
		w.expectSettled(first)
		version := w.Secret("app").ResourceVersion
		w.reconcile(second)
		Expect(w.Secret("app").ResourceVersion).To(Equal(version))
		w.ExpectSecret("app", map[string]string{"key": "admin"})

		By("the second going on when the first is gone")
		w.Delete(first)
		w.reconcile(second)
		lab.ExpectReady(second, esv1.ReasonSecretSynced)
		w.ExpectSecret("app", map[string]string{"key": "s3cret"})
	})

	It("may have a key with one value", func() {
		w.Create(gen.Secret("app", nil))
		first, second := adds("first", "key", "user"), adds("second", "key", "user")
		w.sync(first)
		w.sync(second)
		lab.ExpectReady(second, esv1.ReasonSecretSynced)
		w.expectSettled(first)
		w.expectSettled(second)
	})
})

var _ = Describe("An ExternalSecret of another controller class", func() {
	DescribeTable("is left alone", func(prepare func(w *world, es *esv1.ExternalSecret)) {
		w := newWorld()
		store, generator := gen.SecretStore("other", nil), gen.Fake("other", nil)
		store.Spec.Controller, generator.Spec.Controller = "somebody", "somebody"
		w.Create(store, generator)
		es := gen.NewExternalSecret("app").ExternalSecret
		prepare(w, es)
		if es.UID == "" {
			w.Create(es)
		}
		w.Quietly(func() { w.reconcile(es) })
	},
		Entry("of its store", func(_ *world, es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Store("other").Data("password", "db", "password")
		}),
		Entry("of one store among several", func(_ *world, es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Store("main").Data("password", "db", "password")
			es.Spec.Data = append(es.Spec.Data, *es.Spec.Data[0].DeepCopy())
			es.Spec.Data[1].SecretKey = "second"
			es.Spec.Data[1].SourceRef = &esv1.StoreSourceRef{StoreRef: esv1.SecretStoreRef{Name: "other"}}
		}),
		Entry("of its generator", func(_ *world, es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Generate(genv1alpha1.KindFake, "other")
		}),
		Entry("that has what it wants already", func(w *world, es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Store("other").Data("password", "db", "password").Every(0)
			w.Create(gen.Secret("app", map[string]string{"password": "theirs"}))
		}),
		Entry("that this operator would refuse", func(_ *world, es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Store("other").Data("password", "db", "password")
			es.Spec.Target.Manifest = &esv1.ManifestReference{APIVersion: "v1", Kind: "ConfigMap"}
		}),
		Entry("that is being deleted, with the finalizer of its operator", func(w *world, es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Store("other").Data("password", "db", "password")
			es.Finalizers = []string{"externalsecrets.external-secrets.io/externalsecret-cleanup"}
			w.Create(es)
			w.Delete(es)
		}),
	)
})

var _ = Describe("A generated value that a template has used up", func() {
	var (
		w  *world
		es *esv1.ExternalSecret
	)
	BeforeEach(func() { w = newWorld() })

	It("is said to be synced again when the status was lost", func() {
		es = generated("app").Template("url", "db://{{ .password }}").ExternalSecret
		w.sync(es)
		status := client.RawPatch("application/merge-patch+json", []byte(`{"status":null}`))
		Expect(w.Client.Status().Patch(GinkgoT().Context(), es, status)).To(Succeed())
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		Expect(es.Status.RefreshTime).NotTo(BeNil())
		Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
		w.expectSettled(es)
		w.ExpectSecret("app", map[string]string{"url": "db://pw-1"})
	})

	It("is not spoken of when nothing but a label changes, or the hour passes", func() {
		es = generated("app").Template("url", "db://{{ .password }}").ExternalSecret
		w.sync(es)
		synced := es.Status.SyncedResourceVersion
		w.Label(es, "team", "a")
		w.reconcile(es)
		Expect(es.Status.SyncedResourceVersion).NotTo(Equal(synced))
		Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
		w.expectSettled(es)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
		Expect(es.Status.RefreshTime.Time).To(BeTemporally("==", w.Clock.Now()))
		w.ExpectSecret("app", map[string]string{"url": "db://pw-1"})
	})

	It("keeps other sources from being followed, and the status says so", func() {
		es = fromStore("app").Generate(genv1alpha1.KindFake, "token").Template("url", "{{ .user }}:{{ .token }}").ExternalSecret
		w.Create(gen.Fake("token", map[string]string{"token": "tk"}))
		w.sync(es)
		w.seed("db", map[string]string{"user": "root", "password": "s3cret"})
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "what else the sources hold now is not applied", esv1.AnnotationForceSync)
		w.ExpectSecret("app", map[string]string{"url": "admin:tk-1"})
		metav1.SetMetaDataAnnotation(&es.ObjectMeta, esv1.AnnotationForceSync, "1")
		Expect(w.Client.Update(GinkgoT().Context(), es)).To(Succeed())
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"url": "root:tk-2"})
	})
})
