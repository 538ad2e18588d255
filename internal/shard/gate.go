package shard

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Of returns which of so many shards an object belongs to: all objects of a namespace to the same one, and an object without a
// namespace to that of its name.
func Of(object types.NamespacedName, count int) int {
	key := object.Namespace
	if key == "" {
		key = object.Name
	}
	return spread(key, count)
}

// spread returns a number below count, the same one for the same text.
func spread(text string, count int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // never fails
	return int(int64(h.Sum32()) % int64(count))
}

// Gate lets the objects through whose shards this process holds. A nil Gate lets all objects through: there are no shards. It
// is safe for concurrent use.
type Gate struct {
	mu        sync.Mutex
	shards    []state
	listeners []listener
}

// state is that of one shard.
type state struct {
	// held says that its objects are let through.
	held bool
	// working is how many of them are being worked on. idle is closed when that is none; nil while nobody waits for it.
	working int
	idle    chan struct{}
}

// listener is told what becomes of shards, after it has.
type listener interface {
	// gained is called when objects of the shard are let through, lost when none is being worked on any more.
	gained(ctx context.Context, shard int)
	lost(ctx context.Context, shard int)
}

// NewGate returns a gate that holds none of so many shards.
func NewGate(count int) *Gate { return &Gate{shards: make([]state, count)} }

// Holds reports whether an object is let through.
func (g *Gate) Holds(object types.NamespacedName) bool {
	if g == nil {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.of(object).held
}

// Begin says that an object is about to be worked on, and reports whether it is let through. If it is, End must follow.
func (g *Gate) Begin(object types.NamespacedName) bool {
	if g == nil {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.of(object)
	if !s.held {
		return false
	}
	s.working++
	return true
}

// End says that the work on an object has ended.
func (g *Gate) End(object types.NamespacedName) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.of(object)
	s.working--
	s.settleIdle()
}

// of returns the shard of an object. The mutex is held.
func (g *Gate) of(object types.NamespacedName) *state { return &g.shards[Of(object, len(g.shards))] }

// settleIdle tells who waits for it that nothing of the shard is being worked on. The mutex is held.
func (s *state) settleIdle() {
	if s.working == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// Open lets the objects of a shard through.
func (g *Gate) Open(shard int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shards[shard].held = true
}

// Shut lets no more objects of a shard through. The channel is closed when none is being worked on any more.
func (g *Gate) Shut(shard int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.shards[shard]
	s.held = false
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.settleIdle()
	return idle
}

// listen adds a listener, and returns the shards that are held: it is not told of these.
func (g *Gate) listen(l listener) []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listeners = append(g.listeners, l)
	var held []int
	for i := range g.shards {
		if g.shards[i].held {
			held = append(held, i)
		}
	}
	return held
}

// tell calls each listener.
func (g *Gate) tell(what func(listener)) {
	g.mu.Lock()
	listeners := slices.Clip(g.listeners)
	g.mu.Unlock()
	for _, l := range listeners {
		what(l)
	}
}
