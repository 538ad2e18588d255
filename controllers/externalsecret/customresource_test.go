package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A target that is a custom resource", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.allowManifests()
	})

	It("gets what was fetched under spec.data, and stays quiet though the API server adds defaults", func() {
		es := appConfig().ExternalSecret
		w.sync(es)
		Expect(w.field("spec", "data")).To(Equal(map[string]any{"user": "admin", "password": "s3cret"}))
		Expect(w.field("spec", "replicas")).To(BeEquivalentTo(1))
		Expect(metav1.IsControlledBy(w.object(configGroup, "AppConfig", "app"), es)).To(BeTrue())
		lab.ExpectReady(es, esv1.ReasonResourceSynced)
		w.expectSettled(es)
	})

	It("gets template.data under data", func() {
		es := appConfig().Template("dsn", "{{ .user }}:{{ .password }}").ExternalSecret
		w.sync(es)
		Expect(w.field("data")).To(Equal(map[string]any{"dsn": "admin:s3cret"}))
		w.expectSettled(es)
	})

	It("gets what templates yield at their paths, with the types of YAML", func() {
		es := appConfig().
			Literal("spec.database", "host: db.example.com\nport: 5432\ncredentials:\n  username: {{ .user }}\n").
			Literal("spec.database.credentials", "password: {{ .password }}").
			Literal("spec.logging", "level: info").
			Literal("spec.hosts[0]", "{{ .user }}.example.com").
			Literal("spec.hosts[1]", "www.example.com").
			Literal("spec.servers[0]", "name: one\ntoken: {{ .password }}").ExternalSecret
		w.sync(es)
		Expect(w.field("spec", "database")).To(Equal(map[string]any{
			"host": "db.example.com", "port": int64(5432), "credentials": map[string]any{"username": "admin", "password": "s3cret"},
		}))
		Expect(w.field("spec", "logging")).To(Equal(map[string]any{"level": "info", "format": "text"}))
		Expect(w.field("spec", "hosts")).To(Equal([]any{"admin.example.com", "www.example.com"}))
		Expect(w.field("spec", "servers")).To(Equal([]any{map[string]any{"name": "one", "token": "s3cret", "port": int64(80)}}))
		lab.ExpectReady(es, esv1.ReasonResourceSynced)
	})

	It("is quiet with fields at paths, and has them repaired, but nothing else", func() {
		es := appConfig().Literal("spec.database", "host: {{ .user }}").Literal("spec.hosts[0]", "a").ExternalSecret
		w.sync(es)
		w.expectSettled(es)
		edit := func(change func(content map[string]any)) {
			GinkgoHelper()
			lab.Edit(w.Lab, w.object(configGroup, "AppConfig", "app"), func(o *unstructured.Unstructured) { change(o.Object) })
		}
		edit(func(c map[string]any) {
			Expect(unstructured.SetNestedField(c, int64(7), "spec", "replicas")).To(Succeed())
			Expect(unstructured.SetNestedField(c, int64(1), "spec", "database", "port")).To(Succeed())
		})
		w.expectSettled(es)
		edit(func(c map[string]any) {
			Expect(unstructured.SetNestedField(c, "mine", "spec", "database", "host")).To(Succeed())
			Expect(unstructured.SetNestedStringSlice(c, []string{"b"}, "spec", "hosts")).To(Succeed())
		})
		w.reconcile(es)
		Expect(w.field("spec", "database")).To(Equal(map[string]any{"host": "admin", "port": int64(1)}))
		Expect(w.field("spec", "hosts")).To(Equal([]any{"a"}))
		Expect(w.field("spec", "replicas")).To(BeEquivalentTo(7))
		w.expectSettled(es)
	})

	It("loses a field that no template sets any more", func() {
		es := appConfig().Literal("spec.database", "host: a\nport: 1").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Template.TemplateFrom[0].Literal = new("host: b") })
		w.reconcile(es)
		Expect(w.field("spec", "database")).To(Equal(map[string]any{"host": "b"}))
		w.expectSettled(es)
	})

	It("is merged into, and what else is in its lists stays", func() {
		existing := reference(configGroup, "AppConfig", "app")
		Expect(unstructured.SetNestedStringSlice(existing.Object, []string{"first"}, "spec", "hosts")).To(Succeed())
		Expect(unstructured.SetNestedField(existing.Object, int64(3), "spec", "replicas")).To(Succeed())
		w.Create(existing)
		es := appConfig().Creation(esv1.CreateMerge).Literal("spec.hosts[1]", "{{ .user }}").ExternalSecret
		w.sync(es)
		Expect(w.field("spec", "hosts")).To(Equal([]any{"first", "admin"}))
		Expect(w.field("spec", "replicas")).To(BeEquivalentTo(3))
		Expect(metav1.GetControllerOf(w.object(configGroup, "AppConfig", "app"))).To(BeNil())
		w.expectSettled(es)
	})

	It("keeps the items of a ConfigMap's template where its target says", func() {
		w.Create(gen.ConfigMap("tpl", map[string]string{"logging": "level: {{ .user }}"}))
		es := appConfig().TemplateFrom("tpl", "logging").ExternalSecret
		es.Spec.Target.Template.TemplateFrom[0].Target = "spec.logging"
		w.sync(es)
		Expect(w.field("spec", "logging", "level")).To(Equal("admin"))
		lab.Edit(w.Lab, gen.ConfigMap("tpl", nil), func(m *corev1.ConfigMap) { m.Data["logging"] = "level: debug" })
		w.reconcile(es)
		Expect(w.field("spec", "logging", "level")).To(Equal("debug"))
	})

	DescribeTable("keeps a generated value that a template has put at a path", func(every ...time.Duration) {
		es := generated("app").Manifest(configGroup, "AppConfig").Literal("spec.database", "host: db\ncredentials:\n  password: {{ .password }}")
		for _, interval := range every {
			es = es.Every(interval)
		}
		w.sync(es.ExternalSecret)
		password := w.field("spec", "database", "credentials", "password")
		expectKept := func(reason string) {
			GinkgoHelper()
			w.reconcile(es.ExternalSecret)
			Expect(w.field("spec", "database", "credentials", "password")).To(Equal(password), reason)
			Expect(w.Generator.Minted()).To(Equal(1), reason)
		}
		w.Label(es.ExternalSecret, "x", "y")
		expectKept("a label")
		w.Clock.Step(2 * time.Hour)
		expectKept("an interval that nobody wrote")
		lab.EditStatus(w.Lab, es.ExternalSecret, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
		expectKept("a lost status")
		lab.Edit(w.Lab, w.object(configGroup, "AppConfig", "app"), func(o *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(o.Object, "mine", "spec", "database", "host")).To(Succeed())
		})
		expectKept("an edit of another field")
		lab.ExpectReady(es.ExternalSecret, esv1.ReasonResourceSynced, "was changed by somebody else and is left so")
		lab.Edit(w.Lab, es.ExternalSecret, func(es *esv1.ExternalSecret) {
			es.Spec.Target.Template.TemplateFrom[0].Literal = new("credentials:\n  password: new-{{ .password }}")
		})
		expectKept("another template")
		w.Annotate(es.ExternalSecret, esv1.AnnotationForceSync, "1")
		w.reconcile(es.ExternalSecret)
		w.Delete(w.object(configGroup, "AppConfig", "app"))
		w.reconcile(es.ExternalSecret)
		Expect(w.field("spec", "database", "credentials", "password")).To(HavePrefix("new-"), "what is lost is made anew")
	},
		Entry("with no interval"),
		Entry("with the interval 0", time.Duration(0)),
	)

	DescribeTable("is quiet with whatever the API server makes of it, also when its status changes", func(target, text string) {
		es := appConfig().Literal(target, text).ExternalSecret
		w.sync(es)
		lab.ExpectReady(es, esv1.ReasonResourceSynced)
		w.expectSettled(es)
		lab.EditStatus(w.Lab, w.object(configGroup, "AppConfig", "app"), func(o *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(o.Object, true, "status", "ready")).To(Succeed())
		})
		w.expectSettled(es)
	},
		Entry("a default in an item of a list with keys", "spec.servers[0]", "name: one\ntoken: {{ .password }}"),
		Entry("a default in an item of a list without keys", "spec.routes[0].path", "/"),
		Entry("a default in an empty map", "spec.logging", "{}"),
		Entry("a number that is written in another way", "spec.database", "port: 1.0"),
		Entry("a number or a text", "spec.limit", "50%"),
		Entry("fields without a schema", "spec.extra", "a: {b.c: [1, {d: null}], e: {}}"),
		Entry("a text under data", "data.x", "{{ .password | toJson }}"),
	)

	It("is not written again when its sources are gone and what stays is there", func() {
		es := appConfig().Deletion(esv1.DeleteMerge).Literal("spec.routes[0].path", "/").ExternalSecret
		w.sync(es)
		w.Memory("main").Remove("db")
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		Expect(w.field("spec", "routes")).To(HaveLen(1))
		version := w.object(configGroup, "AppConfig", "app").GetResourceVersion()
		w.Events()
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		Expect(w.object(configGroup, "AppConfig", "app").GetResourceVersion()).To(Equal(version))
		Expect(w.Events()).NotTo(ContainElement(ContainSubstring("updated")))
	})

	It("keeps the items that others have in its list with keys", func() {
		es := appConfig().Literal("spec.servers[0]", "name: one\ntoken: {{ .password }}").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, w.object(configGroup, "AppConfig", "app"), func(o *unstructured.Unstructured) {
			ours, _, err := unstructured.NestedSlice(o.Object, "spec", "servers")
			Expect(err).NotTo(HaveOccurred())
			Expect(unstructured.SetNestedSlice(o.Object, append(ours, map[string]any{"name": "two"}), "spec", "servers")).To(Succeed())
		})
		w.reconcile(es)
		Expect(w.field("spec", "servers")).To(HaveLen(2))
		w.expectSettled(es)
	})

	It("whose field another ExternalSecret delivers is not fought over, and no name is told that may be a value", func() {
		w.Create(reference(configGroup, "AppConfig", "app"))
		add := func(name, text string) *esv1.ExternalSecret {
			es := appConfig().Target("app").Creation(esv1.CreateMerge).Literal("spec.extra", text).ExternalSecret
			es.Name = name
			w.sync(es)
			return es
		}
		lab.ExpectReady(add("first", "{{ .password }}: 1"), esv1.ReasonResourceSynced)
		second := add("second", "{{ .password }}: 2")
		lab.ExpectNotReady(second, esv1.ReasonResourceSyncedError, `spec.extra of AppConfig "app" is delivered by ExternalSecret "first"`)
		Expect(w.field("spec", "extra")).To(Equal(map[string]any{"s3cret": int64(1)}))
	})

	It("that another ExternalSecret owns is refused", func() {
		w.sync(appConfig().ExternalSecret)
		other := appConfig().Target("app").ExternalSecret
		other.Name = "other"
		w.sync(other)
		lab.ExpectNotReady(other, esv1.ReasonResourceSyncedError, `AppConfig "app" is owned by another ExternalSecret: app`)
	})
})

var _ = Describe("A target that is a Deployment", func() {
	It("is quiet though the API server fills it with defaults", func() {
		w := newWorld()
		w.allowManifests()
		es := fromStore("app").Manifest("apps/v1", "Deployment").Literal("spec", `
selector: {matchLabels: {app: shop}}
template:
  metadata: {labels: {app: shop}}
  spec:
    containers:
      - name: shop
        image: shop
        env: [{name: USER, value: {{ .user }}}]
        resources: {limits: {cpu: 1000m}}
        ports: [{containerPort: 80}]
`).ExternalSecret
		w.sync(es)
		lab.ExpectReady(es, esv1.ReasonResourceSynced)
		w.expectSettled(es)
		lab.Edit(w.Lab, w.object("apps/v1", "Deployment", "app"), func(o *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(o.Object, int64(3), "spec", "replicas")).To(Succeed())
		})
		w.expectSettled(es)
	})
})
