package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/utils/clock"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-operator/sluice/internal/metrics"
)

// labelOf is the label of the Leases of replicas and of shards. Its value is the name of the election.
const labelOf = "sluice.dev/shards-of"

// errLost ends a process that has not renewed a Lease in time: another replica may have it by now.
var errLost = errors.New("lost a lease")

// Config says how replicas share the work.
type Config struct {
	// Leases are where the replicas meet, in Namespace.
	Leases    coordinationv1client.LeasesGetter
	Namespace string
	// Name begins the names of all Leases. The Lease of that name itself is that of the leader election, and is held by all
	// replicas together: none with another number of shards, or with leader election, works at the same time.
	Name string
	// Identity tells this replica from all others, also from its predecessor in the same pod. It is the end of a Lease's name.
	Identity string
	// Count is the number of shards.
	Count int
	// LeaseDuration, RenewDeadline and RetryPeriod are those of a leader election, for each Lease.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
	// Gate is told of the shards that are held, and Metrics count them.
	Gate    *Gate
	Metrics *metrics.Metrics
	// Clock is the time.
	Clock clock.WithTicker
}

// Replica is one of several replicas of the operator that share the work. Each shard has a Lease, and a replica works on the
// shards whose Leases it holds. Replicas announce themselves by a Lease of their own; one that has more than its share gives a
// shard back as soon as none of its objects is being worked on, and one that has less takes what is free.
type Replica struct {
	Config

	failed chan error
	// board is for the goroutine of Start alone.
	board board

	mu sync.Mutex
	// taken are the shards that are held, or are about to be taken or given back.
	taken map[int]*claim
	ended sync.WaitGroup
}

// claim is on one shard.
type claim struct {
	cancel context.CancelFunc
	// held says that the Lease was obtained, leaving that the shard is to be given back, over that the claim has ended.
	held, leaving, over bool
}

// New returns a replica. Start makes it one of those that work.
func New(config Config) *Replica {
	return &Replica{Config: config, failed: make(chan error, config.Count+2), taken: map[int]*claim{}}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: shards take the place of a leader.
func (*Replica) NeedLeaderElection() bool { return false }

// Start holds shards until ctx ends, and gives them back then, as soon as nothing is being worked on. It waits for replicas with
// another number of shards to end. An error means that a Lease was lost: the process has to end at once.
func (r *Replica) Start(ctx context.Context) error {
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer r.shut()
	own := r.memberName(r.Identity)
	for _, one := range []*lock{r.lockOn(r.Name, fmt.Sprintf("%d shards", r.Count), nil), r.lockOn(own, r.Identity, nil)} {
		if err := r.enter(ctx, alive, one); err != nil || ctx.Err() != nil {
			return err
		}
	}
	watching, stop := context.WithCancel(alive)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(watching, alive)
	}()
	select {
	case err := <-r.failed:
		return err
	case <-ctx.Done():
	}
	stop()
	<-watched
	if err := r.leave(alive); err != nil {
		return err
	}
	cancel()
	r.withdraw(context.WithoutCancel(ctx), own)
	return nil
}

// watch looks at the Leases again and again until ctx ends. Claims last as long as alive.
func (r *Replica) watch(ctx, alive context.Context) {
	ticker := r.Clock.NewTicker(r.RetryPeriod)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C():
			r.look(ctx, alive)
		}
	}
}

// enter obtains a Lease that is then renewed as long as alive lasts.
func (r *Replica) enter(ctx, alive context.Context, one *lock) error {
	obtained := make(chan struct{})
	elector, err := r.elector(one, func() { close(obtained) })
	if err != nil {
		return err
	}
	go r.elect(alive, elector, one)
	select {
	case <-obtained:
	case err := <-r.failed:
		return err
	case <-ctx.Done():
	}
	return nil
}

// elector returns what obtains and renews a Lease.
func (r *Replica) elector(one *lock, obtained func()) (*leaderelection.LeaderElector, error) {
	return leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: one, Name: one.LeaseMeta.Name,
		LeaseDuration: r.LeaseDuration, RenewDeadline: r.RenewDeadline, RetryPeriod: r.RetryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { obtained() },
			OnStoppedLeading: func() {},
			OnNewLeader: func(holder string) {
				if one.LeaseMeta.Name == r.Name && holder != "" && holder != one.Identity() {
					logf.Log.Info("waiting: replicas with another number of shards, or with leader election, have to end first",
						"lease", one.Describe(), "holder", holder)
				}
			},
		},
	})
}

// elect runs until ctx ends. If it ends before that, the Lease is lost.
func (r *Replica) elect(ctx context.Context, elector *leaderelection.LeaderElector, one *lock) {
	elector.Run(logr.NewContext(ctx, logr.Discard()))
	if ctx.Err() == nil {
		r.failed <- fmt.Errorf("%w: %s was not renewed in time", errLost, one.Describe())
	}
}

// look reads the Leases, and takes and gives back shards until this replica has its share.
func (r *Replica) look(ctx, alive context.Context) {
	reading, cancel := context.WithTimeout(ctx, r.RenewDeadline)
	defer cancel()
	leases, err := r.leases().List(reading, metav1.ListOptions{LabelSelector: labelOf + "=" + r.Name})
	if err != nil {
		if ctx.Err() == nil {
			logf.FromContext(ctx).Info("the leases of the replicas cannot be read", "reason", err.Error())
		}
		return
	}
	now := r.Clock.Now()
	r.board.update(leases.Items, now)
	living, dead := r.board.replicas(r.memberName(""), now)
	for _, lease := range dead {
		// Whoever has renewed it meanwhile keeps it.
		_ = r.leases().Delete(reading, lease.Name, *metav1.NewRVDeletionPrecondition(lease.ResourceVersion))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.yield(now)
	own := share(r.Count, living, r.Identity)
	r.shrink(alive, own)
	r.grow(alive, own, now)
}

// have is the number of shards that are held, or claimed, and not to be given back. The mutex is held.
func (r *Replica) have() int {
	n := 0
	for _, c := range r.taken {
		if !c.leaving {
			n++
		}
	}
	return n
}

// yield ends the claims on what another replica has obtained. The mutex is held.
func (r *Replica) yield(now time.Time) {
	for i, c := range r.taken {
		if one := r.board.seen[r.shardName(i)]; !c.held && one.held(now) && !one.by(r.Identity) {
			c.leaving = true
			c.cancel()
		}
	}
}

// shrink gives back what is more than this replica's own. The mutex is held.
func (r *Replica) shrink(alive context.Context, own int) {
	excess := r.have() - own
	for i := range r.Count {
		c := r.taken[i]
		if excess <= 0 || c == nil || c.leaving {
			continue
		}
		excess--
		c.leaving = true
		if c.held {
			r.ended.Go(func() { r.giveBack(alive, i, c) })
		} else {
			c.cancel()
		}
	}
}

// grow claims free shards up to this replica's own. The mutex is held.
func (r *Replica) grow(alive context.Context, own int, now time.Time) {
	// Each begins elsewhere, so that they do not all want the same.
	first := spread(r.Identity, r.Count)
	missing := own - r.have()
	for step := range r.Count {
		i := (first + step) % r.Count
		one := r.board.seen[r.shardName(i)]
		if missing > 0 && r.taken[i] == nil && (!one.held(now) || one.by(r.Identity)) {
			missing--
			r.claim(alive, i, one.record)
		}
	}
}

// claim begins to obtain a shard, whose Lease has not changed since it was expired. The mutex is held.
func (r *Replica) claim(alive context.Context, i int, expired []byte) {
	one := r.lockOn(r.shardName(i), r.Identity, expired)
	ctx, cancel := context.WithCancel(alive)
	c := &claim{cancel: cancel}
	elector, err := r.elector(one, func() { r.obtained(alive, i, c) })
	if err != nil {
		cancel()
		r.failed <- err
		return
	}
	r.taken[i] = c
	r.ended.Go(func() {
		defer cancel()
		r.elect(ctx, elector, one)
		r.over(alive, i, c)
	})
}

// obtained lets the objects of a shard through.
func (r *Replica) obtained(alive context.Context, i int, c *claim) {
	r.mu.Lock()
	if c.over || c.leaving {
		r.mu.Unlock()
		return
	}
	c.held = true
	r.Gate.Open(i)
	r.Metrics.ShardHeld(i, true)
	r.mu.Unlock()
	logf.FromContext(alive).Info("took a shard", "shard", i)
	r.Gate.tell(func(l listener) { l.gained(alive, i) })
}

// giveBack ends a claim when none of the shard's objects is being worked on any more.
func (r *Replica) giveBack(alive context.Context, i int, c *claim) {
	select {
	case <-r.Gate.Shut(i):
	case <-alive.Done():
		return
	}
	r.Gate.tell(func(l listener) { l.lost(alive, i) })
	logf.FromContext(alive).Info("giving a shard back", "shard", i)
	c.cancel()
}

// over makes the Lease of a claim free that was ended on purpose. One that was lost is not this replica's to touch.
func (r *Replica) over(alive context.Context, i int, c *claim) {
	r.mu.Lock()
	c.over = true
	r.Gate.Shut(i)
	r.Metrics.ShardHeld(i, false)
	r.mu.Unlock()
	if alive.Err() != nil || !c.leaving {
		return
	}
	if err := r.release(alive, r.shardName(i)); err != nil {
		logf.FromContext(alive).Info("a shard could not be given back; it is free when its time is over", "shard", i, "reason", err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.taken, i)
}

// leave gives all shards back.
func (r *Replica) leave(alive context.Context) error {
	r.mu.Lock()
	r.shrink(alive, 0)
	r.mu.Unlock()
	given := make(chan struct{})
	go func() {
		r.ended.Wait()
		close(given)
	}()
	select {
	case <-given:
		return nil
	case err := <-r.failed:
		return err
	}
}

// withdraw says that this replica is gone.
func (r *Replica) withdraw(ctx context.Context, own string) {
	ctx, cancel := context.WithTimeout(ctx, r.RenewDeadline)
	defer cancel()
	if err := r.leases().Delete(ctx, own, metav1.DeleteOptions{}); err != nil {
		logf.FromContext(ctx).Info("the lease of this replica stays until its time is over", "lease", own, "reason", err.Error())
	}
}

// shut lets no more objects through.
func (r *Replica) shut() {
	for i := range r.Count {
		r.Gate.Shut(i)
	}
}

func (r *Replica) leases() coordinationv1client.LeaseInterface { return r.Leases.Leases(r.Namespace) }

func (r *Replica) shardName(i int) string { return fmt.Sprintf("%s-shard-%d", r.Name, i) }

// memberName returns the name of the Lease by which a replica announces itself.
func (r *Replica) memberName(identity string) string {
	return r.Name + "-member-" + strings.ToLower(identity)
}
