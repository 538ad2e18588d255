package lease

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-operator/sluice/generators"
)

// rounds holds values that were generated and have not been delivered yet, so that another try delivers the same ones.
// Losing it costs what it holds, no more. It is safe for concurrent use; the zero value is ready.
type rounds struct {
	mu    sync.Mutex
	begun map[holder]map[string]round
}

// holder is the object that values were generated for.
type holder struct {
	kind string
	name types.NamespacedName
}

func holderOf(o Owner) holder {
	return holder{kind: o.Kind.Kind, name: types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}}
}

type round struct {
	// id names the owner, its request and the generator as they were.
	id     string
	result generators.Result
	// state is where the lease is written down; nil when there is none, or when that failed.
	state *State
}

func (r *rounds) get(of holder, slot, id string) (round, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.begun[of][slot]
	return known, ok && known.id == id
}

// begin puts a round in the place of any other of the same slot.
func (r *rounds) begin(of holder, slot string, begun round) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun == nil {
		r.begun = map[holder]map[string]round{}
	}
	if r.begun[of] == nil {
		r.begun[of] = map[string]round{}
	}
	r.begun[of][slot] = begun
}

// end drops all rounds of an object.
func (r *rounds) end(of holder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.begun, of)
}
