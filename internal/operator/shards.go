package operator

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/sluice-operator/sluice/internal/metrics"
	"github.com/sluice-operator/sluice/internal/shard"
)

// sharded says that several replicas share the work.
func (o *Options) sharded() bool { return o.Shards > 1 }

// checkShards refuses settings under which replicas could not share the work.
func (o *Options) checkShards() error {
	switch problems := validation.IsValidLabelValue(o.LeaderElection.ID); {
	case o.Shards < 1:
		return fmt.Errorf("--shards=%d: there is at least one", o.Shards)
	case !o.sharded():
		return nil
	case o.LeaderElection.Enabled:
		return errors.New("--shards and --enable-leader-election exclude each other: each shard has its own lease, and every replica works")
	case o.Namespace != "":
		return errors.New("--shards and --namespace exclude each other: the objects of a namespace are in one shard")
	case len(problems) > 0:
		return fmt.Errorf("--leader-election-id %q cannot name the leases of shards: %s", o.LeaderElection.ID, strings.Join(problems, ", "))
	}
	return nil
}

// drainTime is how long a process that has lost the lease of a shard may go on ending before another one may have the shard.
func (o *Options) drainTime() time.Duration {
	e := o.LeaderElection
	return max(e.LeaseDuration-e.RenewDeadline-e.RetryPeriod, 0)
}

// share makes this process one of several replicas that share the work, and returns what lets the objects through that are its
// own; nil when there are no shards.
func share(mgr manager.Manager, config *rest.Config, m *metrics.Metrics, o Options) (*shard.Gate, error) {
	if !o.sharded() {
		return nil, nil //nolint:nilnil // no gate is one that is open
	}
	e := o.LeaderElection
	config = rest.CopyConfig(config)
	// Leases are renewed however much else there is to do, and a request that hangs leaves time for another one.
	config.QPS, config.Timeout = -1, e.RenewDeadline/2
	leases, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the client of leases: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find the name of this replica: %w", err)
	}
	gate := shard.NewGate(o.Shards)
	return gate, mgr.Add(shard.New(shard.Config{
		Leases: leases, Namespace: o.OperatorNamespace, Name: e.ID, Identity: strings.ToLower(host) + "-" + string(uuid.NewUUID()),
		Count: o.Shards, Gate: gate, Metrics: m, Clock: clock.RealClock{},
		LeaseDuration: e.LeaseDuration, RenewDeadline: e.RenewDeadline, RetryPeriod: e.RetryPeriod,
	}))
}
