package witness_test

import (
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/test/witness"
)

func TestWitness(t *testing.T) {
	tests := map[string]struct {
		reason string
		story  func(*witness.Witness)
		// violation and missing are parts of what the witness says; empty when it is to say nothing.
		violation, missing string
	}{
		"one value everywhere": {
			reason: "places that fill one after the other are how a delivery looks",
			story:  func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("a", "1"); w.Saw("b", "1") },
		},
		"another value without a request": {
			reason:    "this is the outage",
			story:     func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("b", "1"); w.Saw("a", "2"); w.Saw("b", "2") },
			violation: "a shows value 2, and only 0 rotations",
		},
		"two values from the start": {
			reason:    "a generator that ran for each store has run twice",
			story:     func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("b", "2") },
			violation: "b shows value 2, and only 0 rotations", missing: "a shows value 1 of 2",
		},
		"a rotation": {
			reason: "one request is one other value",
			story: func(w *witness.Witness) {
				w.Saw("a", "1")
				w.Saw("b", "1")
				w.Ask("v")
				w.Saw("a", "2")
				w.Saw("b", "2")
			},
		},
		"a rotation with two values": {
			reason: "a round that was begun again must not bring a value of its own",
			story: func(w *witness.Witness) {
				w.Saw("a", "1")
				w.Saw("b", "1")
				w.Ask("v")
				w.Saw("a", "2")
				w.Saw("b", "3")
			},
			violation: "b shows value 3, and only 1 rotations", missing: "a shows value 2 of 3",
		},
		"a rotation that did not happen": {
			reason:  "a request must not be lost",
			story:   func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("b", "1"); w.Ask("v") },
			missing: "1 of 2 values",
		},
		"a rotation that reached one place": {
			reason:  "a round ends everywhere",
			story:   func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("b", "1"); w.Ask("v"); w.Saw("a", "2") },
			missing: "b shows value 1 of 2",
		},
		"a way back": {
			reason: "who has read the new value must not find the old one again",
			story: func(w *witness.Witness) {
				w.Saw("a", "1")
				w.Saw("b", "1")
				w.Ask("v")
				w.Saw("a", "2")
				w.Saw("a", "1")
			},
			violation: "a goes back from value 2 to value 1", missing: "a shows value 1 of 2",
		},
		"a loss": {
			reason:    "nobody asked for a place to be emptied",
			story:     func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("b", "1"); w.Saw("b", "") },
			violation: "b has lost value 1", missing: "b shows value 0 of 1",
		},
		"another life": {
			reason: "what was taken away everywhere may be born again",
			story: func(w *witness.Witness) {
				w.Saw("a", "1")
				w.Saw("b", "1")
				w.Release("v")
				w.Saw("a", "")
				w.Saw("b", "")
				w.Saw("a", "2")
				w.Saw("b", "2")
			},
		},
		"another life that began too soon": {
			reason: "the value that one place still has is the one to be adopted",
			story: func(w *witness.Witness) {
				w.Saw("a", "1")
				w.Saw("b", "1")
				w.Release("v")
				w.Saw("a", "")
				w.Saw("a", "2")
			},
			violation: "a shows value 2", missing: "b shows value 1 of 2",
		},
		"elsewhere": {
			reason: "what is not followed is of no interest",
			story:  func(w *witness.Witness) { w.Saw("a", "1"); w.Saw("b", "1"); w.Saw("c", "2") },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := &witness.Witness{}
			w.Follow("v", "a", "b")
			tt.story(w)
			says := func(what, got, want string) {
				if (want == "" && got != "") || !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q: %s", what, got, want, tt.reason)
				}
			}
			says("violations", strings.Join(w.Violations(), "; "), tt.violation)
			says("missing", w.Missing("v"), tt.missing)
		})
	}
}

func TestBefore(t *testing.T) {
	w := &witness.Witness{}
	w.Follow("v", "a")
	w.Saw("a", "1")
	if got := w.Before("v"); got != "" {
		t.Errorf("before the first text there was %q", got)
	}
	w.Ask("v")
	w.Saw("a", "2")
	if got := w.Before("v"); got != "1" {
		t.Errorf("before the second text there was %q", got)
	}
}
