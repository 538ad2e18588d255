package externalsecret_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A generated value with a written interval", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	DescribeTable("stays until that has passed, after", func(happens func(*esv1.ExternalSecret)) {
		es := generated("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		w.Clock.Step(30 * time.Minute)
		happens(es)
		for range 2 {
			w.reconcile(es)
		}
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		Expect(w.password(es.TargetName())).To(Equal("pw-1"))
		Expect(w.Generator.Minted()).To(Equal(1))
		w.expectSettled(es)
	},
		Entry("a label", func(es *esv1.ExternalSecret) { w.Label(es, "team", "b") }),
		Entry("an annotation", func(es *esv1.ExternalSecret) { w.Annotate(es, "argocd.argoproj.io/tracking-id", "x") }),
		Entry("a restart", func(*esv1.ExternalSecret) { w.restart() }),
		Entry("the loss of the status and a restart", func(es *esv1.ExternalSecret) {
			lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
			w.restart()
		}),
		Entry("a longer interval", func(es *esv1.ExternalSecret) {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.RefreshInterval = &metav1.Duration{Duration: 2 * time.Hour} })
		}),
		Entry("an edit of the template", func(es *esv1.ExternalSecret) {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: map[string]string{"password": "{{ .password }}", "more": "x"}}
			})
		}),
		Entry("an edit of the generator", func(*esv1.ExternalSecret) {
			lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["password"] = "edited" })
		}),
		Entry("another name of the target", func(es *esv1.ExternalSecret) {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "moved" })
		}),
		Entry("a foreign key in the target", func(*esv1.ExternalSecret) {
			lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["extra"] = []byte("x") })
		}),
		Entry("the removal of a request that was carried out", func(es *esv1.ExternalSecret) {
			lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status.LastHandledForceSync = "1" })
			w.restart()
		}),
	)
})

var _ = Describe("A request in two spellings", func() {
	It("is heard in each, and taking one away is none", func() {
		w := newWorld()
		es := generated("app").Annotate(esv1.AnnotationForceSync, "old").Annotate(esv1.AnnotationForceSyncShort, "older").ExternalSecret
		w.sync(es)
		Expect(w.password("app")).To(Equal("pw-1"))
		w.Annotate(es, esv1.AnnotationForceSyncShort, "1")
		w.reconcile(es)
		Expect(w.password("app")).To(Equal("pw-2"))
		w.Annotate(es, esv1.AnnotationForceSync, "1")
		w.reconcile(es)
		Expect(w.password("app")).To(Equal("pw-3"))
		w.Annotate(es, esv1.AnnotationForceSyncShort, "2")
		w.reconcile(es)
		Expect(w.password("app")).To(Equal("pw-4"))
		for _, annotation := range []string{esv1.AnnotationForceSync, esv1.AnnotationForceSyncShort} {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { delete(es.Annotations, annotation) })
			w.restart()
			w.reconcile(es)
			Expect(w.password("app")).To(Equal("pw-4"))
		}
		w.expectSettled(es)
	})
})

var _ = Describe("A target that is there before an object that is delivered once", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
	})

	once := map[string]func(gen.ExternalSecret) gen.ExternalSecret{
		"CreatedOnce": func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) },
		"CreatedOnce and an interval": func(es gen.ExternalSecret) gen.ExternalSecret {
			return es.Policy(esv1.RefreshCreatedOnce).Every(time.Hour)
		},
		"interval 0": func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) },
	}
	for policy, under := range once {
		It("is taken as it is under "+policy+" when it holds every key", func() {
			w.Create(gen.Secret("app", map[string]string{"password": "old", "token": "old too"}))
			es := under(generated("app")).ExternalSecret
			w.sync(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			w.ExpectSecret("app", map[string]string{"password": "old", "token": "old too"})
			Expect(w.Generator.Minted()).To(BeZero())
			w.expectSettled(es)
		})

		It("gets under "+policy+" what is missing, and keeps the rest", func() {
			w.Create(gen.Secret("app", map[string]string{"password": "old"}))
			es := under(generated("app")).ExternalSecret
			w.sync(es)
			w.ExpectSecret("app", map[string]string{"password": "old", "token": "tk-1"})
			Expect(w.Generator.Minted()).To(Equal(1))
			w.expectSettled(es)
		})

		It("keeps under "+policy+" also what a store has another value for", func() {
			w.Create(gen.Secret("app", map[string]string{"password": "old"}))
			es := under(fromStore("app")).ExternalSecret
			w.sync(es)
			w.ExpectSecret("app", map[string]string{"user": "admin", "password": "old"})
			w.expectSettled(es)
		})
	}

	It("is not taken as it is under another policy", func() {
		w.Create(gen.Secret("app", map[string]string{"user": "old", "password": "old"}))
		es := fromStore("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", credentials)
	})
})

var _ = Describe("A request that was there before Sluice", func() {
	DescribeTable("is none: the reference implementation does not say what it has handled",
		func(policy esv1.ExternalSecretCreationPolicy, annotation string) {
			w := newWorld()
			before := gen.Secret("app", map[string]string{"password": "old"})
			before.Namespace = w.Namespace
			before.Labels = map[string]string{esv1.LabelManaged: "true"}
			before.Annotations = map[string]string{esv1.AnnotationDataHash: "0123abcd"}
			Expect(w.Client.Create(context.Background(), before, client.FieldOwner(apply.FieldManager("app")))).To(Succeed())
			es := generated("app").Creation(policy).Annotate(annotation, "long ago").ExternalSecret
			w.Create(es)
			lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Status.SyncedResourceVersion, es.Status.RefreshTime = "1-0123abcd", &metav1.Time{Time: w.Clock.Now()}
			})
			w.Refuse(forbid(lab.VerbApply))
			_, err := w.Try(w.controller, es)
			Expect(err).To(HaveOccurred(), "the first look fails")
			w.Refuse(nil)
			w.restart()
			for range 2 {
				w.reconcile(es)
			}
			w.ExpectSecret("app", map[string]string{"password": "old"})
			Expect(w.Generator.Minted()).To(BeZero())
			lab.ExpectReady(es, esv1.ReasonSecretSynced)

			By("carrying out the next one")
			w.Annotate(es, annotation, "now")
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		},
		Entry("Owner", esv1.CreateOwner, esv1.AnnotationForceSync),
		Entry("Owner, in short", esv1.CreateOwner, esv1.AnnotationForceSyncShort),
		Entry("Orphan", esv1.CreateOrphan, esv1.AnnotationForceSync),
		Entry("Merge", esv1.CreateMerge, esv1.AnnotationForceSync),
		Entry("CreateOrMerge", esv1.CreateOrMerge, esv1.AnnotationForceSync),
	)
})

var _ = Describe("Many objects of one generator", func() {
	It("have each a value of its own, which is made once, however many begin together", func(ctx SpecContext) {
		w := newWorld()
		const many = 40
		var all sync.WaitGroup
		for i := range many {
			es := generated(fmt.Sprintf("app-%d", i)).Policy(esv1.RefreshCreatedOnce).ExternalSecret
			w.Create(es)
			all.Go(func() {
				defer GinkgoRecover()
				for range 3 {
					_, err := w.controller.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(es)})
					Expect(err).NotTo(HaveOccurred())
				}
			})
		}
		all.Wait()
		Expect(w.Generator.Minted()).To(Equal(many))
		values := map[string]bool{}
		for i := range many {
			values[w.password(fmt.Sprintf("app-%d", i))] = true
		}
		Expect(values).To(HaveLen(many))
	})
})

// behind are the metadata of Secrets in a cache that has not seen any yet.
type behind struct{ cache.Cache }

func (b behind) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

var _ = Describe("A cache that is behind", func() {
	DescribeTable("lets no value be made a second time", func(under func(gen.ExternalSecret) gen.ExternalSecret) {
		w := newWorld()
		es := under(generated("app")).ExternalSecret
		w.Create(es)
		seen := es.DeepCopy()
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})

		stale := w.newController(func(config *externalsecret.Config) {
			watching, ok := config.Client.(client.WithWatch)
			Expect(ok).To(BeTrue())
			config.Notices = behind{}
			config.Client = interceptor.NewClient(watching, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
					switch into := o.(type) {
					case *esv1.ExternalSecret:
						seen.DeepCopyInto(into)
						return nil
					case *corev1.Secret:
						return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
					default:
						return c.Get(ctx, key, o, opts...)
					}
				},
			})
		})
		_, _ = w.Try(stale, es)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
		Expect(w.Generator.Minted()).To(Equal(1))
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	},
		Entry("under CreatedOnce", func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) }),
		Entry("with interval 0", func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) }),
		Entry("with a written interval", func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(time.Hour) }),
		Entry("with no interval written", func(es gen.ExternalSecret) gen.ExternalSecret { return es }),
	)

	It("lets no value be rotated a second time", func() {
		w := newWorld()
		es := generated("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		seen, target := es.DeepCopy(), w.Secret("app").DeepCopy()
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})

		stale := w.newController(func(config *externalsecret.Config) {
			watching, ok := config.Client.(client.WithWatch)
			Expect(ok).To(BeTrue())
			config.Client = interceptor.NewClient(watching, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
					switch into := o.(type) {
					case *esv1.ExternalSecret:
						seen.DeepCopyInto(into)
						return nil
					case *corev1.Secret:
						target.DeepCopyInto(into)
						return nil
					default:
						return c.Get(ctx, key, o, opts...)
					}
				},
			})
		})
		_, _ = w.Try(stale, es)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-2"})
		Expect(w.Generator.Minted()).To(Equal(2))
	})
})

var _ = Describe("One target", func() {
	It("is written once for all entries that change together, under one name for each ExternalSecret", func() {
		w := newWorld()
		written := map[string]int{}
		w.Refuse(func(verb string, _ client.Object) error { written[verb]++; return nil })
		es := fromStore("app").Extract("db").ExternalSecret
		w.sync(es)
		Expect(written).To(Equal(map[string]int{lab.VerbApply: 1, lab.VerbStatus: 1}))
		w.seed("db", map[string]string{"user": "root", "password": "n3w", "more": "x"})
		w.Clock.Step(2 * time.Hour)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"user": "root", "password": "n3w", "more": "x"})
		Expect(written).To(Equal(map[string]int{lab.VerbApply: 2, lab.VerbStatus: 2}))

		second := gen.NewExternalSecret("second").Store("main").Data("key", "db", "user").
			Target("shared").Creation(esv1.CreateOrMerge).ExternalSecret
		third := gen.NewExternalSecret("third").Store("main").Data("other", "db", "user").
			Target("shared").Creation(esv1.CreateMerge).ExternalSecret
		w.sync(second)
		w.sync(third)
		for secret, want := range map[string][]string{"app": {"app"}, "shared": {"second", "third"}} {
			var managers, names []string
			for _, entry := range w.Secret(secret).ManagedFields {
				managers = append(managers, entry.Manager)
				Expect(entry.Operation).To(Equal(metav1.ManagedFieldsOperationApply))
			}
			for _, name := range want {
				names = append(names, apply.FieldManager(name))
			}
			Expect(managers).To(ConsistOf(names))
		}
	})
})
