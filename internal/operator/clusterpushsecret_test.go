package operator_test

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

// sourceOf returns the name of the Secret that a PushSecret pushes; an empty one while there is no PushSecret.
func (p place) sourceOf(ctx context.Context, name string) func() string {
	return func() string {
		var ps esv1alpha1.PushSecret
		if err := admin.Get(ctx, client.ObjectKey{Namespace: p.name, Name: name}, &ps); err != nil {
			return ""
		}
		return ps.Spec.Selector.Secret.Name
	}
}

// The refresh time of all objects here is an hour: what happens, happens because something was noticed.
var _ = Describe("A running operator with ClusterPushSecrets", Ordered, func() {
	var (
		first, second place
		cps           *esv1alpha1.ClusterPushSecret
		app           *esv1alpha1.PushSecret
	)
	BeforeAll(func(ctx SpecContext) { begin(cluster.Config, defaults(newPlace(ctx).name)) })
	BeforeEach(func(ctx SpecContext) {
		first, second = newPlace(ctx), newPlace(ctx)
		cps = gen.NewClusterPushSecret(first.name, gen.NewPushSecret("").From("source").To("store").Data("password", "db", "")).
			Labelled("group", first.name).Child("app").ClusterPushSecret
		app = &esv1alpha1.PushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: first.name, Name: "app"}}
		first.join(ctx, first.name)
	})
	provisioned := func(ctx SpecContext) {
		GinkgoHelper()
		first.create(ctx, cps)
		// It is Ready without any namespace too, when the label has not reached the operator yet.
		Eventually(first.sourceOf(ctx, "app")).Should(Equal("source"))
		Eventually(ready(ctx, cps)).Should(beTrue())
	}

	It("follows the labels of namespaces", func(ctx SpecContext) {
		provisioned(ctx)
		second.join(ctx, first.name)
		Eventually(second.sourceOf(ctx, "app")).Should(Equal("source"))
		first.leave(ctx)
		Eventually(first.sourceOf(ctx, "app")).Should(BeEmpty())
		Expect(second.sourceOf(ctx, "app")()).To(Equal("source"))
	})

	It("heals what is edited and deleted", func(ctx SpecContext) {
		provisioned(ctx)
		edit(ctx, app, func(ps *esv1alpha1.PushSecret) { ps.Spec.Selector.Secret.Name = "another" })
		Eventually(first.sourceOf(ctx, "app")).Should(Equal("source"))
		Expect(admin.Delete(ctx, app)).To(Succeed())
		Eventually(first.sourceOf(ctx, "app")).Should(Equal("source"))
	})

	It("passes on what changes in it, the requests too", func(ctx SpecContext) {
		provisioned(ctx)
		edit(ctx, cps, func(c *esv1alpha1.ClusterPushSecret) {
			c.Spec.PushSecretSpec.Selector.Secret.Name = "another"
			c.Annotations = map[string]string{esv1.AnnotationForceSync: "1", esv1.AnnotationRotate: "password"}
		})
		Eventually(first.sourceOf(ctx, "app")).Should(Equal("another"))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(app), app)).To(Succeed())
		Expect(app.Annotations).To(Equal(map[string]string{esv1.AnnotationForceSync: "1", esv1.AnnotationRotate: "password"}))
	})

	It("makes the PushSecret of a new name as soon as that of the former one is gone", func(ctx SpecContext) {
		provisioned(ctx)
		edit(ctx, app, func(ps *esv1alpha1.PushSecret) { ps.Finalizers = []string{"example.com/first"} })
		edit(ctx, cps, func(c *esv1alpha1.ClusterPushSecret) { c.Spec.PushSecretName = "renamed" })
		Eventually(ready(ctx, cps)).Should(beFalse(`push secret "app" is being deleted`))
		Expect(first.sourceOf(ctx, "renamed")()).To(BeEmpty())
		edit(ctx, app, func(ps *esv1alpha1.PushSecret) { ps.Finalizers = nil })
		Eventually(first.sourceOf(ctx, "renamed")).Should(Equal("source"))
		Eventually(ready(ctx, cps)).Should(beTrue())
	})
})

var _ = Describe("An operator of one namespace, with a ClusterPushSecret that selects it", func() {
	It("leaves it to the operator of all", func(ctx SpecContext) {
		home, here := newPlace(ctx), newPlace(ctx)
		cps := gen.NewClusterPushSecret(here.name, gen.NewPushSecret("").From("source").To("store").Data("password", "db", "")).
			Labelled("kubernetes.io/metadata.name", here.name).ClusterPushSecret
		here.create(ctx, cps)
		o := defaults(home.name)
		o.Namespace = here.name
		begin(cluster.Config, o)
		here.delivered(ctx, "marker")
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(cps), cps)).To(Succeed())
		Expect(cps.Status).To(BeZero())
		Expect(here.sourceOf(ctx, here.name)()).To(BeEmpty())
	})
})

// writes counts what is sent to change one of the objects whose paths it has.
type writes struct {
	http.RoundTripper

	paths []string
	n     *atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (w writes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && slices.Contains(w.paths, r.URL.Path) {
		w.n.Add(1)
	}
	return w.RoundTripper.RoundTrip(r)
}

var _ = Describe("An operator that starts where a ClusterExternalSecret and a ClusterPushSecret have done their work", func() {
	It("sends no write to what is as it should be", func(ctx SpecContext) {
		first, second := newPlace(ctx), newPlace(ctx)
		first.join(ctx, first.name)
		first.create(ctx,
			gen.NewClusterExternalSecret(first.name, gen.NewExternalSecret("").Store("store").Data("password", "db", "")).
				Labelled("group", first.name).Child("app").Label("team", "red").ClusterExternalSecret,
			gen.NewClusterPushSecret(first.name, gen.NewPushSecret("").From("source").To("store").Data("password", "db", "")).
				Labelled("group", first.name).Child("app").Label("team", "red").ClusterPushSecret)
		have := func(p place) {
			GinkgoHelper()
			Eventually(p.storeOf(ctx, "app")).Should(Equal("store"))
			Eventually(p.sourceOf(ctx, "app")).Should(Equal("source"))
		}
		before := begin(cluster.Config, defaults(newPlace(ctx).name))
		have(first)
		before.stop()

		var n atomic.Int32
		config, group := rest.CopyConfig(cluster.Config), "/apis/external-secrets.io/"
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return writes{RoundTripper: next, n: &n, paths: []string{
				group + "v1/namespaces/" + first.name + "/externalsecrets/app", group + "v1alpha1/namespaces/" + first.name + "/pushsecrets/app",
			}}
		})
		begin(config, defaults(newPlace(ctx).name))
		second.join(ctx, first.name)
		have(second)
		Expect(n.Load()).To(BeZero())
		edit(ctx, named(first, gen.NewPushSecret("app").PushSecret), func(ps *esv1alpha1.PushSecret) { ps.Labels["team"] = "blue" })
		Eventually(n.Load).Should(BeNumerically(">", 0), "a write is counted")
	})
})
