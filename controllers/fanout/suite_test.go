package fanout_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/fanout"
	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/test/env/lab"
)

var admin client.Client

func TestFanout(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "fanout")
}

var _ = BeforeSuite(func(ctx SpecContext) { admin = lab.Start(ctx) })

// world is a Lab with the controller in it. Namespaces are its own by the label group, whose value is the Lab's namespace.
type world struct {
	*lab.Lab

	controller *fanout.Controller
	registry   *prometheus.Registry
}

// newWorld returns a world with the controller of ClusterExternalSecrets or ClusterPushSecrets.
func newWorld(newController func(fanout.Config) *fanout.Controller) *world {
	GinkgoHelper()
	l := lab.New(admin)
	d, registry := l.Deps(), prometheus.NewRegistry()
	measured, err := metrics.New(registry)
	Expect(err).NotTo(HaveOccurred())
	c := newController(fanout.Config{Client: d.Client, Metrics: measured, Events: d.Recorder(""), Clock: d.Clock})
	l.Index(c.Index())
	return &world{Lab: l, controller: c, registry: registry}
}

// namespace makes a namespace of the group, whose name ends as given, and returns its name.
func (w *world) namespace(suffix string, finalizers ...string) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: w.Namespace + "-" + suffix, Labels: map[string]string{"group": w.Namespace}, Finalizers: finalizers,
	}}
	w.Create(namespace)
	return namespace.Name
}

// leave takes a namespace out of the group.
func (w *world) leave(namespace string) {
	GinkgoHelper()
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	lab.Edit(w.Lab, o, func(o *corev1.Namespace) { delete(o.Labels, "group") })
}

// child returns the ExternalSecret of a namespace.
func (w *world) child(namespace, name string) *esv1.ExternalSecret {
	GinkgoHelper()
	es := at(namespace, name)
	Expect(w.Gone(es)).To(BeFalse(), "external secret %s/%s is gone", namespace, name)
	return es
}

// at names an ExternalSecret.
func at(namespace, name string) *esv1.ExternalSecret {
	return &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// measured returns how many values the metrics have that begin with the kind of the parent.
func (w *world) measured(kind string) int {
	GinkgoHelper()
	n, err := testutil.GatherAndCount(w.registry, kind+"_status_condition", kind+"_reconcile_duration")
	Expect(err).NotTo(HaveOccurred())
	return n
}
