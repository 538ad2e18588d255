package pushsecret

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// rounds holds the values of rotations that have begun and not yet reached every store, so that a retry has them without
// a look into the stores. A round of something else is another round.
type rounds struct {
	mu    sync.Mutex
	begun map[types.NamespacedName]round
}

type round struct {
	id     string
	source render.Source
	// leases are the names of the states of the values.
	leases []string
}

func newRounds() *rounds { return &rounds{begun: map[types.NamespacedName]round{}} }

// get returns the round of the given identity; false when it has not begun.
func (r *rounds) get(name types.NamespacedName, id string) (round, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current, ok := r.begun[name]
	return current, ok && current.id == id
}

// begin puts a round in the place of any other of the same object.
func (r *rounds) begin(name types.NamespacedName, id string, begun round) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begun.id = id
	r.begun[name] = begun
}

func (r *rounds) end(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.begun, name)
}
