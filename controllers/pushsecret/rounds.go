package pushsecret

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// rounds holds the values of rotations that have begun and not yet reached every store, so that a retry delivers the same
// values. A round that was asked for by something else is another round.
type rounds struct {
	mu    sync.Mutex
	begun map[types.NamespacedName]round
}

type round struct {
	id     string
	values map[string][]byte
}

func newRounds() *rounds { return &rounds{begun: map[types.NamespacedName]round{}} }

// get returns the values of the round of the given identity; false when it has not begun.
func (r *rounds) get(name types.NamespacedName, id string) (map[string][]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current, ok := r.begun[name]
	return current.values, ok && current.id == id
}

// begin puts a round in the place of any other of the same object.
func (r *rounds) begin(name types.NamespacedName, id string, values map[string][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun[name] = round{id: id, values: values}
}

func (r *rounds) end(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.begun, name)
}
