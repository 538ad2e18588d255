package externalsecret_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("A generated value", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	policies := map[string]func(gen.ExternalSecret) gen.ExternalSecret{
		"no interval written": func(es gen.ExternalSecret) gen.ExternalSecret { return es },
		"CreatedOnce":         func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) },
		"interval 0":          func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) },
		"OnChange":            func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshOnChange) },
	}
	events := map[string]func(*esv1.ExternalSecret){
		"an annotation": func(es *esv1.ExternalSecret) { w.Annotate(es, "argocd.argoproj.io/tracking-id", "x") },
		"a label":       func(es *esv1.ExternalSecret) { w.Label(es, "team", "b") },
		"a restart":     func(*esv1.ExternalSecret) { w.restart() },
		"a restart with an annotation": func(es *esv1.ExternalSecret) {
			w.Annotate(es, "note", "x")
			w.restart()
		},
		"the loss of the status": func(es *esv1.ExternalSecret) {
			lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
		},
		"the loss of the status and a restart": func(es *esv1.ExternalSecret) {
			lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
			w.restart()
		},
		"a day": func(*esv1.ExternalSecret) { w.Clock.Step(24 * time.Hour) },
		"a spec edit": func(es *esv1.ExternalSecret) {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Immutable = true })
		},
		"a foreign key": func(_ *esv1.ExternalSecret) {
			lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Data["extra"] = []byte("x") })
		},
		"the loss of all marks on the target": func(_ *esv1.ExternalSecret) {
			lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { s.Labels, s.Annotations = nil, nil })
		},
		"a new template": func(es *esv1.ExternalSecret) {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{
					MergePolicy: esv1.MergePolicyMerge, Data: map[string]string{"conn": "app:{{ .password }}"},
				}
			})
		},
		"another generator": func(es *esv1.ExternalSecret) {
			w.Create(gen.Fake("g2", map[string]string{"password": "other"}))
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.DataFrom[0].SourceRef.GeneratorRef.Name = "g2" })
		},
		"an edit of the generator": func(*esv1.ExternalSecret) {
			lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["password"] = "edited" })
		},
		"a new name of the target": func(es *esv1.ExternalSecret) {
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Name = "moved" })
		},
	}
	for policy, under := range policies {
		for event, happens := range events {
			It("with "+policy+" survives "+event, func() {
				es := under(generated("app")).ExternalSecret
				w.sync(es)
				w.ExpectSecret("app", map[string]string{"password": "pw-1"})
				happens(es)
				w.reconcile(es)
				w.reconcile(es)
				lab.ExpectReady(es, esv1.ReasonSecretSynced)
				Expect(w.Generator.Minted()).To(Equal(1))
				Expect(w.password(es.Status.Binding.Name)).To(Equal("pw-1"))
				w.expectSettled(es)
			})
		}
		It("with "+policy+" survives the re-creation of the object", func() {
			es := under(generated("app")).Creation(esv1.CreateOrphan).ExternalSecret
			w.sync(es)
			w.Delete(es)
			w.reconcile(es)
			es = under(generated("app")).ExternalSecret
			w.sync(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			w.ExpectSecret("app", map[string]string{"password": "pw-1"})
			Expect(w.Generator.Minted()).To(Equal(1))
			w.expectSettled(es)
		})
	}

	It("is adopted from a Secret that Sluice has never seen, where the value is made once", func() {
		w.Create(gen.Secret("app", map[string]string{"password": "old"}))
		es := generated("app").Policy(esv1.RefreshCreatedOnce).ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"password": "old"})
		Expect(w.Generator.Minted()).To(BeZero())
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		w.expectSettled(es)
	})

	It("fills only what is missing where the value is made once", func() {
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
		w.Create(gen.Secret("app", map[string]string{"password": "old"}))
		es := generated("app").Policy(esv1.RefreshCreatedOnce).ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"password": "old", "token": "tk-1"})
		w.expectSettled(es)
	})

	It("gets a further key without a change of the others", func() {
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Data["token"] = "tk" })
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1", "token": "tk-2"})
	})

	DescribeTable("is made anew on request, once for each request",
		func(annotation string) {
			es := generated("app").ExternalSecret
			w.sync(es)
			w.Annotate(es, annotation, "1")
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": "pw-2"})
			w.expectSettled(es)
			w.restart()
			w.expectSettled(es)
			w.Annotate(es, annotation, "2")
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": "pw-3"})
			w.Annotate(es, "note", "x")
			w.reconcile(es)
			Expect(w.Generator.Minted()).To(Equal(3))
		},
		Entry("in full", esv1.AnnotationForceSync),
		Entry("in short", esv1.AnnotationForceSyncShort),
	)

	It("is not made anew by a request that stood there from the beginning", func() {
		es := generated("app").Annotate(esv1.AnnotationForceSync, "1").ExternalSecret
		w.sync(es)
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status = esv1.ExternalSecretStatus{} })
		w.reconcile(es)
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
	})

	It("is made anew at each interval that the user wrote", func() {
		es := generated("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		for _, want := range []string{"pw-2", "pw-3"} {
			w.Clock.Step(30 * time.Minute)
			w.restart()
			w.expectSettled(es)
			w.Clock.Step(33*time.Minute + time.Second)
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"password": want})
			w.expectSettled(es)
		}
	})

	It("that is lost is made anew under every policy", func() {
		for policy, under := range policies {
			name := "lost-" + map[string]string{"no interval written": "a", "CreatedOnce": "b", "interval 0": "c", "OnChange": "d"}[policy]
			es := under(generated(name)).ExternalSecret
			w.sync(es)
			before := w.password(name)
			w.Delete(w.Secret(name))
			w.reconcile(es)
			Expect(w.password(name)).NotTo(Equal(before))
			w.expectSettled(es)
		}
	})

	It("that a template has used up is held, and the status says what to do", func() {
		es := generated("app").Template("conn", "app:{{ .password }}").ExternalSecret
		w.sync(es)
		w.ExpectSecret("app", map[string]string{"conn": "app:pw-1"})
		w.expectSettled(es)
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Template.Data["conn"] = "db:{{ .password }}" })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "app:pw-1"})
		lab.ExpectReady(es, esv1.ReasonSecretSynced, "generation 2 is not applied", "generation 1 was synced", esv1.AnnotationForceSync)
		w.restart()
		w.expectSettled(es)

		By("making a new value on request")
		w.Annotate(es, esv1.AnnotationForceSync, "1")
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "db:pw-2"})
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
		Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))
	})

	DescribeTable("is not touched by an edit of the template",
		func(before, after, want map[string]string, held bool) {
			es := generated("app").ExternalSecret
			if before != nil {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: before}
			}
			w.sync(es)
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: after}
				if after == nil {
					es.Spec.Target.Template = nil
				}
			})
			w.reconcile(es)
			w.ExpectSecret("app", want)
			Expect(w.Generator.Minted()).To(Equal(1))
			if held {
				lab.ExpectReady(es, esv1.ReasonSecretSynced, "generation 2 is not applied")
			}
			w.restart()
			w.expectSettled(es)
		},
		Entry("which gives it another key", nil, map[string]string{"copy": "{{ .password }}"}, map[string]string{"copy": "pw-1"}, false),
		Entry("which takes it from that key", map[string]string{"copy": "{{ .password }}"}, nil, map[string]string{"password": "pw-1"}, false),
		Entry("which makes its key something else",
			map[string]string{"copy": "{{ .password }}", "password": "x-{{ .password }}"}, map[string]string{"other": "{{ .password }}"},
			map[string]string{"other": "pw-1"}, false),
		Entry("which asks for it after it was used up",
			map[string]string{"conn": "app:{{ .password }}"}, map[string]string{"conn": "app:{{ .password }}", "password": "{{ .password }}"},
			map[string]string{"conn": "app:pw-1"}, true),
		Entry("which adds a key after it was used up",
			map[string]string{"conn": "app:{{ .password }}"}, map[string]string{"conn": "app:{{ .password }}", "more": "text"},
			map[string]string{"conn": "app:pw-1"}, true),
		Entry("which gives its key to a text",
			map[string]string{"password": "app:{{ .password }}"}, map[string]string{"password": "{{ .password }}"},
			map[string]string{"password": "app:pw-1"}, true),
	)

	It("is joined by that of a second generator", func() {
		w.Create(gen.Fake("g2", map[string]string{"token": "tk"}))
		es := generated("app").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
			gen.ExternalSecret{ExternalSecret: es}.Generate(genv1alpha1.KindFake, "g2").Template("conn", "{{ .password }}:{{ .token }}")
		})
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "pw-1:tk-2"})
	})

	It("that was used up is made anew when what was made of it is lost", func() {
		es := generated("app").Template("conn", "app:{{ .password }}").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, w.Secret("app"), func(s *corev1.Secret) { delete(s.Data, "conn") })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"conn": "app:pw-2"})
		w.expectSettled(es)
	})

	It("that a template keeps is used again by another template", func() {
		es := generated("app").Template("password", "{{ .password }}").Template("conn", "app:{{ .password }}").ExternalSecret
		w.sync(es)
		lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) { es.Spec.Target.Template.Data["conn"] = "db:{{ .password }}" })
		w.reconcile(es)
		w.ExpectSecret("app", map[string]string{"password": "pw-1", "conn": "db:pw-1"})
	})

	DescribeTable("that a rewrite has renamed is found again",
		func(rewrite esv1.ExternalSecretRewrite, key string) {
			es := gen.NewExternalSecret("app").Generate(genv1alpha1.KindFake, "g", rewrite).ExternalSecret
			w.sync(es)
			for _, change := range []string{"a", "b"} {
				w.Annotate(es, "note", change)
				w.reconcile(es)
			}
			w.ExpectSecret("app", map[string]string{key: "pw-1"})
			lab.Edit(w.Lab, es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{Data: map[string]string{"copy": "{{ ." + key + " }}"}}
			})
			w.reconcile(es)
			w.ExpectSecret("app", map[string]string{"copy": "pw-1"})
			Expect(w.Generator.Minted()).To(Equal(1))
		},
		Entry("regexp", gen.Rename("^", "db_"), "db_password"),
		Entry("transform", esv1.ExternalSecretRewrite{
			Transform: &esv1.ExternalSecretRewriteTransform{Template: "{{ .value | upper }}"},
		}, "PASSWORD"),
	)

	It("is not made twice because its target cannot be written", func() {
		es := generated("app").ExternalSecret
		w.Create(es)
		w.Refuse(forbid(lab.VerbApply))
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `"patch"`, `secret "app"`)
		w.Refuse(nil)
		w.reconcile(es)
		w.reconcile(es)
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		Expect(w.Generator.Minted()).To(Equal(1), "the second try delivers what the first could not")
	})

	It("is not made twice because the status cannot be written", func() {
		for _, policy := range []esv1.ExternalSecretRefreshPolicy{esv1.RefreshCreatedOnce, esv1.RefreshPeriodic} {
			es := generated("app-" + string(policy[0]+'a'-'A')).Policy(policy).ExternalSecret
			w.Create(es)
			w.Refuse(forbid(lab.VerbStatus))
			before := w.Generator.Minted()
			_, err := w.Try(w.controller, es)
			Expect(err).To(HaveOccurred())
			w.Refuse(nil)
			w.restart()
			w.reconcile(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			Expect(w.Generator.Minted() - before).To(Equal(1))
		}
	})

	It("is rotated once, also when the status cannot be written", func() {
		es := generated("app").Every(time.Hour).ExternalSecret
		w.sync(es)
		again := map[string]func(){
			"a request":   func() { w.Annotate(es, "force-sync", "1") },
			"an interval": func() { w.Clock.Step(2 * time.Hour) },
		}
		for _, asks := range []string{"a request", "an interval"} {
			before := w.Generator.Minted()
			again[asks]()
			w.Refuse(forbid(lab.VerbStatus))
			_, err := w.Try(w.controller, es)
			Expect(err).To(HaveOccurred())
			w.Refuse(nil)
			w.restart()
			w.Clock.Step(time.Minute)
			w.reconcile(es)
			lab.ExpectReady(es, esv1.ReasonSecretSynced)
			Expect(w.Generator.Minted()-before).To(Equal(1), asks)
		}
		Expect(w.Secret("app").Annotations).To(HaveKey("rotation.sluice.dev/app"))

		By("carrying out the next request")
		before := w.Generator.Minted()
		w.Annotate(es, "force-sync", "2")
		w.reconcile(es)
		Expect(w.Generator.Minted() - before).To(Equal(1))
	})

	It("needs a generator, and says which", func() {
		es := gen.NewExternalSecret("app").Generate(genv1alpha1.KindFake, "absent").ExternalSecret
		w.sync(es)
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, `generator Fake "absent" does not exist`)
		w.Create(gen.Fake("absent", nil))
		w.reconcile(es)
		lab.ExpectReady(es, esv1.ReasonSecretSynced)
	})

	It("is not made under deletionPolicy Delete when its generator fails", func() {
		es := generated("app").Every(time.Hour).Deletion(esv1.DeleteDelete).ExternalSecret
		w.sync(es)
		w.Generator.FailGenerate(fault.New(fault.Unavailable, "out of entropy"))
		w.Clock.Step(2 * time.Hour)
		_, err := w.Try(w.controller, es)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(es, esv1.ReasonSecretSyncedError, "out of entropy", `Fake "g"`)
		w.ExpectSecret("app", map[string]string{"password": "pw-1"})
	})

	It("of another controller class is left to that", func() {
		lab.Edit(w.Lab, gen.Fake("g", nil), func(g *genv1alpha1.Fake) { g.Spec.Controller = "other" })
		es := generated("app").ExternalSecret
		w.Create(es)
		w.expectSettled(es)
		Expect(es.Status).To(BeZero())
		w.ExpectNoSecret("app")
	})

	It("of two rewritten generators keeps each its own", func() {
		es := gen.NewExternalSecret("app").
			Generate(genv1alpha1.KindFake, "g", gen.Rename("^", "first-")).
			Generate(genv1alpha1.KindFake, "g", gen.Rename("^", "second-")).ExternalSecret
		w.sync(es)
		want := map[string]string{"first-password": "pw-1", "second-password": "pw-2"}
		w.ExpectSecret("app", want)
		w.Annotate(es, "note", "x")
		w.reconcile(es)
		w.ExpectSecret("app", want)
		lab.EditStatus(w.Lab, es, func(es *esv1.ExternalSecret) { es.Status.RefreshTime = &metav1.Time{} })
		w.restart()
		w.reconcile(es)
		w.ExpectSecret("app", want)
	})
})
