package providertest

import (
	"context"
	"testing"
	"time"

	"github.com/sluice-operator/sluice/providers"
)

// noticeTime is how long a change may take to be noticed, on a busy machine.
const noticeTime = 10 * time.Second

func (s *suite) testWatcher(t *testing.T) {
	watcher, writer := as[providers.Watcher](t, s), as[providers.Writer](t, s)
	ctx, cancel := context.WithCancel(t.Context())
	// Keys that nobody waits for must not hold the watch up when the test fails.
	noticed, ended := make(chan string, 1000), make(chan error, 1)
	go func() { ended <- watcher.Watch(ctx, func(key string) { noticed <- key }) }()
	expect := func(change, want string) {
		t.Helper()
		patience, cancel := context.WithTimeout(t.Context(), noticeTime)
		defer cancel()
		for {
			select {
			case key := <-noticed:
				if key == want {
					return
				}
			case err := <-ended:
				t.Fatalf("the watch ended with %v before it noticed %s", err, change)
			case <-patience.Done():
				t.Fatalf("%s was not noticed", change)
			}
		}
	}
	expect("that it watches", "")
	for _, value := range []string{"1", "2"} {
		if err := writer.Put(t.Context(), providers.Write{Key: "suite-watched", Owner: one, Fields: s.fields("k", value)}); err != nil {
			t.Fatal(err)
		}
		expect("a write of "+value, "suite-watched")
	}
	if err := writer.Delete(t.Context(), providers.Removal{Key: "suite-watched", Owner: one}); err != nil {
		t.Fatal(err)
	}
	expect("a removal", "suite-watched")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("a watch that is ended gives %v", err)
	}
}
