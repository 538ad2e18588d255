package clusterexternalsecret_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/controllers/clusterexternalsecret"
	"github.com/sluice-operator/sluice/test/env/lab"
)

var admin client.Client

func TestClusterExternalSecret(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "clusterexternalsecret")
}

var _ = BeforeSuite(func(ctx SpecContext) { admin = lab.Start(ctx) })

// world is a Lab with the controller in it. Namespaces are its own by the label group, whose value is the Lab's namespace.
type world struct {
	*lab.Lab

	controller *clusterexternalsecret.Controller
}

func newWorld() *world {
	GinkgoHelper()
	l := lab.New(admin)
	l.Index(clusterexternalsecret.OwnerIndex, clusterexternalsecret.Owners)
	d := l.Deps()
	return &world{Lab: l, controller: clusterexternalsecret.New(clusterexternalsecret.Config{
		Client: d.Client, Metrics: d.Metrics, Events: d.Recorder(""), Clock: d.Clock,
	})}
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
