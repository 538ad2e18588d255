package metrics_test

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/metrics"
)

func TestMetrics(t *testing.T) {
	tests := []struct {
		reason string
		act    func(*metrics.Metrics)
		name   string
		want   []string
	}{
		{
			reason: "every sync counts", name: "externalsecret_sync_calls_total",
			act:  func(m *metrics.Metrics) { m.Synced("ns", "a", nil); m.Synced("ns", "a", errors.New("x")) },
			want: []string{`externalsecret_sync_calls_total{name="a",namespace="ns"} 2`},
		},
		{
			reason: "only failed syncs count as errors", name: "externalsecret_sync_calls_error",
			act:  func(m *metrics.Metrics) { m.Synced("ns", "a", nil); m.Synced("ns", "a", errors.New("x")) },
			want: []string{`externalsecret_sync_calls_error{name="a",namespace="ns"} 1`},
		},
		{
			reason: "the actual status is 1, the opposite 0", name: "pushsecret_status_condition",
			act: func(m *metrics.Metrics) {
				m.Ready(metrics.PushSecret, "ns", "a", metav1.ConditionFalse)
				m.Ready(metrics.PushSecret, "ns", "a", metav1.ConditionTrue)
			},
			want: []string{
				`pushsecret_status_condition{condition="Ready",name="a",namespace="ns",status="False"} 0`,
				`pushsecret_status_condition{condition="Ready",name="a",namespace="ns",status="True"} 1`,
			},
		},
		{
			reason: "an unknown status is neither", name: "secretstore_status_condition",
			act: func(m *metrics.Metrics) {
				m.Ready(metrics.SecretStore, "ns", "a", metav1.ConditionUnknown)
			},
			want: []string{
				`secretstore_status_condition{condition="Ready",name="a",namespace="ns",status="False"} 0`,
				`secretstore_status_condition{condition="Ready",name="a",namespace="ns",status="True"} 0`,
			},
		},
		{
			reason: "durations are nanoseconds, a cluster-scoped object has no namespace", name: "clustersecretstore_reconcile_duration",
			act:  func(m *metrics.Metrics) { m.Reconciled(metrics.ClusterSecretStore, "", "a", 2*time.Microsecond) },
			want: []string{`clustersecretstore_reconcile_duration{name="a",namespace=""} 2000`},
		},
		{
			reason: "a ClusterExternalSecret has metrics of its own", name: "clusterexternalsecret_status_condition",
			act: func(m *metrics.Metrics) {
				m.Ready(metrics.ClusterExternalSecret, "", "a", metav1.ConditionTrue)
			},
			want: []string{
				`clusterexternalsecret_status_condition{condition="Ready",name="a",namespace="",status="False"} 0`,
				`clusterexternalsecret_status_condition{condition="Ready",name="a",namespace="",status="True"} 1`,
			},
		},
		{
			reason: "a ClusterPushSecret has metrics of its own", name: "clusterpushsecret_reconcile_duration",
			act:  func(m *metrics.Metrics) { m.Reconciled(metrics.ClusterPushSecret, "", "a", time.Microsecond) },
			want: []string{`clusterpushsecret_reconcile_duration{name="a",namespace=""} 1000`},
		},
		{
			reason: "calls count by provider, call and outcome", name: "externalsecret_provider_api_calls_count",
			act: func(m *metrics.Metrics) {
				m.ProviderCall("Kubernetes", "GetSecret", nil)
				m.ProviderCall("Kubernetes", "GetSecret", errors.New("x"))
			},
			want: []string{
				`externalsecret_provider_api_calls_count{call="GetSecret",provider="Kubernetes",status="error"} 1`,
				`externalsecret_provider_api_calls_count{call="GetSecret",provider="Kubernetes",status="success"} 1`,
			},
		},
		{
			reason: "events that are dropped count by type", name: "sluice_events_dropped_total",
			act:  func(m *metrics.Metrics) { m.EventDropped("Normal"); m.EventDropped("Normal") },
			want: []string{`sluice_events_dropped_total{type="Normal"} 2`},
		},
		{
			reason: "ends of watches count by store and reason", name: "secretstore_watch_ends_total",
			act: func(m *metrics.Metrics) {
				m.Watched(metrics.KindOfStore("SecretStore"), "ns", "a", metrics.WatchQuiet)
				m.Watched(metrics.KindOfStore("SecretStore"), "ns", "gone", metrics.WatchFailed)
				m.Forget(metrics.SecretStore, "ns", "gone")
			},
			want: []string{`secretstore_watch_ends_total{name="a",namespace="ns",reason="quiet"} 1`},
		},
		{
			reason: "leases that are given up count by namespace", name: "generatorstate_abandoned_total",
			act:  func(m *metrics.Metrics) { m.Abandoned("ns"); m.Abandoned("ns"); m.Abandoned("other") },
			want: []string{`generatorstate_abandoned_total{namespace="ns"} 2`, `generatorstate_abandoned_total{namespace="other"} 1`},
		},
		{
			reason: "the end of a lease is in seconds", name: "generatorstate_expiry_timestamp_seconds",
			act:  func(m *metrics.Metrics) { m.Expires("ns", "a", "ExternalSecret/app", time.Unix(1000, 0)) },
			want: []string{`generatorstate_expiry_timestamp_seconds{name="a",namespace="ns",owner="ExternalSecret/app"} 1000`},
		},
		{
			reason: "a lease that is not in use any more, or is gone, ends at no time", name: "generatorstate_expiry_timestamp_seconds",
			act: func(m *metrics.Metrics) {
				for _, name := range []string{"a", "b", "c"} {
					m.Expires("ns", name, "ExternalSecret/app", time.Unix(1000, 0))
				}
				m.Expires("ns", "a", "ExternalSecret/app", time.Time{})
				m.Forget(metrics.GeneratorState, "ns", "b")
			},
			want: []string{`generatorstate_expiry_timestamp_seconds{name="c",namespace="ns",owner="ExternalSecret/app"} 1000`},
		},
		{
			reason: "a deleted ExternalSecret leaves only that it is deleted", name: "externalsecret_status_condition",
			act: func(m *metrics.Metrics) {
				m.Ready(metrics.ExternalSecret, "ns", "a", metav1.ConditionTrue)
				m.Forget(metrics.ExternalSecret, "ns", "a")
			},
			want: []string{`externalsecret_status_condition{condition="Deleted",name="a",namespace="ns",status="False"} 1`},
		},
		{
			reason: "one that comes back is not deleted any more", name: "externalsecret_status_condition",
			act: func(m *metrics.Metrics) {
				m.Forget(metrics.ExternalSecret, "ns", "a")
				m.Ready(metrics.ExternalSecret, "ns", "a", metav1.ConditionTrue)
			},
			want: []string{
				`externalsecret_status_condition{condition="Ready",name="a",namespace="ns",status="False"} 0`,
				`externalsecret_status_condition{condition="Ready",name="a",namespace="ns",status="True"} 1`,
			},
		},
		{
			reason: "what another replica has from now on is not said to be deleted", name: "externalsecret_status_condition",
			act: func(m *metrics.Metrics) {
				m.Ready(metrics.ExternalSecret, "ns", "a", metav1.ConditionTrue)
				m.Leave(metrics.ExternalSecret, "ns", "a")
			},
		},
		{
			reason: "nor are its syncs counted any more", name: "externalsecret_sync_calls_total",
			act: func(m *metrics.Metrics) {
				m.Synced("ns", "a", nil)
				m.Leave(metrics.ExternalSecret, "ns", "a")
			},
		},
		{
			reason: "shards that are held are counted, and no others", name: "sluice_shard_held",
			act: func(m *metrics.Metrics) {
				m.ShardHeld(1, true)
				m.ShardHeld(2, true)
				m.ShardHeld(1, false)
			},
			want: []string{`sluice_shard_held{shard="2"} 1`},
		},
		{
			reason: "other objects leave nothing, and others of the kind stay", name: "secretstore_reconcile_duration",
			act: func(m *metrics.Metrics) {
				m.Reconciled(metrics.SecretStore, "ns", "a", 1)
				m.Reconciled(metrics.SecretStore, "ns", "b", 1)
				m.Forget(metrics.SecretStore, "ns", "a")
			},
			want: []string{`secretstore_reconcile_duration{name="b",namespace="ns"} 1`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			m, err := metrics.New(registry)
			if err != nil {
				t.Fatal(err)
			}
			tt.act(m)
			text, err := testutil.CollectAndFormat(registry, expfmt.TypeTextPlain, tt.name)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(line, "#") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestObjectsThatComeAndGoDoNotAddUp(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		name := strconv.Itoa(i)
		m.Synced("ns", name, errors.New("x"))
		m.Ready(metrics.ExternalSecret, "ns", name, metav1.ConditionTrue)
		m.Reconciled(metrics.ExternalSecret, "ns", name, 1)
		m.Forget(metrics.ExternalSecret, "ns", name)
		m.Forget(metrics.ExternalSecret, "ns", name)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 1000 {
		t.Errorf("%d metrics, %v, want those of the last thousand", n, err)
	}
}

func TestNewTwice(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := metrics.New(registry); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.New(registry); err == nil {
		t.Error("names that are taken must be an error")
	}
}

// TestThePageNamesEveryMetric compares the page for users with what is registered.
func TestThePageNamesEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../../docs/guides/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := &names{}
	if _, err := metrics.New(seen); err != nil {
		t.Fatal(err)
	}
	if len(*seen) == 0 {
		t.Error("no metric was seen")
	}
	for _, name := range *seen {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/guides/metrics.md does not name %s", name)
		}
	}
}

// names is a registry that takes the names of metrics down.
type names []string

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

func (n *names) Register(c prometheus.Collector) error {
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		c.Describe(described)
	}()
	for desc := range described {
		*n = append(*n, fqName.FindStringSubmatch(desc.String())[1])
	}
	return nil
}

func (n *names) MustRegister(...prometheus.Collector) {}

func (n *names) Unregister(prometheus.Collector) bool { return false }
