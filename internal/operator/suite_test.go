package operator_test

import (
	"context"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/sluice-operator/sluice/test/env"
	"github.com/sluice-operator/sluice/test/env/lab"
)

// soon is the patience of these tests. What is woken takes some hundredths of a second; what waits for an interval takes an
// hour. The rest is for a busy machine.
const soon = 10 * time.Second

var (
	cluster *env.Cluster
	admin   client.WithWatch
)

func TestOperator(t *testing.T) {
	t.Parallel()
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(soon)
	SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	RunSpecs(t, "Operator")
}

var _ = BeforeSuite(func(ctx context.Context) {
	logf.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	var err error
	cluster, err = env.Start(ctx, env.Options{CRDDirs: []string{lab.CRDs, lab.ForeignCRDs}, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cluster.Stop)
	admin = lab.NewClient(cluster)
})

// running is an operator that runs.
type running struct {
	manager manager.Manager
	cancel  context.CancelFunc
	ended   chan error
	// metrics are those of an operator that runs beside others.
	metrics *prometheus.Registry
}

// calls returns how many calls of the given name the operator has made to the systems behind stores.
func (r *running) calls(name string) (n float64) {
	GinkgoHelper()
	families, err := r.metrics.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == "call" && l.GetValue() == name }) {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// begin lets an operator run beside others in this process, and stops it with the spec at the latest. It does not wait
// until the operator leads.
func begin(config *rest.Config, o options) *running {
	GinkgoHelper()
	metrics := o.Share()
	r := launch(config, o)
	r.metrics = metrics
	return r
}

func launch(config *rest.Config, o options) *running {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := newManager(ctx, config, o)
	if err != nil {
		cancel()
	}
	Expect(err).NotTo(HaveOccurred())
	r := &running{manager: mgr, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- mgr.Start(ctx) }()
	DeferCleanup(r.stop)
	return r
}

// stop ends the operator and expects it to end well. Stopping it again does nothing.
func (r *running) stop() {
	GinkgoHelper()
	if r.ended == nil {
		return
	}
	r.cancel()
	Expect(<-r.ended).To(Succeed())
	r.ended = nil
}

// leads says whether the operator has begun to work.
func (r *running) leads() bool {
	select {
	case <-r.manager.Elected():
		return true
	default:
		return false
	}
}
