package pushsecret

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// rounds holds the values of rotations that have begun and not yet reached every store, so that a retry delivers the
// same values.
type rounds struct {
	mu     sync.Mutex
	values map[types.NamespacedName]map[string][]byte
}

func newRounds() *rounds { return &rounds{values: map[types.NamespacedName]map[string][]byte{}} }

func (r *rounds) get(name types.NamespacedName) (map[string][]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	values, ok := r.values[name]
	return values, ok
}

func (r *rounds) begin(name types.NamespacedName, values map[string][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[name] = values
}

func (r *rounds) end(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.values, name)
}
