package fanout_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/fanout"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

// What both kinds have in common is tested with ClusterExternalSecrets; here is what a ClusterPushSecret must do by itself.
var _ = Describe("A ClusterPushSecret", func() {
	var (
		w    *world
		made gen.ClusterPushSecret
		cps  *esv1alpha1.ClusterPushSecret
		a, b string
	)
	BeforeEach(func() {
		w = newWorld(fanout.NewPushSecrets)
		a, b = w.namespace("a"), w.namespace("b")
		one := gen.NewPushSecret("").Generate("Password", "strong").To("vault").Data("password", "db", "password").
			DataTo("vault", "^x", "more").Template("url", "db://{{ .password }}").Deletion(esv1alpha1.DeletionDelete).Every(0)
		// What a provider is told has any form.
		one.Spec.Data[0].Metadata = &runtime.RawExtension{Raw: []byte(`{"z":{"b":1,"a":[true,null]},"kind":"Any"}`)}
		made = gen.NewClusterPushSecret(w.Namespace, one).Labelled("group", w.Namespace).Child("app").Label("team", "red")
		cps = made.ClusterPushSecret
	})
	pushSecret := func(namespace, name string) *esv1alpha1.PushSecret {
		return &esv1alpha1.PushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	child := func(namespace, name string) *esv1alpha1.PushSecret {
		GinkgoHelper()
		ps := pushSecret(namespace, name)
		Expect(w.Gone(ps)).To(BeFalse(), "push secret %s/%s is gone", namespace, name)
		return ps
	}
	// settle creates the object and lets the controller work on it once.
	settle := func() {
		GinkgoHelper()
		w.Create(cps)
		w.Reconcile(w.controller, cps)
		w.Events()
	}

	It("gives every namespace a PushSecret of its own, says so, and is quiet after it", func() {
		cps.Spec.PushSecretMetadata.Annotations = map[string]string{"note": "made"}
		w.Create(cps)
		Expect(w.Reconcile(w.controller, cps)).To(Equal(report.Later(time.Hour)))
		for _, namespace := range []string{a, b} {
			ps := child(namespace, "app")
			Expect(ps.Spec).To(Equal(cps.Spec.PushSecretSpec))
			Expect(ps.Labels).To(Equal(map[string]string{"team": "red"}))
			Expect(ps.Annotations).To(Equal(map[string]string{"note": "made"}))
			Expect(ps.OwnerReferences).To(Equal([]metav1.OwnerReference{
				*metav1.NewControllerRef(cps, esv1alpha1.GroupVersion().WithKind(esv1alpha1.KindClusterPushSecret)),
			}))
		}
		lab.ExpectReady(cps, esv1.ReasonProvisioned, `push secret "app" is in every selected namespace`)
		Expect(cps.Status.PushSecretName).To(Equal("app"))
		Expect(cps.Status.ProvisionedNamespaces).To(Equal([]string{a, b}))
		Expect(cps.Status.FailedNamespaces).To(BeEmpty())
		Expect(cps.Finalizers).To(BeEmpty())
		w.ExpectEvent("Normal Provisioned")
		w.Clock.Step(time.Hour)
		w.Quietly(func() { w.Reconcile(w.controller, cps) })
	})

	DescribeTable("heals a PushSecret that somebody edits, and touches no other",
		func(edit func(*esv1alpha1.PushSecret)) {
			settle()
			version := child(b, "app").ResourceVersion
			lab.Edit(w.Lab, pushSecret(a, "app"), edit)
			w.Reconcile(w.controller, cps)
			Expect(child(a, "app").Spec).To(Equal(cps.Spec.PushSecretSpec))
			Expect(child(a, "app").Labels).To(HaveKeyWithValue("team", "red"))
			Expect(child(b, "app").ResourceVersion).To(Equal(version))
			w.Quietly(func() { w.Reconcile(w.controller, cps) })
		},
		Entry("another policy", func(ps *esv1alpha1.PushSecret) { ps.Spec.DeletionPolicy = esv1alpha1.DeletionNone }),
		Entry("a policy that was not there", func(ps *esv1alpha1.PushSecret) { ps.Spec.UpdatePolicy = esv1alpha1.UpdateIfNotExists }),
		Entry("one more store", func(ps *esv1alpha1.PushSecret) {
			ps.Spec.SecretStoreRefs = append(ps.Spec.SecretStoreRefs, esv1alpha1.PushSecretStoreRef{Name: "other"})
		}),
		Entry("what a provider is told", func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].Metadata.Raw = []byte(`{"kind":"Other"}`) }),
		Entry("no entries", func(ps *esv1alpha1.PushSecret) { ps.Spec.Data = nil }),
		Entry("another label", func(ps *esv1alpha1.PushSecret) { ps.Labels["team"] = "blue" }),
	)

	It("leaves the finalizer and the annotations of a PushSecret alone", func() {
		settle()
		lab.Edit(w.Lab, pushSecret(a, "app"), func(ps *esv1alpha1.PushSecret) {
			ps.Finalizers, ps.Annotations = []string{esv1alpha1.FinalizerPushSecret}, map[string]string{"force-sync": "1"}
		})
		w.Quietly(func() { w.Reconcile(w.controller, cps) })
		lab.Edit(w.Lab, cps, func(c *esv1alpha1.ClusterPushSecret) { c.Spec.PushSecretSpec.UpdatePolicy = esv1alpha1.UpdateReplace })
		w.Reconcile(w.controller, cps)
		ps := child(a, "app")
		Expect(ps.Spec).To(Equal(cps.Spec.PushSecretSpec))
		Expect(ps.Finalizers).To(Equal([]string{esv1alpha1.FinalizerPushSecret}))
		Expect(ps.Annotations).To(Equal(map[string]string{"force-sync": "1"}))
	})

	DescribeTable("mirrors what is asked of it, and takes it back",
		func(key string) {
			settle()
			w.Annotate(cps, key, "password@1")
			w.Reconcile(w.controller, cps)
			Expect(child(b, "app").Annotations).To(Equal(map[string]string{key: "password@1"}))
			lab.Edit(w.Lab, cps, func(c *esv1alpha1.ClusterPushSecret) { c.Annotations = nil })
			w.Reconcile(w.controller, cps)
			Expect(child(b, "app").Annotations).To(BeEmpty())
		},
		Entry(nil, "external-secrets.io/force-sync"), Entry(nil, "force-sync"), Entry(nil, "sluice.dev/rotate"),
	)

	It("takes the PushSecret from a namespace that is not selected any more, and leaves it the time to remove what it pushed", func() {
		settle()
		lab.Edit(w.Lab, pushSecret(a, "app"), func(ps *esv1alpha1.PushSecret) { ps.Finalizers = []string{esv1alpha1.FinalizerPushSecret} })
		w.leave(a)
		w.Reconcile(w.controller, cps)
		Expect(child(a, "app").DeletionTimestamp).NotTo(BeNil())
		Expect(child(b, "app").DeletionTimestamp).To(BeNil())
		lab.ExpectReady(cps, esv1.ReasonProvisioned)
		Expect(cps.Status.ProvisionedNamespaces).To(Equal([]string{b}))
		w.Quietly(func() { w.Reconcile(w.controller, cps) })
	})

	It("pushes under a new name when that under the former one has removed what it pushed", func() {
		settle()
		lab.Edit(w.Lab, pushSecret(a, "app"), func(ps *esv1alpha1.PushSecret) { ps.Finalizers = []string{esv1alpha1.FinalizerPushSecret} })
		lab.Edit(w.Lab, cps, func(c *esv1alpha1.ClusterPushSecret) { c.Spec.PushSecretName = "renamed" })
		_, err := w.Try(w.controller, cps)
		Expect(err).To(HaveOccurred(), "it will be gone soon")
		lab.ExpectNotReady(cps, esv1.ReasonNamespacesFailed, a+`: push secret "app" is being deleted: "renamed" is made when it is gone`)
		Expect(w.Gone(pushSecret(a, "renamed"))).To(BeTrue())
		Expect(child(b, "renamed")).NotTo(BeNil())
		lab.Edit(w.Lab, pushSecret(a, "app"), func(ps *esv1alpha1.PushSecret) { ps.Finalizers = nil })
		w.Reconcile(w.controller, cps)
		lab.ExpectReady(cps, esv1.ReasonProvisioned)
		Expect(child(a, "renamed").Spec).To(Equal(cps.Spec.PushSecretSpec))
		Expect(cps.Status.PushSecretName).To(Equal("renamed"))
	})

	It("leaves alone what is not its own, and serves the other namespaces", func() {
		other := gen.NewPushSecret("app").From("mine").To("mine").All("mine").PushSecret
		other.Namespace = a
		w.Create(other)
		w.Create(cps)
		Expect(w.Reconcile(w.controller, cps)).To(Equal(report.Later(5*time.Minute)), "a change wakes it before that")
		lab.ExpectNotReady(cps, esv1.ReasonNamespacesFailed, "one or more namespaces failed: "+a+": push secret already exists in namespace")
		Expect(cps.Status.FailedNamespaces).To(HaveLen(1))
		Expect(cps.Status.FailedNamespaces[0].Namespace).To(Equal(a))
		Expect(cps.Status.ProvisionedNamespaces).To(Equal([]string{b}))
		Expect(child(a, "app").ResourceVersion).To(Equal(other.ResourceVersion))
		w.ExpectEvent("Warning NamespacesFailed", a)
		w.Quietly(func() { w.Reconcile(w.controller, cps) })
		w.Delete(other)
		w.Reconcile(w.controller, cps)
		lab.ExpectReady(cps, esv1.ReasonProvisioned)
		Expect(cps.Status.FailedNamespaces).To(BeEmpty())
	})

	It("takes no finalizer off namespaces", func() {
		mark := "externalsecrets.external-secrets.io/ces-" + w.Namespace
		marked := w.namespace("marked", mark)
		settle()
		w.Delete(cps)
		w.Reconcile(w.controller, cps)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: marked}}
		Expect(w.Gone(namespace)).To(BeFalse())
		Expect(namespace.Finalizers).To(Equal([]string{mark}))
	})

	It("with a selector that is none names it, and removes nothing", func() {
		settle()
		lab.Edit(w.Lab, cps, func(c *esv1alpha1.ClusterPushSecret) {
			c.Spec.NamespaceSelectors = []metav1.LabelSelector{
				{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: "Is", Values: []string{"red"}}}},
			}
		})
		w.Reconcile(w.controller, cps)
		lab.ExpectNotReady(cps, esv1.ReasonInvalidSelector, "spec.namespaceSelectors[0]", `"Is"`)
		Expect(child(a, "app")).NotTo(BeNil())
	})

	DescribeTable("is refused by the API server",
		func(ctx SpecContext, change func(*esv1alpha1.ClusterPushSecretSpec), says string) {
			change(&cps.Spec)
			Expect(admin.Create(ctx, cps)).To(MatchError(ContainSubstring(says)))
		},
		Entry("with a name that is none", func(s *esv1alpha1.ClusterPushSecretSpec) { s.PushSecretName = "Not A Name" }, "spec.pushSecretName"),
		Entry("without a source", func(s *esv1alpha1.ClusterPushSecretSpec) {
			s.PushSecretSpec.Selector = esv1alpha1.PushSecretSelector{}
		}, "spec.pushSecretSpec.selector"),
		Entry("with a store that is named and selected", func(s *esv1alpha1.ClusterPushSecretSpec) {
			s.PushSecretSpec.SecretStoreRefs[0].LabelSelector = &metav1.LabelSelector{}
		}, "name and labelSelector cannot both be set"),
	)

	DescribeTable("looks again after its refresh time",
		func(written, want time.Duration) {
			made.Every(written)
			w.Create(cps)
			Expect(w.Reconcile(w.controller, cps)).To(Equal(report.Later(want)))
		},
		Entry("as it is written", time.Minute, time.Minute),
		Entry("never", time.Duration(0), time.Duration(0)),
		Entry("a negative one counts as never", -time.Minute, time.Duration(0)),
	)

	It("that does not exist any more is no error, and is measured no more", func() {
		settle()
		Expect(w.measured("clusterpushsecret")).To(Equal(3), "Ready is True, is not False, and how long it took")
		w.Delete(cps)
		w.Quietly(func() { Expect(w.Reconcile(w.controller, cps)).To(BeZero()) })
		Expect(w.measured("clusterpushsecret")).To(BeZero())
	})
})
