package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

const configGroup = "config.example.com/v1"

// allowManifests lets the world's controller write targets of other kinds than Secret.
func (w *world) allowManifests() {
	GinkgoHelper()
	w.controller = w.newController(func(c *externalsecret.Config) { c.GenericTargets = true })
}

// object returns an object of the test's namespace.
func (w *world) object(apiVersion, kind, name string) *unstructured.Unstructured {
	GinkgoHelper()
	o := reference(apiVersion, kind, name)
	o.SetNamespace(w.Namespace)
	Expect(w.Gone(o)).To(BeFalse(), "%s %s is gone", kind, name)
	return o
}

// gone says whether there is no ConfigMap of this name.
func (w *world) gone(configMap string) bool {
	GinkgoHelper()
	m := gen.ConfigMap(configMap, nil)
	m.Namespace = w.Namespace
	return w.Gone(m)
}

func reference(apiVersion, kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetName(name)
	return o
}

// field returns a field of the AppConfig "app".
func (w *world) field(path ...string) any {
	GinkgoHelper()
	value, _, err := unstructured.NestedFieldCopy(w.object(configGroup, "AppConfig", "app").Object, path...)
	Expect(err).NotTo(HaveOccurred())
	return value
}

// configMap is an ExternalSecret that takes user and password from the store into a ConfigMap.
func configMap() gen.ExternalSecret { return fromStore("app").Manifest("v1", "ConfigMap") }

// appConfig is the same with a custom resource.
func appConfig() gen.ExternalSecret { return fromStore("app").Manifest(configGroup, "AppConfig") }

var _ = Describe("A target that is a ConfigMap", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.allowManifests()
	})
	read := func() *corev1.ConfigMap {
		GinkgoHelper()
		m := gen.ConfigMap("app", nil)
		m.Namespace = w.Namespace
		Expect(w.Gone(m)).To(BeFalse())
		return m
	}

	It("is made, owned, marked and then left alone", func() {
		es := configMap().Label("team", "a").ExternalSecret
		w.sync(es)
		m := read()
		Expect(m.Data).To(Equal(credentials))
		Expect(m.Labels).To(HaveKeyWithValue("team", "a"))
		Expect(m.Labels).To(HaveKeyWithValue(esv1.LabelManaged, "true"))
		Expect(metav1.IsControlledBy(m, es)).To(BeTrue())
		lab.ExpectReady(es, esv1.ReasonResourceSynced, "resource synced")
		w.ExpectEvent("Normal Created resource created")
		Expect(es.Status.Binding.Name).To(Equal("app"))
		w.expectSettled(es)
		w.Clock.Step(2 * time.Hour)
		w.restart()
		w.allowManifests()
		version := m.ResourceVersion
		w.reconcile(es)
		Expect(read().ResourceVersion).To(Equal(version))
	})

	It("is repaired, foreign keys included", func() {
		es := configMap().ExternalSecret
		w.sync(es)
		for name, change := range map[string]func(*corev1.ConfigMap){
			"edited":  func(m *corev1.ConfigMap) { m.Data["password"] = "mine" },
			"added":   func(m *corev1.ConfigMap) { m.Data["extra"] = "mine" },
			"binary":  func(m *corev1.ConfigMap) { m.BinaryData = map[string][]byte{"extra": {0xff}} },
			"removed": func(m *corev1.ConfigMap) { m.Data = nil },
			"no mark": func(m *corev1.ConfigMap) { m.Labels = nil },
		} {
			lab.Edit(w.Lab, read(), change)
			w.reconcile(es)
			Expect(read().Data).To(Equal(credentials), name)
			Expect(read().BinaryData).To(BeEmpty(), name)
			Expect(read().Labels).To(HaveKey(esv1.LabelManaged), name)
			w.expectSettled(es)
		}
		w.Delete(read())
		w.reconcile(es)
		Expect(read().Data).To(Equal(credentials))
	})

	It("follows templates, in data, labels and annotations, and has no type", func() {
		es := configMap().Template("app.yaml", "user: {{ .user }}\n").Literal("Labels", "who: {{ .user }}").
			Literal("annotations", "note: for {{ .user }}").ExternalSecret
		es.Spec.Target.Template.Type = corev1.SecretTypeBasicAuth
		w.sync(es)
		m := read()
		Expect(m.Data).To(Equal(map[string]string{"app.yaml": "user: admin\n"}))
		Expect(m.Labels).To(HaveKeyWithValue("who", "admin"))
		Expect(m.Annotations).To(HaveKeyWithValue("note", "for admin"))
		w.expectSettled(es)
	})

	It("holds what is not text as binary data", func() {
		w.seed("db", map[string]string{"user": "admin", "password": "\xff\x00"})
		es := configMap().ExternalSecret
		w.sync(es)
		Expect(read().Data).To(Equal(map[string]string{"user": "admin"}))
		Expect(read().BinaryData).To(Equal(map[string][]byte{"password": {0xff, 0}}))
		w.expectSettled(es)
		w.seed("db", credentials)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		Expect(read().Data).To(Equal(credentials))
		Expect(read().BinaryData).To(BeEmpty())
	})

	It("is merged into, waited for, deleted and made immutable as a Secret is", func() {
		es := configMap().Creation(esv1.CreateMerge).ExternalSecret
		w.sync(es)
		lab.ExpectReady(es, esv1.ReasonResourceMissing, `ConfigMap "app" does not exist`)
		w.Create(gen.ConfigMap("app", map[string]string{"theirs": "x"}))
		w.reconcile(es)
		Expect(read().Data).To(Equal(map[string]string{"theirs": "x", "user": "admin", "password": "s3cret"}))
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Data = es.Spec.Data[:1] })
		w.reconcile(es)
		Expect(read().Data).To(Equal(map[string]string{"theirs": "x", "user": "admin"}))
		w.expectSettled(es)

		gone := configMap().Target("gone").Deletion(esv1.DeleteDelete).ExternalSecret
		gone.Name = "gone"
		w.sync(gone)
		Expect(w.object("v1", "ConfigMap", "gone")).NotTo(BeNil())
		w.Memory("main").Remove("db")
		w.Clock.Step(2 * time.Hour)
		w.reconcile(gone)
		lab.ExpectReady(gone, esv1.ReasonResourceDeleted)
		Expect(w.gone("gone")).To(BeTrue())
	})

	It("is not changed any more once it is immutable", func() {
		es := configMap().Immutable().Every(time.Hour).ExternalSecret
		w.sync(es)
		Expect(*read().Immutable).To(BeTrue())
		w.expectSettled(es)
		w.seed("db", renewed)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		lab.ExpectNotReady(es, esv1.ReasonResourceSyncedError, `ConfigMap "app" is immutable`)
	})

	It("keeps a generated value, also when the object is new", func() {
		es := generated("app").Manifest("v1", "ConfigMap").Every(0).ExternalSecret
		w.sync(es)
		password := read().Data["password"]
		Expect(password).NotTo(BeEmpty())
		w.Label(es, "x", "y")
		w.reconcile(es)
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
		w.reconcile(es)
		w.Delete(es)
		again := generated("app").Manifest("v1", "ConfigMap").Every(0).ExternalSecret
		lab.Edit(w.Lab, read(), func(m *corev1.ConfigMap) { m.OwnerReferences = nil })
		w.sync(again)
		Expect(read().Data).To(HaveKeyWithValue("password", password))
		Expect(w.Generator.Minted()).To(Equal(1))
	})

	It("gives way to a Secret, and a Secret to it, without leaving anything behind", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", credentials)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Manifest = configMap().Spec.Target.Manifest })
		w.reconcile(es)
		w.ExpectNoSecret("app")
		Expect(read().Data).To(Equal(credentials))
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "other" })
		w.reconcile(es)
		Expect(w.gone("app")).To(BeTrue(), "the former name")
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target = esv1.ExternalSecretTarget{} })
		w.reconcile(es)
		Expect(w.gone("other")).To(BeTrue(), "the former kind")
		w.ExpectSecret("app", credentials)
		w.expectSettled(es)
	})
})

var _ = Describe("A target of another kind", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("is refused without the flag, and nothing is read for it", func() {
		es := configMap().ExternalSecret
		w.sync(es)
		lab.ExpectNotReady(es, esv1.ReasonResourceSyncedError, "generic targets are disabled", "--unsafe-allow-generic-targets", "ConfigMap")
		Expect(w.Memory("main").Calls(providertest.CallGet)).To(BeZero())
		w.expectSettled(es)
	})

	DescribeTable("is refused with a reason", func(es gen.ExternalSecret, retried bool, texts ...string) {
		w.allowManifests()
		w.Create(es.ExternalSecret)
		_, err := w.Try(w.controller, es.ExternalSecret)
		Expect(err != nil).To(Equal(retried), "%v", err)
		lab.ExpectNotReady(es.ExternalSecret, esv1.ReasonResourceSyncedError, texts...)
		Expect(es.Status.Conditions[0].Message).NotTo(ContainSubstring("s3cret"))
	},
		Entry("a kind that nobody defines, until somebody does", fromStore("app").Manifest("nobody.example.com/v1", "Thing"), true,
			"spec.target.manifest", `no kind "Thing" in "nobody.example.com/v1"`, "CustomResourceDefinition"),
		Entry("a kind without namespaces", fromStore("app").Manifest("rbac.authorization.k8s.io/v1", "ClusterRole"), false,
			"spec.target.manifest", "ClusterRole have no namespace"),
		Entry("what tells the operator what to do", fromStore("app").Manifest("external-secrets.io/v1", "SecretStore"), false,
			"spec.target.manifest", "external-secrets.io"),
		Entry("an immutable custom resource", appConfig().Immutable(), false, "spec.target.immutable", "AppConfig"),
		Entry("a path into the metadata", appConfig().Literal("metadata.name", "x"), false, "templateFrom[0]", `target "metadata.name"`),
		Entry("a path that is none", appConfig().Literal("spec..x", "x"), false, "templateFrom[0]", `target "spec..x"`, "no path"),
		Entry("an index past the end", appConfig().Literal("spec.hosts[2]", "x"), false, `target "spec.hosts[2]"`, "index 2 is past the end"),
		Entry("a template that yields no YAML", appConfig().Literal("spec.database", "host: {{ .password }}: [x"), false,
			"templateFrom[0]", "not YAML", "toJson"),
		Entry("a path in a ConfigMap", configMap().Literal("spec.x", "x"), false,
			`templateFrom target="spec.x" is not allowed when targeting a ConfigMap`),
		Entry("what the API server refuses", appConfig().Literal("spec.database", "port: {{ .password }}"), false,
			`AppConfig "app"`, "another type", "spec.database"),
		Entry("an item without the key of its list", appConfig().Literal("spec.servers[0]", "token: {{ .password }}"), false,
			`AppConfig "app"`, "a list with other keys: spec.servers"),
		Entry("a list where values are kept", appConfig().Literal("data[0]", "x"), false, `AppConfig "app"`, "another type", "data"),
		Entry("a field that the schema lacks, of which no name is told that may be a value",
			appConfig().Literal("spec.database", "{{ .password }}: x"), false, `AppConfig "app"`, "has no such field"),
	)

	It("names the right that is missing", func() {
		w.allowManifests()
		w.Refuse(forbid(lab.VerbApply))
		es := configMap().ExternalSecret
		w.Create(es)
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonResourceSyncedError, `may not patch ConfigMap "app"`, `verb "patch" on configmaps`)
	})

	It("that nobody can have any more is no trouble once the target is another one", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) {
			es.Status.Binding.Name = "app"
			es.Status.Manifest = &esv1.ManifestReference{APIVersion: "gone.example.com/v1", Kind: "Thing"}
		})
		w.Annotate(es, esv1.AnnotationForceSync, "1")
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		Expect(es.Status.Manifest).To(BeNil())
	})

	DescribeTable("that exists already gets the value that was generated for the former one", func(to func(*esv1.ExternalSecretTarget)) {
		w.allowManifests()
		es := generated("app").ExternalSecret
		w.sync(es)
		password := w.password("app")
		w.Create(gen.Secret("other", map[string]string{"theirs": "x"}), gen.ConfigMap("app", map[string]string{"theirs": "x"}))
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { to(&es.Spec.Target) })
		w.reconcile(es)
		lab.ExpectReady(es, es.Status.Conditions[0].Reason)
		Expect(w.Generator.Minted()).To(Equal(1))
		if es.Spec.Target.Manifest == nil {
			Expect(w.password("other")).To(Equal(password))
		} else {
			m := gen.ConfigMap("app", nil)
			m.Namespace = w.Namespace
			Expect(w.Gone(m)).To(BeFalse())
			Expect(m.Data).To(Equal(map[string]string{"password": password}))
		}
		w.ExpectNoSecret("app")
	},
		Entry("a Secret of another name", func(t *esv1.ExternalSecretTarget) { t.Name = "other" }),
		Entry("a ConfigMap", func(t *esv1.ExternalSecretTarget) {
			t.Manifest = &esv1.ManifestReference{APIVersion: "v1", Kind: "ConfigMap"}
		}),
	)

	It("named as a Secret is a Secret, and needs no flag", func() {
		es := fromStore("app").Manifest("v1", "Secret").ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", credentials)
		lab.ExpectReady(es, esv1.ReasonResourceSynced)
	})
})
