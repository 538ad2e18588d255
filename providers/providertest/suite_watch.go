package providertest

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-operator/sluice/providers"
)

// noticeTime is how long a change may take to be noticed, on a busy machine.
const noticeTime = 10 * time.Second

const watchedKey = "suite-watched"

// watching is a watch that runs.
type watching struct {
	*Recorder
	*testing.T

	stop  context.CancelFunc
	ended chan error
}

func (s *suite) watch(t *testing.T, watcher providers.Watcher, position string) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{Recorder: NewRecorder(), T: t, stop: cancel, ended: make(chan error, 1)}
	go func() { w.ended <- watcher.Watch(ctx, position, w) }()
	return w
}

// expect waits until a line is told that matches.
func (w *watching) expect(reason string, match func(line string) bool) {
	w.Helper()
	patience, cancel := context.WithTimeout(w.Context(), noticeTime)
	defer cancel()
	for {
		select {
		case line := <-w.Told:
			if match(line) {
				return
			}
		case err := <-w.ended:
			w.Fatalf("the watch ended with %v before it told %s", err, reason)
		case <-patience.Done():
			w.Fatalf("%s was not told", reason)
		}
	}
}

// end ends the watch and returns how far it came.
func (w *watching) end() string {
	w.Helper()
	w.stop()
	if err := <-w.ended; err != nil {
		w.Errorf("a watch that is ended gives %v", err)
	}
	return w.Position()
}

func told(line string) func(string) bool { return func(got string) bool { return got == line } }

func everything(line string) bool { return strings.HasPrefix(line, "all") }

func (s *suite) testWatcher(t *testing.T) {
	watcher, writer, reader := as[providers.Watcher](t, s), as[providers.Writer](t, s), as[providers.Reader](t, s)
	put := func(value string) {
		t.Helper()
		if err := writer.Put(t.Context(), providers.Write{Key: watchedKey, Owner: one, Fields: s.fields("k", value)}); err != nil {
			t.Fatal(err)
		}
	}
	w := s.watch(t, watcher, "")
	w.expect("all that there is", everything)
	for _, value := range []string{"1", "2"} {
		put(value)
		w.expect("a write of "+value, told("set "+watchedKey))
	}
	read, err := reader.Get(t.Context(), providers.Ref{Key: watchedKey})
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := w.Entry(watchedKey)
	if diff := cmp.Diff(read, entry.Secret); diff != "" || entry.Bare {
		t.Errorf("what is told is not what is read, bare %v (-read +told):\n%s", entry.Bare, diff)
	}
	s.testSelect(t, watcher, entry)

	position := w.end()
	if err := writer.Delete(t.Context(), providers.Removal{Key: watchedKey, Owner: one}); err != nil {
		t.Fatal(err)
	}
	w = s.watch(t, watcher, position)
	w.expect("what happened between two watches", func(line string) bool {
		_, exists := w.Entry(watchedKey)
		return line == "gone "+watchedKey || everything(line) && !exists
	})
	w.end()
	w = s.watch(t, watcher, "")
	put("3")
	w.expect("a secret that there is", func(line string) bool { return everything(line) || line == "set "+watchedKey })
	if err := writer.Delete(t.Context(), providers.Removal{Key: watchedKey, Owner: one}); err != nil {
		t.Fatal(err)
	}
	w.expect("a removal", told("gone "+watchedKey))
	w.end()
}

// testSelect compares what a search is said to find with what it finds.
func (s *suite) testSelect(t *testing.T, watcher providers.Watcher, entry providers.Entry) {
	t.Helper()
	for pattern, want := range map[string]bool{"^" + watchedKey + "$": true, "^suite-other$": false} {
		selects, err := watcher.Select(providers.Query{Name: regexp.MustCompile(pattern)})
		if err != nil || selects(entry) != want {
			t.Errorf("a search for %s: %v, want that it finds %s: %v", pattern, err, watchedKey, want)
		}
	}
	selects, err := watcher.Select(providers.Query{Tags: map[string]string{"suite": "no-such-label"}})
	if err != nil || selects(entry) {
		t.Errorf("a search for a label that %s lacks: %v, want that it does not find it", watchedKey, err)
	}
	if _, err := watcher.Select(providers.Query{}); err == nil {
		t.Error("an empty query is not refused")
	}
}
