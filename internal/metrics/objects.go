package metrics

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The conditions in metrics: Ready is the one that each kind has. Deleted stands in for it when an ExternalSecret is gone; no
// object ever carries it.
const (
	conditionReady   = "Ready"
	conditionDeleted = "Deleted"
)

// mostDeleted is how many objects that are gone are still told of, so that objects that come and go do not add up.
const mostDeleted = 1000

// objects are the metrics of all objects of one kind. What is known of an object is kept in some bytes, and becomes metrics when
// somebody asks: a metric of the client library takes a kilobyte, and an object has five. It is safe for concurrent use.
type objects struct {
	condition, duration *prometheus.Desc
	// syncs and failures are nil for a kind of which they are not counted.
	syncs, failures *prometheus.Desc

	mu    sync.Mutex
	known map[types.NamespacedName]object
	// deleted are the latest that are gone, of a kind of which that is told.
	deleted []types.NamespacedName
}

// object is what is known of one object.
type object struct {
	ready           metav1.ConditionStatus // empty when it is not known yet
	duration        time.Duration
	reconciled      bool
	syncs, failures uint32
}

func newObjects(kind Kind) *objects {
	labels := []string{"name", "namespace"}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(string(kind)+"_"+name, help, labels, nil)
	}
	o := &objects{
		condition: desc("status_condition", "1 for the status that the condition has, else 0.", "name", "namespace", "condition", "status"),
		duration:  desc("reconcile_duration", "Duration of the last reconciliation in nanoseconds.", labels...),
		known:     map[types.NamespacedName]object{},
	}
	if kind == ExternalSecret {
		o.syncs = desc("sync_calls_total", "Syncs of the ExternalSecret.", labels...)
		o.failures = desc("sync_calls_error", "Syncs of the ExternalSecret that failed.", labels...)
	}
	return o
}

// note changes what is known of an object.
func (o *objects) note(namespace, name string, change func(*object)) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	o.mu.Lock()
	defer o.mu.Unlock()
	known, exists := o.known[key]
	if !exists && len(o.deleted) > 0 {
		o.deleted = slices.DeleteFunc(o.deleted, func(gone types.NamespacedName) bool { return gone == key })
	}
	change(&known)
	o.known[key] = known
}

// forget drops what is known of an object.
func (o *objects) forget(namespace, name string) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.known, key)
}

// bury tells from now on that an object is gone, when it is of a kind of which that is told.
func (o *objects) bury(namespace, name string) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.syncs == nil || slices.Contains(o.deleted, key) {
		return
	}
	if o.deleted = append(o.deleted, key); len(o.deleted) > mostDeleted {
		o.deleted = slices.Clone(o.deleted[1:])
	}
}

// Describe implements prometheus.Collector.
func (o *objects) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{o.condition, o.duration, o.syncs, o.failures} {
		if desc != nil {
			to <- desc
		}
	}
}

// Collect implements prometheus.Collector.
func (o *objects) Collect(to chan<- prometheus.Metric) {
	o.mu.Lock()
	known, deleted := maps.Clone(o.known), slices.Clone(o.deleted)
	o.mu.Unlock()
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	for key, object := range known {
		if object.ready != "" {
			for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse} {
				value := 0.0
				if status == object.ready {
					value = 1
				}
				send(o.condition, prometheus.GaugeValue, value, key.Name, key.Namespace, conditionReady, string(status))
			}
		}
		if object.reconciled {
			send(o.duration, prometheus.GaugeValue, float64(object.duration.Nanoseconds()), key.Name, key.Namespace)
		}
		if object.syncs > 0 {
			send(o.syncs, prometheus.CounterValue, float64(object.syncs), key.Name, key.Namespace)
		}
		if object.failures > 0 {
			send(o.failures, prometheus.CounterValue, float64(object.failures), key.Name, key.Namespace)
		}
	}
	for _, key := range deleted {
		send(o.condition, prometheus.GaugeValue, 1, key.Name, key.Namespace, conditionDeleted, string(metav1.ConditionFalse))
	}
}
