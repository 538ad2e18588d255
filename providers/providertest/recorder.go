package providertest

import (
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/sluice-operator/sluice/providers"
)

// Recorder is a providers.Sink that remembers what it is told. Make one with NewRecorder. It is safe for concurrent use.
type Recorder struct {
	// Told receives a line for everything but signs of life: "all a b" with the keys in order, "set a", "gone a".
	Told chan string

	mu       sync.Mutex
	position string
	secrets  map[string]providers.Entry
}

// NewRecorder returns a Recorder that has been told nothing.
func NewRecorder() *Recorder {
	return &Recorder{Told: make(chan string, mostChanges), secrets: map[string]providers.Entry{}}
}

// Replace implements providers.Sink.
func (r *Recorder) Replace(entries iter.Seq2[providers.Entry, error]) error {
	secrets := map[string]providers.Entry{}
	line := []string{"all"}
	for entry, err := range entries {
		if err != nil {
			return err
		}
		secrets[entry.Key] = entry
		line = append(line, entry.Key)
	}
	slices.Sort(line[1:])
	r.mu.Lock()
	r.secrets = secrets
	r.mu.Unlock()
	r.Told <- strings.Join(line, " ")
	return nil
}

// Set implements providers.Sink.
func (r *Recorder) Set(entry providers.Entry) {
	r.mu.Lock()
	r.secrets[entry.Key] = entry
	r.mu.Unlock()
	r.Told <- "set " + entry.Key
}

// Remove implements providers.Sink.
func (r *Recorder) Remove(key string) {
	r.mu.Lock()
	delete(r.secrets, key)
	r.mu.Unlock()
	r.Told <- "gone " + key
}

// Reached implements providers.Sink.
func (r *Recorder) Reached(position string) {
	r.mu.Lock()
	r.position = position
	r.mu.Unlock()
}

// Position returns how far the watch has come.
func (r *Recorder) Position() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position
}

// Entry returns the secret under key as it was last told, and whether there is one.
func (r *Recorder) Entry(key string) (providers.Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, exists := r.secrets[key]
	return entry, exists
}
