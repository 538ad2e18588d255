package pushsecret_test

import (
	"errors"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/pushsecret"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var admin client.Client

func TestPushSecret(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "pushsecret")
}

var _ = BeforeSuite(func(ctx SpecContext) { admin = lab.Start(ctx) })

// world is a lab with SecretStores "a" and "b", a Secret "source" and a generator "g".
type world struct {
	*lab.Lab

	controller *pushsecret.Controller
}

func newWorld() *world {
	GinkgoHelper()
	w := &world{Lab: lab.New(admin)}
	w.Create(
		gen.SecretStore("a", nil),
		gen.SecretStore("b", nil),
		gen.Secret("source", map[string]string{"user": "admin", "password": "s3cret"}),
		gen.Fake("g", map[string]string{"password": "pw"}),
	)
	w.restart()
	return w
}

// restart takes a new controller, which remembers nothing, as after a restart of the operator.
func (w *world) restart() {
	GinkgoHelper()
	w.controller = w.newController(func(*pushsecret.Config) {})
}

func (w *world) newController(edit func(*pushsecret.Config)) *pushsecret.Controller {
	GinkgoHelper()
	d := w.Deps()
	config := pushsecret.Config{
		Client: d.Client, Live: d.Live, Notices: d.Notices, Stores: d.Stores, Generators: d.Generators,
		Renderer: render.Renderer{Engine: d.Engine}, Hasher: d.Hasher, Metrics: d.Metrics, Events: d.Recorder(""), Clock: d.Clock,
	}
	edit(&config)
	return pushsecret.New(config)
}

// refuseStatus makes every write of a PushSecret's status fail.
func (w *world) refuseStatus() {
	w.Refuse(func(verb string, o client.Object) error {
		if _, ok := o.(*esv1alpha1.PushSecret); ok && verb == lab.VerbStatus {
			return errors.New("etcd is full")
		}
		return nil
	})
}

// seed puts a secret db into a store.
func (w *world) seed(store string, fields map[string]string) {
	w.Memory(store).Seed("db", providers.Secret{Fields: lab.Fields(fields)})
}

// reconcile lets the controller work on ps.
func (w *world) reconcile(ps *esv1alpha1.PushSecret) {
	GinkgoHelper()
	w.Reconcile(w.controller, ps)
}

// push creates ps and lets the controller work on it.
func (w *world) push(ps *esv1alpha1.PushSecret) {
	GinkgoHelper()
	w.Create(ps)
	w.reconcile(ps)
}

// expectSettled expects that another look at ps changes nothing at all, in the cluster and in the stores.
func (w *world) expectSettled(ps *esv1alpha1.PushSecret) {
	GinkgoHelper()
	before := w.remoteWrites()
	w.Quietly(func() { w.reconcile(ps) })
	Expect(w.remoteWrites()).To(Equal(before), "writes to the stores")
}

// expectOnlyStatus expects that another look at ps writes nothing to the stores.
func (w *world) expectOnlyStatus(ps *esv1alpha1.PushSecret) {
	GinkgoHelper()
	before := w.remoteWrites()
	w.reconcile(ps)
	Expect(w.remoteWrites()).To(Equal(before), "writes to the stores")
}

func (w *world) remoteWrites() int { return w.Memory("a").Writes() + w.Memory("b").Writes() }

// fromSecret is a PushSecret of the password in "source".
func fromSecret(name string, stores ...string) gen.PushSecret {
	return gen.NewPushSecret(name).From("source").To(stores...).Data("password", "db", "password")
}

// generated is a PushSecret of a generated password.
func generated(stores ...string) gen.PushSecret {
	return gen.NewPushSecret("push").Generate(genv1alpha1.KindFake, "g").To(stores...).Data("password", "db", "password")
}

// value returns the field password of the remote secret db.
func (w *world) value(store string) string {
	GinkgoHelper()
	secret, exists := w.Memory(store).Peek("db")
	Expect(exists).To(BeTrue(), "secret db in store %s exists", store)
	return string(secret.Fields["password"])
}
