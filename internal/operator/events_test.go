package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

// recorded keeps the actions and notes of events.
type recorded struct{ actions, notes []string }

func (r *recorded) Eventf(_, _ runtime.Object, _, _, action, note string, args ...any) {
	r.actions = append(r.actions, action)
	r.notes = append(r.notes, fmt.Sprintf(note, args...))
}

func TestEventsAreToldApart(t *testing.T) {
	got := &recorded{}
	recorder := tellingApart{got}
	for _, key := range []string{"a", "b", "a"} {
		recorder.Eventf(nil, nil, "Normal", "Missing", "Sync", "key %s is missing, 100%%", key)
	}
	if got.actions[0] == got.actions[1] || got.actions[0] != got.actions[2] || !strings.HasPrefix(got.actions[0], "Sync-") {
		t.Errorf("actions %q, want the same for the same note alone", got.actions)
	}
	if want := "key b is missing, 100%"; got.notes[1] != want {
		t.Errorf("note %q, want %q", got.notes[1], want)
	}
}

func TestLongNotesAreCut(t *testing.T) {
	got := &recorded{}
	tellingApart{got}.Eventf(nil, nil, "Normal", "Long", "Sync", "%s", strings.Repeat("x", 2000))
	if note := got.notes[0]; len(note) != 1024 {
		t.Errorf("a note of 2000 bytes becomes one of %d; the API server takes 1024", len(note))
	}
}

func TestEventsAreLimited(t *testing.T) {
	got, dropped := &recorded{}, map[string]int{}
	recorder := newEventLimit(0.001, 3, func(eventtype string) { dropped[eventtype]++ }).on(got)
	for _, eventtype := range []string{"Normal", "Warning"} {
		for range 5 {
			recorder.Eventf(nil, nil, eventtype, "Created", eventtype, "secret created")
		}
	}
	if want := []string{"Normal", "Normal", "Normal", "Warning", "Warning", "Warning"}; !slices.Equal(got.actions, want) {
		t.Errorf("recorded %q, want %q", got.actions, want)
	}
	if dropped["Normal"] != 2 || dropped["Warning"] != 2 {
		t.Errorf("dropped %v, want two of each", dropped)
	}
	if unlimited := newEventLimit(0, 3, nil).on(got); unlimited != events.EventRecorder(got) {
		t.Error("a limit of zero is a limit")
	}
}
