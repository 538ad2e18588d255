package witness

import (
	"fmt"
	"slices"
	"sync"
)

// Witness follows generated values from place to place. What it has seen of a value it never forgets. It is safe for
// concurrent use, and its zero value follows nothing.
//
// A value is in order as long as each place shows it from the moment that any of them did, until somebody asks for a
// rotation; a rotation brings exactly one other value, and no place goes back to one that it had before.
type Witness struct {
	mu         sync.Mutex
	values     map[string]*history
	places     map[string]*place
	violations []string
}

// history is one generated value over time.
type history struct {
	name string
	// seen are the texts that it had, in the order of their appearance; those of an earlier life are not among them.
	seen []string
	// asked is how many rotations were asked for in this life.
	asked int
	// released says that the places may be emptied.
	released bool
	places   []*place
	total    int
}

// place is where a value becomes visible.
type place struct {
	name  string
	value *history
	// at is the number of the text that it shows, from 1; 0 when it is empty.
	at int
}

// Follow lets the witness follow a value to the places where it is to be the same. Names of values and of places are the
// caller's. What is followed already is not followed anew.
func (w *Witness) Follow(value string, places ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.values == nil {
		w.values, w.places = map[string]*history{}, map[string]*place{}
	}
	if w.values[value] != nil {
		return
	}
	h := &history{name: value}
	w.values[value] = h
	for _, name := range places {
		p := &place{name: name, value: h}
		w.places[name], h.places = p, append(h.places, p)
	}
}

// Ask says that somebody asks for one rotation of a value. It is to be called before the request is made.
func (w *Witness) Ask(value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values[value].asked++
}

// Release says that somebody takes a value away. When every place is empty its life ends, and a new one may begin.
func (w *Witness) Release(value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values[value].released = true
}

// Saw says what a place shows now; nothing when it is empty. It is to be called for each state of a place, in order.
// Places that are not followed are of no interest.
func (w *Witness) Saw(at, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.places[at]
	if p == nil {
		return
	}
	if text == "" {
		w.emptied(p)
		return
	}
	h := p.value
	number := slices.Index(h.seen, text) + 1
	if number == 0 {
		h.seen = append(h.seen, text)
		h.total++
		number = len(h.seen)
		if number > h.asked+1 {
			w.violatedf("%s: %s shows value %d, and only %d rotations were asked for", h.name, p.name, number, h.asked)
		}
	}
	if number < p.at {
		w.violatedf("%s: %s goes back from value %d to value %d", h.name, p.name, p.at, number)
	}
	p.at = number
}

func (w *Witness) emptied(p *place) {
	if p.at == 0 {
		return
	}
	h := p.value
	if !h.released {
		w.violatedf("%s: %s has lost value %d", h.name, p.name, p.at)
	}
	p.at = 0
	if !slices.ContainsFunc(h.places, func(p *place) bool { return p.at != 0 }) {
		h.seen, h.asked, h.released = nil, 0, false
	}
}

func (w *Witness) violatedf(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// Missing says what a value still lacks of being settled: every place shows its newest text, and each rotation that was
// asked for has brought one. It is empty for a value that is settled.
func (w *Witness) Missing(value string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.values[value]
	if len(h.seen) < h.asked+1 {
		return fmt.Sprintf("%s: %d of %d values became visible", h.name, len(h.seen), h.asked+1)
	}
	return h.spread()
}

// Differing says which places of a value do not show its newest text, however many rotations there were; nothing when all
// do.
func (w *Witness) Differing(value string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.values[value].spread()
}

func (h *history) spread() string {
	for _, p := range h.places {
		if p.at != len(h.seen) {
			return fmt.Sprintf("%s: %s shows value %d of %d", h.name, p.name, p.at, len(h.seen))
		}
	}
	return ""
}

// Before returns the text that a value had before its newest one; nothing when there was none in this life.
func (w *Witness) Before(value string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if seen := w.values[value].seen; len(seen) > 1 {
		return seen[len(seen)-2]
	}
	return ""
}

// Visible returns how many different texts of a value have ever been seen.
func (w *Witness) Visible(value string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.values[value].total
}

// Violations returns what was not in order, in the order in which it was seen. No text of a value is in it.
func (w *Witness) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}
