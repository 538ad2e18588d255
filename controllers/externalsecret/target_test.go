package externalsecret_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A target", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	existing := map[string]string{"user": "old", "theirs": "x"}
	both := map[string]string{"user": "admin", "password": "s3cret", "theirs": "x"}

	DescribeTable("that existed before, by creationPolicy",
		func(policy esv1.ExternalSecretCreationPolicy, want map[string]string, owned bool) {
			w.Create(gen.Secret("app", existing))
			es := fromStore("app").Creation(policy).ExternalSecret
			w.sync(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			secret := w.ExpectSecret("app", want)
			Expect(metav1.IsControlledBy(secret, es)).To(Equal(owned))
			w.expectSettled(es)
		},
		Entry("Owner makes it its own", esv1.CreateOwner, credentials, true),
		Entry("Orphan makes it equal", esv1.CreateOrphan, credentials, false),
		Entry("Merge adds keys", esv1.CreateMerge, both, false),
		Entry("CreateOrMerge adds keys", esv1.CreateOrMerge, both, false),
		Entry("None leaves it", esv1.CreateNone, existing, false),
	)

	DescribeTable("that did not exist, by creationPolicy",
		func(policy esv1.ExternalSecretCreationPolicy, reason string, owned bool) {
			es := fromStore("app").Creation(policy).ExternalSecret
			w.sync(es)
			lab.ExpectReady(es, reason)
			if policy == esv1.CreateMerge || policy == esv1.CreateNone {
				w.ExpectNoSecret("app")
				Expect(es.Status.Binding.Name).To(BeEmpty(), "there is nothing to bind to")
			} else {
				Expect(es.Status.Binding.Name).To(Equal("app"))
				Expect(metav1.IsControlledBy(w.ExpectSecret("app", credentials), es)).To(Equal(owned))
			}
			w.expectSettled(es)
		},
		Entry("Owner", esv1.CreateOwner, esv1.ReasonSecretSynced, true),
		Entry("Orphan", esv1.CreateOrphan, esv1.ReasonSecretSynced, false),
		Entry("Merge", esv1.CreateMerge, esv1.ReasonSecretMissing, false),
		Entry("CreateOrMerge", esv1.CreateOrMerge, esv1.ReasonSecretSynced, false),
		Entry("None", esv1.CreateNone, esv1.ReasonSecretSynced, false),
	)

	It("that Merge waits for gets its keys as soon as it is there", func() {
		es := fromStore("app").Creation(esv1.CreateMerge).ExternalSecret
		w.sync(es)
		lab.ExpectReady(es, esv1.ReasonSecretMissing, `"app" does not exist`)
		w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"user": "admin", "password": "s3cret", "theirs": "x"})
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	})

	It("that Merge waits for is looked for at each interval, without a write for each", func() {
		es := fromStore("app").Creation(esv1.CreateMerge).Every(10 * time.Second).ExternalSecret
		w.sync(es)
		w.Clock.Step(11 * time.Second)
		w.expectSettled(es)
		w.Clock.Step(time.Minute)
		w.reconcile(es)
		Expect(es.Status.RefreshTime.Time).To(BeTemporally("==", w.Clock.Now()))
	})

	It("loses under Merge the keys that are not wanted any more, and no others", func() {
		w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
		es := fromStore("app").Creation(esv1.CreateMerge).ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Data = es.Spec.Data[:1] })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"user": "admin", "theirs": "x"})
	})

	It("is taken over with an event that names the keys that went", func() {
		w.Create(gen.Secret("app", map[string]string{"user": "old", "theirs": "x", "more": "y"}))
		w.sync(fromStore("app").ExternalSecret)
		w.ExpectEvent("Warning Adopted", `"app"`, "more, theirs")
	})

	DescribeTable("that somebody else controls is refused, and left as it is",
		func(owner metav1.OwnerReference, creation esv1.ExternalSecretCreationPolicy, texts ...any) {
			w.Create(gen.Secret("app", existing))
			owner.UID, owner.Controller = "1", new(true)
			lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.OwnerReferences = []metav1.OwnerReference{owner} })
			es := fromStore("app").Creation(creation).Every(time.Hour).ExternalSecret
			w.Create(es)
			Expect(w.Reconcile(w.controller, es).RequeueAfter).To(BeNumerically(">=", time.Minute), "only a change helps")
			w.ExpectSecret("app", existing)
			for _, text := range texts {
				lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, text.(string))
			}
			w.ExpectEvent("Warning UpdateFailed")
			w.expectSettled(es)
		},
		Entry("a Deployment", metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, esv1.CreateOwner,
			`secret "app"`, `Deployment "web"`),
		Entry("a Deployment, without ownership", metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			esv1.CreateOrphan, `Deployment "web"`),
		Entry("an ExternalSecret", metav1.OwnerReference{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Name: "first"},
			esv1.CreateOwner, "owned by another ExternalSecret", "first"),
	)

	It("of two ExternalSecrets belongs to the first, and the second says so", func() {
		first, second := fromStore("first").Target("app").ExternalSecret, fromStore("second").Target("app").ExternalSecret
		w.sync(first)
		w.sync(second)
		lab.ExpectReady(first, esv1.ReasonSecretSynced)
		lab.ExpectNotReady(second, esv1.ReasonSecretSyncedError, "target is owned by another ExternalSecret", "first")
		w.expectSettled(first)
		w.expectSettled(second)

		By("going to the second once the first has let it go")
		w.Delete(first)
		w.Delete(w.Secret("app")) // as the garbage collector does
		w.reconcile(second)
		lab.ExpectReady(second, esv1.ReasonSecretSynced)
	})

	It("is shared by ExternalSecrets that merge into it", func() {
		w.seed("other", map[string]string{"token": "t0ken"})
		owner := fromStore("owner").Target("app").Creation(esv1.CreateOrMerge).ExternalSecret
		guest := gen.NewExternalSecret("guest").Store("main").Data("token", "other", "token").Target("app").
			Creation(esv1.CreateMerge).ExternalSecret
		w.sync(owner)
		w.sync(guest)
		all := map[string]string{"user": "admin", "password": "s3cret", "token": "t0ken"}
		w.ExpectSecret("app", all)
		for range 2 {
			w.expectSettled(owner)
			w.expectSettled(guest)
		}
		w.Clock.Step(2 * time.Hour)
		w.seed("db", renewed)
		w.reconcile(owner)
		w.reconcile(guest)
		w.ExpectSecret("app", map[string]string{"user": "admin", "password": "n3w", "token": "t0ken"})
	})

	It("moves when it is renamed", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		w.Events()
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "moved" })
		w.reconcile(es)
		w.ExpectSecret("moved", credentials)
		w.ExpectNoSecret("app")
		Expect(es.Status.Binding.Name).To(Equal("moved"))
		Expect(w.Events()).To(ConsistOf("Normal Created secret created", "Normal Deleted secret deleted because it was orphaned"))
		w.expectSettled(es)
	})

	It("stays under its old name when it is nobody's", func() {
		es := fromStore("app").Creation(esv1.CreateOrphan).ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "moved" })
		w.reconcile(es)
		w.ExpectSecret("moved", credentials)
		w.ExpectSecret("app", credentials)
	})

	It("that is immutable is not changed, and says how to mend that", func() {
		es := fromStore("app").Immutable().Every(time.Hour).ExternalSecret
		w.sync(es)
		Expect(w.Secret("app").Immutable).To(HaveValue(BeTrue()))
		w.expectSettled(es)
		w.seed("db", renewed)
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "target is immutable", `secret "app"`)
		w.ExpectSecret("app", credentials)

		By("making it anew once it is deleted")
		w.Delete(w.Secret("app"))
		w.reconcile(es)
		w.ExpectSecret("app", renewed)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	})

	It("becomes immutable when that is asked for later", func() {
		es := fromStore("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Immutable = true })
		w.reconcile(es)
		Expect(w.Secret("app").Immutable).To(HaveValue(BeTrue()))
		w.expectSettled(es)
	})

	It("of another type is refused, with both types named", func() {
		w.Create(gen.Secret("app", existing))
		es := fromStore("app").Template("a", "b").ExternalSecret
		es.Spec.Target.Template.Type = corev1.SecretTypeBasicAuth
		w.sync(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `secret "app"`, string(corev1.SecretTypeOpaque), string(corev1.SecretTypeBasicAuth))
		w.ExpectSecret("app", existing)
	})

	DescribeTable("that would be a credential of the cluster itself is refused",
		func(kind corev1.SecretType, annotation, text string) {
			es := fromStore("app").Template("a", "b").ExternalSecret
			es.Spec.Target.Template.Type = kind
			if annotation != "" {
				es.Spec.Target.Template.Metadata.Annotations = map[string]string{annotation: "default"}
			}
			w.sync(es)
			lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, text)
			w.ExpectNoSecret("app")
		},
		Entry("a ServiceAccount token", corev1.SecretTypeServiceAccountToken, "", "kubernetes.io/service-account-token is refused"),
		Entry("a bootstrap token", corev1.SecretTypeBootstrapToken, "", "bootstrap.kubernetes.io/token is refused"),
		Entry("bound to a ServiceAccount", corev1.SecretTypeOpaque, "kubernetes.io/service-account.name",
			"kubernetes.io/service-account.* is refused"),
	)

	It("has the object's labels and annotations, but none of the tools that applied it", func() {
		es := fromStore("app").Label("team", "a").Annotate("note", "n").
			Label("argocd.argoproj.io/instance", "x").Annotate("argocd.argoproj.io/tracking-id", "x").
			Annotate("meta.helm.sh/release-name", "x").Label("helm.toolkit.fluxcd.io/name", "x").
			Label("kustomize.toolkit.fluxcd.io/name", "x").
			Annotate("kubectl.kubernetes.io/last-applied-configuration", "{}").ExternalSecret
		w.sync(es)
		secret := w.Secret("app")
		delete(secret.Labels, esv1.LabelManaged)
		delete(secret.Labels, esv1.LabelCreatedBy)
		delete(secret.Annotations, esv1.AnnotationDataHash)
		Expect(secret.Labels).To(Equal(map[string]string{"team": "a"}))
		Expect(secret.Annotations).To(Equal(map[string]string{"note": "n"}))
	})

	DescribeTable("that the reference implementation has written loses what is not wanted any more",
		func(policy esv1.ExternalSecretCreationPolicy, want map[string]string) {
			w.Create(gen.Secret("app", map[string]string{"theirs": "x"}))
			// It writes by updates, under the field manager that is used here for applies.
			before := w.Secret("app")
			before.Data["user"], before.Data["stale"] = []byte("old"), []byte("old")
			before.Labels = map[string]string{esv1.LabelManaged: "true", "stale": "x", "team": "old"}
			before.Annotations = map[string]string{esv1.AnnotationDataHash: "0123abcd"}
			Expect(w.Client.Update(context.Background(), before, client.FieldOwner(apply.FieldManager("app")))).To(Succeed())
			es := fromStore("app").Creation(policy).Label("team", "a").ExternalSecret
			w.sync(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			secret := w.ExpectSecret("app", want)
			Expect(secret.Labels).To(And(HaveKeyWithValue("team", "a"), Not(HaveKey("stale"))))
			for _, entry := range secret.ManagedFields {
				Expect(entry.Manager == apply.FieldManager("app") && entry.Operation == metav1.ManagedFieldsOperationUpdate).To(BeFalse())
			}
			w.expectSettled(es)
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Data = es.Spec.Data[:1] })
			w.reconcile(es)
			Expect(w.Secret("app").Data).NotTo(HaveKey("password"))
		},
		Entry("Owner", esv1.CreateOwner, credentials),
		Entry("Merge", esv1.CreateMerge, both),
		Entry("CreateOrMerge", esv1.CreateOrMerge, both),
	)

	DescribeTable("that the reference implementation has written keeps its generated values",
		func(policy esv1.ExternalSecretCreationPolicy, refresh esv1.ExternalSecretRefreshPolicy, template string) {
			before := gen.Secret("app", map[string]string{"password": "old"})
			before.Namespace = w.Namespace
			before.Labels = map[string]string{esv1.LabelManaged: "true"}
			before.Annotations = map[string]string{esv1.AnnotationDataHash: "0123abcd"}
			Expect(w.Client.Create(context.Background(), before, client.FieldOwner(apply.FieldManager("app")))).To(Succeed())
			es := generated("app").Creation(policy).Policy(refresh).ExternalSecret
			if template != "" {
				gen.ExternalSecret{ExternalSecret: es}.Template("password", template)
			}
			w.Create(es)
			lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Status.SyncedResourceVersion, es.Status.RefreshTime = "1-0123abcd", &metav1.Time{Time: w.Clock.Now()}
			})
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": "old"})
			Expect(w.Generator.Minted()).To(BeZero())
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
			w.expectSettled(es)
		},
		Entry("Owner", esv1.CreateOwner, esv1.RefreshPeriodic, ""),
		Entry("Owner, once", esv1.CreateOwner, esv1.RefreshCreatedOnce, ""),
		Entry("Owner, used up", esv1.CreateOwner, esv1.RefreshPeriodic, "app:{{ .password }}"),
		Entry("Orphan", esv1.CreateOrphan, esv1.RefreshPeriodic, ""),
		Entry("Merge", esv1.CreateMerge, esv1.RefreshPeriodic, ""),
		Entry("CreateOrMerge, once", esv1.CreateOrMerge, esv1.RefreshCreatedOnce, ""),
	)

	It("goes with its ExternalSecret by owner reference alone, and the reference implementation's finalizer is let go", func() {
		es := fromStore("app").ExternalSecret
		es.Finalizers = []string{"externalsecrets.external-secrets.io/externalsecret-cleanup"}
		w.sync(es)
		w.Delete(es)
		w.reconcile(es)
		Expect(w.Gone(es)).To(BeTrue())
		w.ExpectSecret("app", credentials) // there is no garbage collector here
	})
})
