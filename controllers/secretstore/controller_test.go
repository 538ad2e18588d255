package secretstore_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/controllers/secretstore"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/report"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A SecretStore", func() {
	var (
		l          *lab.Lab
		controller *secretstore.Controller
		store      *esv1.SecretStore
	)
	BeforeEach(func() {
		l = lab.New(admin)
		controller = secretstore.NewNamespaced(config(l))
		store = gen.SecretStore("main", nil)
	})

	It("is Valid, says what it can do, and is looked at again after the default interval", func() {
		l.Create(store)
		Expect(l.Reconcile(controller, store)).To(Equal(report.Later(lab.StoreInterval)))
		lab.ExpectReady(store, esv1.ReasonStoreValid, "store validated")
		Expect(store.Status.Capabilities).To(Equal(esv1.CapabilityReadWrite))
		l.ExpectEvent("Normal Valid", "store validated")
	})

	It("is checked without a word when nothing has changed", func() {
		l.Create(store)
		l.Reconcile(controller, store)
		version := store.ResourceVersion
		l.Clock.Step(time.Hour)
		l.Quietly(func() { l.Reconcile(controller, store) })
		Expect(store.ResourceVersion).To(Equal(version))
		Expect(l.Memory("main").Calls(providertest.CallCheck)).To(Equal(2))
	})

	It("names the missing right, is tried again, and recovers", func() {
		l.Create(store)
		l.Memory("main").Fail(providertest.CallCheck, fault.New(fault.Denied, `may not "list" secrets`))
		_, err := l.Try(controller, store)
		Expect(err).To(HaveOccurred(), "a right that is granted later cannot be watched, so the store has to be tried again")
		lab.ExpectNotReady(store, esv1.ReasonInvalidProviderConfig, "unable to validate store", `may not "list" secrets`, `SecretStore "main"`)
		l.ExpectEvent("Warning InvalidProviderConfig", `may not "list" secrets`)

		By("saying the same failure only once")
		l.Quietly(func() { _, err = l.Try(controller, store) })
		Expect(err).To(HaveOccurred())

		By("recovering as soon as the right is there")
		l.Memory("main").Fail(providertest.CallCheck, nil)
		l.Reconcile(controller, store)
		lab.ExpectReady(store, esv1.ReasonStoreValid)
	})

	It("is not Ready when it cannot be reached", func() {
		l.Create(store)
		l.Memory("main").Fail(providertest.CallCheck, fault.New(fault.Unavailable, "no route to host"))
		_, err := l.Try(controller, store)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(store, esv1.ReasonInvalidProviderConfig, "no route to host")
		Expect(store.Status.Capabilities).To(Equal(esv1.CapabilityReadWrite), "what it could do is known all the same")
	})

	It("says what it can do also when it cannot be opened", func() {
		store.Spec.RetrySettings = &esv1.SecretStoreRetrySettings{RetryInterval: new("soon")}
		l.Create(store)
		_, err := l.Try(controller, store)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(store, esv1.ReasonInvalidProviderConfig, `spec.retrySettings.retryInterval "soon"`)
		Expect(store.Status.Capabilities).To(Equal(esv1.CapabilityReadWrite))
	})

	It("shows no text of an error that nobody classified", func() {
		l.Create(store)
		l.Memory("main").Intercept(func(string, string) error { return errLeaky })
		_, err := l.Try(controller, store)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(store, esv1.ReasonInvalidProviderConfig, "see the operator's log")
		for _, event := range l.Events() {
			Expect(event).NotTo(ContainSubstring("hunter2"))
		}
		Expect(store.Status.Conditions[0].Message).NotTo(ContainSubstring("hunter2"))
	})

	It("of another controller class is left alone, whatever is wrong with it", func() {
		store.Spec.Controller = "other"
		store.Spec.RefreshInterval = new(intstr.FromString("soon"))
		l.Create(store)
		l.Quietly(func() { Expect(l.Reconcile(controller, store)).To(BeZero()) })
		Expect(store.Status).To(BeZero())
	})

	It("lets go of the finalizer that the reference implementation has left, and is not checked any more", func() {
		store.Finalizers = []string{"secretstore.externalsecrets.io/finalizer"}
		l.Create(store)
		l.Reconcile(controller, store)
		Expect(store.Finalizers).NotTo(BeEmpty(), "before the store is deleted nothing is done about it")
		l.Delete(store)
		l.Reconcile(controller, store)
		Expect(l.Gone(store)).To(BeTrue())
		Expect(l.Memory("main").Calls(providertest.CallCheck)).To(Equal(1))
	})

	It("keeps the finalizers of others", func() {
		store.Finalizers = []string{"example.com/theirs"}
		l.Create(store)
		l.Delete(store)
		l.Quietly(func() { l.Reconcile(controller, store) })
		Expect(store.Finalizers).To(ConsistOf("example.com/theirs"))
		lab.Edit(l, store, func(s *esv1.SecretStore) { s.Finalizers = nil })
	})

	It("that does not exist any more is no error", func() {
		l.Create(store)
		l.Delete(store)
		l.Quietly(func() { Expect(l.Reconcile(controller, store)).To(BeZero()) })
	})

	DescribeTable("is checked at the interval that it names",
		func(written intstr.IntOrString, want time.Duration) {
			store.Spec.RefreshInterval = &written
			l.Create(store)
			Expect(l.Reconcile(controller, store).RequeueAfter).To(Equal(want))
		},
		Entry("seconds", intstr.FromInt32(30), 30*time.Second),
		Entry("a duration", intstr.FromString("2m"), 2*time.Minute),
		Entry("zero means the default", intstr.FromInt32(0), lab.StoreInterval),
		Entry("zero as a duration too", intstr.FromString("0s"), lab.StoreInterval),
	)

	DescribeTable("is not Ready with an interval that is none",
		func(written intstr.IntOrString) {
			store.Spec.RefreshInterval = &written
			l.Create(store)
			_, err := l.Try(controller, store)
			Expect(err).To(HaveOccurred())
			lab.ExpectNotReady(store, esv1.ReasonInvalidProviderConfig, "spec.refreshInterval", written.String())
		},
		Entry("no unit", intstr.FromString("5 apples")),
		Entry("negative seconds", intstr.FromInt32(-1)),
		Entry("a negative duration", intstr.FromString("-5m")),
	)
})

var _ = Describe("A ClusterSecretStore", func() {
	It("whose credentials are in the namespace of its users is taken to be usable", func() {
		l := lab.New(admin)
		store := gen.ClusterSecretStore(l.Namespace, nil) // cluster-wide, so named like the test's namespace
		l.Create(store)
		DeferCleanup(func() { l.Delete(store) })
		memory := l.Memories.Store(providers.Store{Kind: esv1.KindClusterSecretStore, Name: store.Name})
		memory.Fail(providertest.CallCheck, providers.ErrNeedsConsumer)
		l.Reconcile(secretstore.NewCluster(config(l)), store)
		lab.ExpectReady(store, esv1.ReasonStoreValid)
		Expect(store.Status.Capabilities).To(Equal(esv1.CapabilityReadWrite))
	})

	DescribeTable("with a condition that cannot be read is not Ready, and says which",
		func(condition esv1.ClusterSecretStoreCondition, text string) {
			l := lab.New(admin)
			store := gen.ClusterSecretStore(l.Namespace, nil)
			store.Spec.Conditions = []esv1.ClusterSecretStoreCondition{{Namespaces: []string{"any"}}, condition}
			l.Create(store)
			DeferCleanup(func() { l.Delete(store) })
			_, err := l.Try(secretstore.NewCluster(config(l)), store)
			Expect(err).To(HaveOccurred())
			lab.ExpectNotReady(store, esv1.ReasonInvalidProviderConfig, "ClusterSecretStore", "spec.conditions[1]."+text)
		},
		Entry("a regular expression", esv1.ClusterSecretStoreCondition{NamespaceRegexes: []string{"^a$", "a("}},
			`namespaceRegexes[1] "a(" is not a regular expression`),
		Entry("a selector", esv1.ClusterSecretStoreCondition{NamespaceSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Equals", Values: []string{"b"}}},
		}}, "namespaceSelector is not a label selector"),
	)

	It("is refused by the API server with a provider that it does not know", func(ctx SpecContext) {
		l := lab.New(admin)
		store := gen.ClusterSecretStore(l.Namespace, nil)
		store.Spec.Provider = &esv1.SecretStoreProvider{}
		Expect(admin.Create(ctx, store)).To(MatchError(ContainSubstring("spec.provider")))
	})

	It("with two providers is refused by the API server", func(ctx SpecContext) {
		l := lab.New(admin)
		store := gen.ClusterSecretStore(l.Namespace, nil)
		token := metametav1.SecretKeySelector{Name: "token"}
		store.Spec.Provider.Kubernetes = &esv1.KubernetesProvider{
			Auth: &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{BearerToken: token}},
		}
		Expect(admin.Create(ctx, store)).To(MatchError(ContainSubstring("spec.provider")))
	})
})
