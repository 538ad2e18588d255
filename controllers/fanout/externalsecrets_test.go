package fanout_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/fanout"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A ClusterExternalSecret", func() {
	var (
		w    *world
		made gen.ClusterExternalSecret
		ces  *esv1.ClusterExternalSecret
		a, b string
	)
	BeforeEach(func() {
		w = newWorld(fanout.NewExternalSecrets)
		a, b = w.namespace("a"), w.namespace("b")
		one := gen.NewExternalSecret("").Store("store").Data("password", "db", "").Template("url", "db://{{ .password }}").Every(time.Minute)
		made = gen.NewClusterExternalSecret(w.Namespace, one).Labelled("group", w.Namespace).Child("app")
		ces = made.ClusterExternalSecret
	})
	// settle creates the object and lets the controller work on it once.
	settle := func() {
		GinkgoHelper()
		w.Create(ces)
		w.Reconcile(w.controller, ces)
		w.Events()
	}

	It("gives every namespace an ExternalSecret of its own, and says so", func() {
		made.Label("team", "red").Spec.ExternalSecretMetadata.Annotations = map[string]string{"note": "made"}
		w.Create(ces)
		Expect(w.Reconcile(w.controller, ces)).To(Equal(report.Later(time.Hour)))
		for _, namespace := range []string{a, b} {
			es := w.child(namespace, "app")
			Expect(es.Spec).To(Equal(ces.Spec.ExternalSecretSpec))
			Expect(es.Labels).To(Equal(map[string]string{"team": "red"}))
			Expect(es.Annotations).To(Equal(map[string]string{"note": "made"}))
			Expect(es.Finalizers).To(BeEmpty())
			Expect(es.OwnerReferences).To(Equal([]metav1.OwnerReference{
				*metav1.NewControllerRef(ces, esv1.GroupVersion().WithKind(esv1.KindClusterExternalSecret)),
			}))
		}
		lab.ExpectReady(ces, esv1.ReasonProvisioned, `"app"`)
		Expect(ces.Status.ExternalSecretName).To(Equal("app"))
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{a, b}))
		Expect(ces.Status.FailedNamespaces).To(BeEmpty())
		Expect(ces.Finalizers).To(BeEmpty())
		w.ExpectEvent("Normal Provisioned")
	})

	It("names them like itself where it says nothing else", func() {
		ces.Spec.ExternalSecretName = ""
		settle()
		Expect(w.child(a, w.Namespace).Spec).To(Equal(ces.Spec.ExternalSecretSpec))
		Expect(ces.Status.ExternalSecretName).To(Equal(w.Namespace))
	})

	It("puts no finalizer on namespaces", func() {
		settle()
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a}}
		Expect(w.Gone(namespace)).To(BeFalse())
		Expect(namespace.Finalizers).To(BeEmpty())
	})

	It("is Ready when no namespace is selected, and when a name leads nowhere", func() {
		ces.Spec.NamespaceSelectors = nil
		made.In("does-not-exist", b)
		settle()
		lab.ExpectReady(ces, esv1.ReasonProvisioned, "does-not-exist")
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{b}))
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Spec.Namespaces = nil })
		w.Reconcile(w.controller, ces)
		lab.ExpectReady(ces, esv1.ReasonProvisioned, "no namespace is selected")
		Expect(ces.Status.ProvisionedNamespaces).To(BeEmpty())
		Expect(w.Gone(at(b, "app"))).To(BeTrue())
	})

	It("writes nothing and says nothing while nothing changes", func() {
		settle()
		version := ces.ResourceVersion
		w.Clock.Step(time.Hour)
		w.Quietly(func() { w.Reconcile(w.controller, ces) })
		Expect(ces.ResourceVersion).To(Equal(version))
	})

	DescribeTable("heals an ExternalSecret that somebody edits, by one write or two, and is quiet after it",
		func(edit func(*esv1.ExternalSecret)) {
			made.Label("team", "red")
			settle()
			version := w.child(b, "app").ResourceVersion
			lab.Edit(w.Lab, at(a, "app"), edit)
			w.Reconcile(w.controller, ces)
			es := w.child(a, "app")
			Expect(es.Spec).To(Equal(ces.Spec.ExternalSecretSpec))
			Expect(es.Labels).To(HaveKeyWithValue("team", "red"))
			Expect(w.child(b, "app").ResourceVersion).To(Equal(version), "the other one is not touched")
			w.Quietly(func() { w.Reconcile(w.controller, ces) })
		},
		Entry("a field", func(es *esv1.ExternalSecret) { es.Spec.SecretStoreRef.Name = "another" }),
		Entry("a field that was not there", func(es *esv1.ExternalSecret) { es.Spec.RefreshPolicy = esv1.RefreshCreatedOnce }),
		Entry("a field that is gone", func(es *esv1.ExternalSecret) { es.Spec.RefreshInterval = nil }),
		Entry("one more entry of a list", func(es *esv1.ExternalSecret) {
			es.Spec.Data = append(es.Spec.Data, esv1.ExternalSecretData{SecretKey: "x", RemoteRef: esv1.ExternalSecretDataRemoteRef{Key: "y"}})
		}),
		Entry("one more key of a template", func(es *esv1.ExternalSecret) { es.Spec.Target.Template.Data["more"] = "x" }),
		Entry("a label", func(es *esv1.ExternalSecret) { es.Labels["team"] = "blue" }),
		Entry("a label that is gone", func(es *esv1.ExternalSecret) { es.Labels = nil }),
	)

	It("leaves labels and annotations of others alone", func() {
		made.Label("team", "red")
		settle()
		w.Label(at(a, "app"), "more", "x")
		w.Annotate(at(a, "app"), "force-sync", "1")
		w.Quietly(func() { w.Reconcile(w.controller, ces) })
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Spec.ExternalSecretMetadata.Labels["team"] = "blue" })
		w.Reconcile(w.controller, ces)
		es := w.child(a, "app")
		Expect(es.Labels).To(Equal(map[string]string{"team": "blue", "more": "x"}))
		Expect(es.Annotations).To(Equal(map[string]string{"force-sync": "1"}))
	})

	It("passes changes of its spec on, also of what it asks for no more", func() {
		made.Label("team", "red").Spec.ExternalSecretMetadata.Annotations = map[string]string{"note": "made"}
		settle()
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) {
			c.Spec.ExternalSecretMetadata = esv1.ChildMetadata{}
			c.Spec.ExternalSecretSpec.Target = esv1.ExternalSecretTarget{}
			c.Spec.ExternalSecretSpec.SecretStoreRef.Name = "another"
		})
		w.Reconcile(w.controller, ces)
		es := w.child(a, "app")
		Expect(es.Spec).To(Equal(ces.Spec.ExternalSecretSpec))
		Expect(es.Labels).To(BeEmpty())
		Expect(es.Annotations).To(BeEmpty())
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
	})

	DescribeTable("mirrors the request to refresh, and takes it back",
		func(key string) {
			settle()
			w.Annotate(ces, key, "1")
			w.Reconcile(w.controller, ces)
			Expect(w.child(b, "app").Annotations).To(Equal(map[string]string{key: "1"}))
			lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Annotations = nil })
			w.Reconcile(w.controller, ces)
			Expect(w.child(b, "app").Annotations).To(BeEmpty())
		},
		Entry(nil, "external-secrets.io/force-sync"), Entry(nil, "force-sync"),
	)

	It("takes the ExternalSecret from a namespace that is not selected any more", func() {
		settle()
		w.leave(a)
		w.Reconcile(w.controller, ces)
		Expect(w.Gone(at(a, "app"))).To(BeTrue())
		Expect(w.child(b, "app")).NotTo(BeNil())
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{b}))
	})

	It("takes them away also when it has lost its status", func() {
		settle()
		w.leave(a)
		lab.EditStatus(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Status = esv1.ClusterExternalSecretStatus{} })
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Spec.ExternalSecretName = "renamed" })
		w.Reconcile(w.controller, ces)
		Expect(w.Gone(at(a, "app"))).To(BeTrue())
		Expect(w.Gone(at(b, "app"))).To(BeTrue())
		Expect(w.child(b, "renamed")).NotTo(BeNil())
	})

	It("renames them", func() {
		settle()
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Spec.ExternalSecretName = "renamed" })
		w.Reconcile(w.controller, ces)
		for _, namespace := range []string{a, b} {
			Expect(w.Gone(at(namespace, "app"))).To(BeTrue())
			Expect(w.child(namespace, "renamed").Spec).To(Equal(ces.Spec.ExternalSecretSpec))
		}
		Expect(ces.Status.ExternalSecretName).To(Equal("renamed"))
	})

	It("has no second one under the new name while the first is not gone, and is not stalled by that", func() {
		settle()
		lab.Edit(w.Lab, at(a, "app"), func(es *esv1.ExternalSecret) { es.Finalizers = []string{"example.com/first"} })
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Spec.ExternalSecretName = "renamed" })
		_, err := w.Try(w.controller, ces)
		Expect(err).To(HaveOccurred(), "it will be gone soon")
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, a+`: external secret "app" is being deleted: "renamed" is made when it is gone`)
		Expect(meta.FindStatusCondition(ces.Status.Conditions, esv1.ConditionStalled)).To(BeNil())
		Expect(w.child(a, "app").DeletionTimestamp).NotTo(BeNil())
		Expect(w.Gone(at(a, "renamed"))).To(BeTrue())
		Expect(w.child(b, "renamed")).NotTo(BeNil(), "the other namespace does not wait")

		lab.Edit(w.Lab, at(a, "app"), func(es *esv1.ExternalSecret) { es.Finalizers = nil })
		w.Reconcile(w.controller, ces)
		Expect(w.child(a, "renamed")).NotTo(BeNil())
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
	})

	It("has no second one under the new name while the first cannot be deleted", func() {
		settle()
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) { c.Spec.ExternalSecretName = "renamed" })
		w.Refuse(func(verb string, o client.Object) error {
			if verb == lab.VerbDelete && o.GetNamespace() == a {
				return apierrors.NewForbidden(esv1.GroupVersion().WithResource("externalsecrets").GroupResource(), o.GetName(), nil)
			}
			return nil
		})
		_, err := w.Try(w.controller, ces)
		Expect(err).To(HaveOccurred(), "the right may be granted at any time")
		Expect(w.Gone(at(a, "renamed"))).To(BeTrue())
		Expect(w.child(b, "renamed")).NotTo(BeNil())
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, a+`: the operator may not delete external secret "app"`,
			`grant it the verb "delete" on externalsecrets there`)
	})

	It("leaves alone what is not its own, serves the other namespaces, and recovers when the place is free", func() {
		other := gen.NewExternalSecret("app").Store("mine").Data("x", "y", "").ExternalSecret
		other.Namespace = a
		w.Create(other)
		w.Create(ces)
		Expect(w.Reconcile(w.controller, ces)).To(Equal(report.Later(5*time.Minute)), "a change wakes it before that")
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, "one or more namespaces failed: "+a+": external secret already exists in namespace")
		Expect(ces.Status.FailedNamespaces).To(HaveLen(1))
		Expect(ces.Status.FailedNamespaces[0].Namespace).To(Equal(a))
		Expect(ces.Status.FailedNamespaces[0].Reason).To(HavePrefix("external secret already exists in namespace"))
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{b}))
		Expect(w.child(a, "app").ResourceVersion).To(Equal(other.ResourceVersion))
		w.ExpectEvent("Warning NamespacesFailed", a)
		w.Quietly(func() { w.Reconcile(w.controller, ces) })

		w.Delete(other)
		w.Reconcile(w.controller, ces)
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
		Expect(ces.Status.FailedNamespaces).To(BeEmpty())
		Expect(w.child(a, "app").Spec).To(Equal(ces.Spec.ExternalSecretSpec))
	})

	It("does not take over what appears at the moment of writing", func() {
		w.Create(ces)
		other := gen.NewExternalSecret("app").Store("mine").Data("password", "db", "").ExternalSecret
		other.Namespace = a
		w.Refuse(func(verb string, _ client.Object) error {
			if verb == lab.VerbApply && w.Gone(at(a, "app")) {
				w.Create(other)
			}
			return nil
		})
		_, err := w.Try(w.controller, ces)
		Expect(err).To(HaveOccurred())
		Expect(ces.Status.Conditions).To(BeEmpty(), "the next look tells what to make of it")
		Expect(w.child(a, "app").ResourceVersion).To(Equal(other.ResourceVersion))
		Expect(w.child(b, "app")).NotTo(BeNil())
		w.Reconcile(w.controller, ces)
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, "was not made by this ClusterExternalSecret")
	})

	It("does not take over what replaces its own at the moment of writing", func() {
		settle()
		lab.Edit(w.Lab, at(a, "app"), func(es *esv1.ExternalSecret) { es.Spec.SecretStoreRef.Name = "another" })
		other := gen.NewExternalSecret("app").Store("mine").Data("password", "db", "").ExternalSecret
		other.Namespace = a
		w.Refuse(func(verb string, _ client.Object) error {
			if verb == lab.VerbApply && other.UID == "" {
				w.Delete(at(a, "app"))
				w.Create(other)
			}
			return nil
		})
		_, _ = w.Try(w.controller, ces) // whether that asks for a retry is the API server's choice of words
		Expect(w.child(a, "app").ResourceVersion).To(Equal(other.ResourceVersion))
		w.Reconcile(w.controller, ces)
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed, "was not made by this ClusterExternalSecret")
	})

	It("skips a namespace that is being deleted, without a word", func() {
		settle()
		w.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a}})
		w.Reconcile(w.controller, ces)
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{b}))
		Expect(w.Events()).To(BeEmpty())
	})

	It("skips one whose deletion begins at the moment of writing", func() {
		w.Create(ces)
		w.Refuse(func(verb string, _ client.Object) error {
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a}}
			if verb == lab.VerbApply && !w.Gone(namespace) && namespace.DeletionTimestamp.IsZero() {
				w.Delete(namespace)
			}
			return nil
		})
		w.Reconcile(w.controller, ces)
		lab.ExpectReady(ces, esv1.ReasonProvisioned)
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{b}))
	})

	It("says what the API server does not take", func() {
		made.Label("team", "not a label")
		w.Create(ces)
		w.Reconcile(w.controller, ces)
		lab.ExpectNotReady(ces, esv1.ReasonNamespacesFailed,
			a+`: the API server refuses external secret "app" in namespace "`+a+`": metadata.labels`, b+": ")
	})

	It("with a selector that is none names it, and removes nothing", func() {
		settle()
		lab.Edit(w.Lab, ces, func(c *esv1.ClusterExternalSecret) {
			c.Spec.NamespaceSelectors = append(c.Spec.NamespaceSelectors, metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: "Is", Values: []string{"red"}}},
			})
		})
		w.Reconcile(w.controller, ces)
		lab.ExpectNotReady(ces, esv1.ReasonInvalidSelector, "spec.namespaceSelectors[1]", `"Is"`)
		w.ExpectEvent("Warning InvalidSelector", "spec.namespaceSelectors[1]")
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{a, b}))
		Expect(w.child(a, "app")).NotTo(BeNil())
	})

	DescribeTable("is refused by the API server",
		func(ctx SpecContext, change func(*esv1.ClusterExternalSecret), says string) {
			change(ces)
			Expect(admin.Create(ctx, ces)).To(MatchError(ContainSubstring(says)))
		},
		Entry("with a name that is none", func(c *esv1.ClusterExternalSecret) { c.Spec.ExternalSecretName = "Not A Name" }, "spec.externalSecretName"),
		Entry("with a namespace that is none", func(c *esv1.ClusterExternalSecret) { c.Spec.Namespaces = []string{"a/b"} }, "spec.namespaces[0]"),
	)

	DescribeTable("looks again after its refresh time",
		func(written, want time.Duration) {
			made.Every(written)
			w.Create(ces)
			Expect(w.Reconcile(w.controller, ces)).To(Equal(report.Later(want)))
		},
		Entry("as it is written", time.Minute, time.Minute),
		Entry("never", time.Duration(0), time.Duration(0)),
		Entry("a negative one counts as never", -time.Minute, time.Duration(0)),
	)

	It("that does not exist any more is no error, and is measured no more", func() {
		settle()
		Expect(w.measured("clusterexternalsecret")).To(Equal(3), "Ready is True, is not False, and how long it took")
		w.Delete(ces)
		w.Quietly(func() { Expect(w.Reconcile(w.controller, ces)).To(BeZero()) })
		Expect(w.measured("clusterexternalsecret")).To(BeZero())
	})
})
