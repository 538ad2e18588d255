package shard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/clock"

	"github.com/sluice-operator/sluice/internal/metrics"
)

const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
	// takeOver is how long the shards of a dead replica may be nobody's: a Lease is looked at each retryPeriod.
	takeOver = leaseDuration + 2*retryPeriod + time.Second
)

// server keeps Leases as an API server does.
type server struct {
	mu      sync.Mutex
	version int
	leases  map[string]*coordinationv1.Lease
}

// way is one replica's way to the server.
type way struct {
	coordinationv1client.LeaseInterface
	*server

	// cut says that nothing comes through. poor is the connection of a bad network: requests take their time, and now and then
	// what was done is not answered.
	cut, poor bool
}

var errCut = errors.New("connection refused")

func (c *way) Leases(string) coordinationv1client.LeaseInterface { return c }

// travel takes the time that a request is on its way.
func (c *way) travel() {
	if c.poor {
		time.Sleep(rand.N(300 * time.Millisecond))
	}
}

// answer is the error of a request that was served.
func (c *way) answer() error {
	if c.poor && rand.IntN(20) == 0 {
		return errCut
	}
	return nil
}

func (c *way) reach() error {
	if c.cut {
		return errCut
	}
	return nil
}

func notFound(name string) error {
	return apierrors.NewNotFound(coordinationv1.Resource("leases"), name)
}

func (c *way) Get(_ context.Context, name string, _ metav1.GetOptions) (*coordinationv1.Lease, error) {
	c.travel()
	defer c.travel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(); err != nil {
		return nil, err
	}
	if found := c.leases[name]; found != nil {
		return found.DeepCopy(), nil
	}
	return nil, notFound(name)
}

func (c *way) List(_ context.Context, o metav1.ListOptions) (*coordinationv1.LeaseList, error) {
	c.travel()
	defer c.travel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(); err != nil {
		return nil, err
	}
	selector, err := labels.Parse(o.LabelSelector)
	if err != nil {
		return nil, err
	}
	var list coordinationv1.LeaseList
	for _, lease := range c.leases {
		if selector.Matches(labels.Set(lease.Labels)) {
			list.Items = append(list.Items, *lease.DeepCopy())
		}
	}
	return &list, nil
}

// put stores a Lease in a new version. The mutex is held.
func (c *way) put(lease *coordinationv1.Lease) *coordinationv1.Lease {
	c.version++
	stored := lease.DeepCopy()
	stored.ResourceVersion = strconv.Itoa(c.version)
	c.leases[lease.Name] = stored
	return stored.DeepCopy()
}

func (c *way) Create(_ context.Context, lease *coordinationv1.Lease, _ metav1.CreateOptions) (*coordinationv1.Lease, error) {
	c.travel()
	defer c.travel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(); err != nil {
		return nil, err
	}
	if c.leases[lease.Name] != nil {
		return nil, apierrors.NewAlreadyExists(coordinationv1.Resource("leases"), lease.Name)
	}
	return c.put(lease), c.answer()
}

func (c *way) Update(_ context.Context, lease *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	c.travel()
	defer c.travel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(); err != nil {
		return nil, err
	}
	switch found := c.leases[lease.Name]; {
	case found == nil:
		return nil, notFound(lease.Name)
	case found.ResourceVersion != lease.ResourceVersion:
		return nil, apierrors.NewConflict(coordinationv1.Resource("leases"), lease.Name, nil)
	}
	return c.put(lease), c.answer()
}

func (c *way) Delete(_ context.Context, name string, o metav1.DeleteOptions) error {
	c.travel()
	defer c.travel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(); err != nil {
		return err
	}
	switch found := c.leases[name]; {
	case found == nil:
		return notFound(name)
	case o.Preconditions != nil && *o.Preconditions.ResourceVersion != found.ResourceVersion:
		return apierrors.NewConflict(coordinationv1.Resource("leases"), name, nil)
	}
	delete(c.leases, name)
	return c.answer()
}

// world is some replicas with one server, in a bubble of synctest. Each replica works all the time on whatever its gate lets
// through; the world sees to it that no two ever work on the objects of one shard.
type world struct {
	t      *testing.T
	server *server
	// poor says that the replicas that begin have a poor connection.
	poor bool

	mu      sync.Mutex
	working map[int]*replica
}

// within runs a test in a bubble of synctest.
func within(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		test(&world{t: t, server: &server{leases: map[string]*coordinationv1.Lease{}}, working: map[int]*replica{}})
	})
}

// replica is one that runs.
type replica struct {
	*Replica

	world *world
	way   *way
	stop  context.CancelFunc
	ended chan error
}

// begin starts a replica that counts so many shards. It ends with the test.
func (w *world) begin(name string, shards int) *replica {
	w.t.Helper()
	measured, err := metrics.New(prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	gate := NewGate(shards)
	c := &way{server: w.server, poor: w.poor}
	ctx, stop := context.WithCancel(w.t.Context())
	r := &replica{world: w, way: c, stop: stop, ended: make(chan error, 1), Replica: New(Config{
		Leases: c, Namespace: "home", Name: "sluice", Identity: name, Count: shards, Gate: gate, Metrics: measured, Clock: clock.RealClock{},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
	})}
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.ended <- r.Start(ctx)
	}()
	for shard := range shards {
		go r.work(shard, over)
	}
	w.t.Cleanup(func() {
		stop()
		<-over
		time.Sleep(leaseDuration) // until the others have noticed, and everybody has gone
	})
	return r
}

// objectOf returns an object of a shard.
func objectOf(shard, shards int) types.NamespacedName {
	for i := 0; ; i++ {
		if name := (types.NamespacedName{Namespace: fmt.Sprintf("team-%d", i), Name: "app"}); Of(name, shards) == shard {
			return name
		}
	}
}

// work works on the objects of a shard until the replica is over, for a second at most at a time.
func (r *replica) work(shard int, over <-chan struct{}) {
	object := objectOf(shard, r.Count)
	for {
		select {
		case <-over:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if !r.Gate.Begin(object) {
			continue
		}
		r.world.enter(r, shard)
		time.Sleep(rand.N(time.Second))
		r.world.exit(shard)
		r.Gate.End(object)
	}
}

func (w *world) enter(r *replica, shard int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if other := w.working[shard]; other != nil {
		w.t.Errorf("%s and %s work on shard %d at the same time", other.Identity, r.Identity, shard)
	}
	for _, other := range w.working {
		if other.Count != r.Count {
			w.t.Errorf("%s works with %d shards while %s works with %d", r.Identity, r.Count, other.Identity, other.Count)
		}
	}
	w.working[shard] = r
}

func (w *world) exit(shard int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.working, shard)
}

// held returns the shards that a replica lets objects of through.
func (r *replica) held() (held []int) {
	for shard := range r.Count {
		if r.Gate.Holds(objectOf(shard, r.Count)) {
			held = append(held, shard)
		}
	}
	return held
}

// sizes returns how many shards each replica holds, sorted.
func sizes(replicas ...*replica) (all []int) {
	for _, r := range replicas {
		all = append(all, len(r.held()))
	}
	slices.Sort(all)
	return all
}

// after lets some time pass and expects the sizes of what the replicas hold.
func (w *world) after(wait time.Duration, reason string, want []int, replicas ...*replica) {
	w.t.Helper()
	time.Sleep(wait)
	synctest.Wait()
	if got := sizes(replicas...); !slices.Equal(got, want) {
		w.t.Errorf("%s: the replicas hold %v shards, want %v", reason, got, want)
	}
}
