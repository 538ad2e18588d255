package proof_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// play plays a whole story: a first delivery, a rotation that somebody asks for, and the time of the next rotation. It
// returns what was wrong; after it the world is at rest.
func (w *world) play(d *disturbance) []string {
	w.disturbance = d
	loose, deaf := d != nil && d.loose, d != nil && d.at == never
	steps := []struct {
		name  string
		begin func()
		// unheard says that nobody tells the operator.
		unheard bool
	}{
		{name: "first delivery", begin: w.create},
		{name: "request", unheard: deaf, begin: func() {
			w.ask(w.requested...)
			w.annotate(w.request, w.wish+"1")
		}},
		{name: "interval", begin: func() {
			for _, value := range sortedKeys(w.values) {
				// A request of which nobody has told is carried out now. What it asks for and what is due are one round.
				if w.due && (!deaf || (len(w.requested) > 0 && !slices.Contains(w.requested, value))) {
					w.ask(value)
				}
			}
			w.clock.Step(2 * time.Hour)
		}},
		{name: "later", begin: func() {}},
	}
	for i, step := range steps {
		if i == len(steps)-1 && !w.deaf {
			break
		}
		w.remember()
		w.step, w.deaf = len(w.past)-1, false
		step.begin()
		if step.unheard {
			continue
		}
		for _, text := range w.rest(loose) {
			return []string{step.name + ": " + text}
		}
	}
	visible := 0
	for value := range w.values {
		visible = max(visible, w.Visible(value))
	}
	// A run of which nobody has seen anything is no harm: the process died, or lost its answer, before it wrote.
	spare := 0
	if d != nil {
		spare = 1
	}
	if w.minted > visible+spare {
		return []string{fmt.Sprintf("the generator ran %d times for %d values", w.minted, visible)}
	}
	return nil
}

// rest drives the world to its rest, and returns what is wrong with it then. What goes wrong at that last look is given
// its time too.
func (w *world) rest(loose bool) []string {
	for {
		coming := w.disturbance != nil
		if wrong := w.drive(); wrong != "" {
			return append(w.Violations(), wrong)
		}
		wrong := w.verify(loose)
		if !coming || w.disturbance != nil {
			return wrong
		}
	}
}

// ask announces a rotation of values.
func (w *world) ask(values ...string) {
	for _, value := range values {
		w.Ask(value)
	}
}

// finding is what was wrong in one run.
type finding struct {
	disturbance string
	at          int
	call        call
	wrong       []string
}

func (f finding) String() string {
	return fmt.Sprintf("%s, at call %d (%s): %s", f.disturbance, f.at, f.call.name, strings.Join(f.wrong, "; "))
}

// prove plays the story of a subject undisturbed, and then once for each thing that can go wrong at each of its calls. It
// returns how many calls and runs there were. What is wrong is given to found, which says whether to go on.
func prove(server *server, s named, found func(finding) bool) (calls, runs int) {
	w := newWorld(server, s.name, s.subject)
	wrong := w.play(nil)
	w.process.kill()
	if len(wrong) > 0 && !found(finding{"undisturbed", never, call{}, wrong}) {
		return len(w.calls), 1
	}
	all := []disturbance{{name: "the notice of a request is lost", at: never}}
	for at, c := range w.calls {
		all = append(all, disturbances(at, c)...)
	}
	calls, runs = len(w.calls), 1
	for _, d := range all {
		w := newWorld(server, fmt.Sprintf("%s %d %s", s.name, d.at, d.name), s.subject)
		wrong := w.play(&d)
		w.process.kill()
		runs++
		if len(wrong) > 0 && !found(finding{d.name, d.at, w.struck, wrong}) {
			break
		}
	}
	return calls, runs
}

func TestGenerateOnce(t *testing.T) {
	server := newServer(t)
	var objects, calls, runs atomic.Int64
	t.Run("of", func(t *testing.T) {
		for _, s := range subjects() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				c, r := prove(server, s, func(f finding) bool {
					t.Error(f)
					return true
				})
				t.Logf("%d calls, %d runs", c, r)
				objects.Add(1)
				calls.Add(int64(c))
				runs.Add(int64(r))
			})
		}
	})
	t.Logf("%d objects, %d calls, %d runs", objects.Load(), calls.Load(), runs.Load())
}

// TestTheProofCanFail breaks what the operator relies on, one thing at a time.
func TestTheProofCanFail(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	for _, tt := range []struct {
		reason string
		flaw   flaw
		// at and says are parts of what the proof is to find.
		at, says string
	}{
		{"whoever does not find in the stores what is there generates again", blind, "death after", "shows value"},
		{"whoever believes a cache that is behind, and writes over what is newer, rotates again", credulous, "changes old", "shows value"},
		{"whoever does not recognise the values of a round makes others", forgetful, "death after", "shows value"},
		{"whoever runs the generator in vain wastes what it makes", wasteful, "undisturbed", "the generator ran"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			s := named{string(tt.flaw), pushed("", time.Hour, "", false)}
			s.flaw = tt.flaw
			var others []string
			caught := false
			prove(server, s, func(f finding) bool {
				caught = strings.Contains(f.disturbance, tt.at) && strings.Contains(f.String(), tt.says)
				others = append(others, f.String())
				return !caught
			})
			if !caught {
				t.Errorf("nothing was found that says %q at %q: %q", tt.says, tt.at, others)
			}
		})
	}
}
