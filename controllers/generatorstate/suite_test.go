package generatorstate_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/externalsecret"
	"github.com/sluice-operator/sluice/controllers/generatorstate"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var admin client.WithWatch

func TestGeneratorState(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "generatorstate")
}

var _ = BeforeSuite(func(ctx SpecContext) { admin = lab.Start(ctx) })

// world is a lab with a generator "g" that yields leases, and with both controllers that deal with them.
type world struct {
	*lab.Lab

	owner     *externalsecret.Controller
	collector *generatorstate.Controller
	// metrics are those of the collector.
	metrics *prometheus.Registry
}

func newWorld() *world {
	GinkgoHelper()
	return worldOf(admin)
}

// worldOf is a world whose controllers use c.
func worldOf(c client.Client) *world {
	GinkgoHelper()
	w := &world{Lab: lab.New(c)}
	w.Generator.Leaseless = false
	w.Create(gen.Fake("g", map[string]string{"password": "pw"}))
	w.restart()
	return w
}

// restart takes new controllers, which remember nothing, as after a restart of the operator.
func (w *world) restart() {
	GinkgoHelper()
	d := w.Deps()
	w.owner = externalsecret.New(externalsecret.Config{
		Client: d.Client, Live: d.Live, Notices: d.Notices, Stores: d.Stores, Generators: d.Generators,
		Collector: fetch.Collector{Engine: d.Engine}, Renderer: render.Renderer{Engine: d.Engine}, Hasher: d.Hasher, Metrics: d.Metrics,
		Events: d.Recorder(""), Clock: d.Clock,
	})
	w.metrics = prometheus.NewRegistry()
	measured, err := metrics.New(w.metrics)
	Expect(err).NotTo(HaveOccurred())
	w.collector = generatorstate.New(generatorstate.Config{
		Client: d.Client, Generators: d.Generators, Metrics: measured, Events: d.Recorder(""), Clock: d.Clock,
	})
}

// generated is an ExternalSecret that takes a password from the generator.
func generated() gen.ExternalSecret {
	return gen.NewExternalSecret("app").Generate(genv1alpha1.KindFake, "g")
}

// sync creates es and lets its controller work on it.
func (w *world) sync(es *esv1.ExternalSecret) {
	GinkgoHelper()
	w.Create(es)
	w.Reconcile(w.owner, es)
}

// expectMetric expects one metric to have exactly this text, without its comments.
func (w *world) expectMetric(name, text string) {
	GinkgoHelper()
	got, err := testutil.CollectAndFormat(w.metrics, expfmt.TypeTextPlain, name)
	Expect(err).NotTo(HaveOccurred())
	lines := slices.DeleteFunc(strings.Split(string(got), "\n"), func(line string) bool { return strings.HasPrefix(line, "#") || line == "" })
	Expect(strings.Join(lines, "\n")).To(Equal(text))
}

// states returns all states of the test's namespace.
func (w *world) states() []genv1alpha1.GeneratorState {
	GinkgoHelper()
	var all genv1alpha1.GeneratorStateList
	Expect(admin.List(GinkgoT().Context(), &all, client.InNamespace(w.Namespace))).To(Succeed())
	return all.Items
}

// state returns the only state that there is.
func (w *world) state() *genv1alpha1.GeneratorState {
	GinkgoHelper()
	all := w.states()
	Expect(all).To(HaveLen(1))
	return &all[0]
}

// collect lets the collector look at every state, and expects that none asks for a retry.
func (w *world) collect() {
	GinkgoHelper()
	for _, state := range w.states() {
		w.Reconcile(w.collector, &state)
	}
}

// rotate asks for a new value.
func (w *world) rotate(es *esv1.ExternalSecret, request string) {
	GinkgoHelper()
	w.Annotate(es, esv1.AnnotationForceSync, request)
}

// oldest returns the state of the lease that was obtained first.
func (w *world) oldest() *genv1alpha1.GeneratorState {
	GinkgoHelper()
	all := w.states()
	Expect(all).NotTo(BeEmpty())
	return &slices.SortedFunc(slices.Values(all), func(a, b genv1alpha1.GeneratorState) int {
		return bytes.Compare(a.Spec.State.Raw, b.Spec.State.Raw)
	})[0]
}
