package metrics

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind is the kind of an object, as it begins the names of its metrics.
type Kind string

// The kinds that have metrics.
const (
	ExternalSecret        Kind = "externalsecret"
	ClusterExternalSecret Kind = "clusterexternalsecret"
	PushSecret            Kind = "pushsecret"
	ClusterPushSecret     Kind = "clusterpushsecret"
	SecretStore           Kind = "secretstore"
	ClusterSecretStore    Kind = "clustersecretstore"
	GeneratorState        Kind = "generatorstate"
)

// Metrics are all metrics of the operator. They are safe for concurrent use.
type Metrics struct {
	objects                            map[Kind]*objects
	apiCalls, abandoned, droppedEvents *prometheus.CounterVec
	expiries, shards                   *prometheus.GaugeVec
	watches                            map[Kind]*prometheus.CounterVec
}

// New registers all metrics with reg. An error means that one of their names is taken.
func New(reg prometheus.Registerer) (*Metrics, error) {
	object := []string{"name", "namespace"}
	m := &Metrics{
		objects: map[Kind]*objects{},
		apiCalls: counter("externalsecret_provider_api_calls_count", "Calls to the system behind a store.",
			"provider", "call", "status"),
		abandoned:     counter("generatorstate_abandoned_total", "Leases that could not be given back and were given up.", "namespace"),
		droppedEvents: counter("sluice_events_dropped_total", "Events that were not recorded because there were too many.", "type"),
		expiries: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "generatorstate_expiry_timestamp_seconds", Help: "When what a generator has obtained ends, in seconds since 1970.",
		}, append(object, "owner")),
		shards: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_shard_held", Help: "1 for a shard that this replica works on.",
		}, []string{"shard"}),
		watches: map[Kind]*prometheus.CounterVec{},
	}
	all := []prometheus.Collector{m.apiCalls, m.abandoned, m.droppedEvents, m.expiries, m.shards}
	for _, kind := range []Kind{
		ExternalSecret, ClusterExternalSecret, PushSecret, ClusterPushSecret, SecretStore, ClusterSecretStore, GeneratorState,
	} {
		m.objects[kind] = newObjects(kind)
		all = append(all, m.objects[kind])
	}
	for _, kind := range []Kind{SecretStore, ClusterSecretStore} {
		m.watches[kind] = counter(string(kind)+"_watch_ends_total", "Ends of watches of the store, by their reason.", append(object, "reason")...)
		all = append(all, m.watches[kind])
	}
	for _, collector := range all {
		if err := reg.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// Synced counts one sync of an ExternalSecret, and one error when err is not nil.
func (m *Metrics) Synced(namespace, name string, err error) {
	m.objects[ExternalSecret].note(namespace, name, func(o *object) {
		o.syncs++
		if err != nil {
			o.failures++
		}
	})
}

// Ready records the status of the condition Ready of an object; namespace is empty for a cluster-scoped one. An unknown
// status is neither True nor False.
func (m *Metrics) Ready(kind Kind, namespace, name string, status metav1.ConditionStatus) {
	m.objects[kind].note(namespace, name, func(o *object) { o.ready = status })
}

// Reconciled records how long the last reconciliation of an object took; namespace is empty for a cluster-scoped one.
func (m *Metrics) Reconciled(kind Kind, namespace, name string, d time.Duration) {
	m.objects[kind].note(namespace, name, func(o *object) { o.duration, o.reconciled = d, true })
}

// ProviderCall counts one call to the system behind a store; err is how it ended.
func (m *Metrics) ProviderCall(provider, call string, err error) {
	status := "success"
	if err != nil {
		status = "error"
	}
	m.apiCalls.WithLabelValues(provider, call, status).Inc()
}

// WatchEvent is what becomes of the watch of a store.
type WatchEvent string

// The ends of a watch.
const (
	// WatchFailed is a watch that broke, and begins again.
	WatchFailed WatchEvent = "failed"
	// WatchQuiet is a watch that gave no sign of life, and begins again.
	WatchQuiet WatchEvent = "quiet"
	// WatchRefused is a watch that the store does not allow; what it holds is read at each interval.
	WatchRefused WatchEvent = "refused"
)

// KindOfStore returns the Kind of a store of the given kind of the API.
func KindOfStore(kind string) Kind { return Kind(strings.ToLower(kind)) }

// Watched counts one event of a watch of a store; namespace is empty for a ClusterSecretStore.
func (m *Metrics) Watched(kind Kind, namespace, name string, event WatchEvent) {
	m.watches[kind].WithLabelValues(name, namespace, string(event)).Inc()
}

// EventDropped counts one event of the given type that was not recorded.
func (m *Metrics) EventDropped(eventtype string) { m.droppedEvents.WithLabelValues(eventtype).Inc() }

// Abandoned counts one lease that is not given back though nobody needs it any more.
func (m *Metrics) Abandoned(namespace string) { m.abandoned.WithLabelValues(namespace).Inc() }

// Expires records when the lease that a GeneratorState describes ends; a zero time is none that ends, or none in use.
// owner is the kind and the name of the object that has it.
func (m *Metrics) Expires(namespace, name, owner string, at time.Time) {
	if at.IsZero() {
		m.expiries.DeletePartialMatch(prometheus.Labels{"name": name, "namespace": namespace})
		return
	}
	m.expiries.WithLabelValues(name, namespace, owner).Set(float64(at.Unix()))
}

// ShardHeld records whether this replica works on a shard.
func (m *Metrics) ShardHeld(shard int, held bool) {
	if held {
		m.shards.WithLabelValues(strconv.Itoa(shard)).Set(1)
		return
	}
	m.shards.DeleteLabelValues(strconv.Itoa(shard))
}

// Forget removes the metrics of an object that is gone. Of an ExternalSecret one stays that says so, which dashboards
// of this API rely on; of the latest thousand.
func (m *Metrics) Forget(kind Kind, namespace, name string) {
	m.Leave(kind, namespace, name)
	m.objects[kind].bury(namespace, name)
}

// Leave removes the metrics of an object that another replica has from now on.
func (m *Metrics) Leave(kind Kind, namespace, name string) {
	m.objects[kind].forget(namespace, name)
	labels := prometheus.Labels{"name": name, "namespace": namespace}
	if kind == GeneratorState {
		m.expiries.DeletePartialMatch(labels)
	}
	if watches := m.watches[kind]; watches != nil {
		watches.DeletePartialMatch(labels)
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}
