package externalsecret_test

import (
	"errors"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var admin client.Client

func TestExternalSecret(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "externalsecret")
}

var _ = BeforeSuite(func(ctx SpecContext) { admin = lab.Start(ctx) })

// world is a lab with a SecretStore "main", which holds the secret "db", and a generator "g".
type world struct {
	*lab.Lab

	controller *externalsecret.Controller
}

func newWorld() *world {
	GinkgoHelper()
	w := &world{Lab: lab.New(admin)}
	w.Create(gen.SecretStore("main", nil), gen.Fake("g", map[string]string{"password": "pw"}))
	w.seed("db", map[string]string{"user": "admin", "password": "s3cret"})
	w.restart()
	return w
}

// restart takes a new controller, which remembers nothing, as after a restart of the operator.
func (w *world) restart() {
	GinkgoHelper()
	w.controller = w.newController(func(*externalsecret.Config) {})
}

func (w *world) newController(edit func(*externalsecret.Config)) *externalsecret.Controller {
	GinkgoHelper()
	d := w.Deps()
	config := externalsecret.Config{
		Client: d.Client, Live: d.Live, Notices: d.Notices, Stores: d.Stores, RequireReady: d.FloodGate, Generators: d.Generators,
		Collector: fetch.Collector{Engine: d.Engine}, Renderer: render.Renderer{Engine: d.Engine}, Hasher: d.Hasher, Metrics: d.Metrics,
		Events: d.Recorder(""), Clock: d.Clock,
	}
	edit(&config)
	return externalsecret.New(config)
}

// seed puts a secret into the store.
func (w *world) seed(key string, fields map[string]string) {
	w.Memory("main").Seed(key, providers.Secret{Fields: lab.Fields(fields)})
}

// reconcile lets the controller work on es.
func (w *world) reconcile(es *esv1.ExternalSecret) {
	GinkgoHelper()
	w.Reconcile(w.controller, es)
}

// sync creates es and lets the controller work on it.
func (w *world) sync(es *esv1.ExternalSecret) {
	GinkgoHelper()
	w.Create(es)
	w.reconcile(es)
}

// expectSettled expects that another look at es changes nothing at all.
func (w *world) expectSettled(es *esv1.ExternalSecret) {
	GinkgoHelper()
	w.Quietly(func() { w.reconcile(es) })
}

// password returns the generated value of a Secret.
func (w *world) password(secret string) string {
	GinkgoHelper()
	return string(w.Secret(secret).Data["password"])
}

// fromStore is an ExternalSecret that takes user and password from the store.
func fromStore(name string) gen.ExternalSecret {
	return gen.NewExternalSecret(name).Store("main").Data("user", "db", "user").Data("password", "db", "password")
}

// generated is an ExternalSecret that takes a password from the generator.
func generated(name string) gen.ExternalSecret {
	return gen.NewExternalSecret(name).Generate(genv1alpha1.KindFake, "g")
}

// forbid refuses one verb as an API server does that grants no right to it.
func forbid(verb string) func(string, client.Object) error {
	return func(v string, _ client.Object) error {
		if v != verb {
			return nil
		}
		return apierrors.NewForbidden(corev1.Resource("secrets"), "app", errors.New("no right"))
	}
}
