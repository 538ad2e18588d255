package kubernetes_test

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/providers"
)

// log is a sink that remembers the order of what it is told.
type log chan string

func (l log) Replace(entries iter.Seq2[providers.Entry, error]) error {
	for _, err := range entries {
		if err != nil {
			return err
		}
	}
	l <- "all"
	return nil
}
func (l log) Set(e providers.Entry)   { l <- "set " + e.Key }
func (l log) Remove(key string)       { l <- "gone " + key }
func (l log) Reached(position string) { l <- "reached " + position }

// An API server says so in the stream, which it has accepted with 200 (storage/cacher,
// newErrWatcher). What was told before is outdated then, and must not count as current.
func TestPositionTooLongAgoIsNoSignOfLife(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Query().Get("watch") == "":
			_ = json.NewEncoder(w).Encode(corev1.SecretList{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"}, ListMeta: metav1.ListMeta{ResourceVersion: "8"},
			})
		case r.URL.Query().Get("resourceVersion") == "7":
			status := apierrors.NewResourceExpired("too old").Status()
			status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
			_ = json.NewEncoder(w).Encode(map[string]any{"type": "ERROR", "object": status})
		default:
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	sink, ended := make(log, 100), make(chan error, 1)
	c := openAt(t, server.URL)
	go func() { ended <- c.Watch(ctx, "7", sink) }()
	var told []string
	for !slices.Contains(told, "reached 8") {
		select {
		case line := <-sink:
			told = append(told, line)
		case <-time.After(20 * time.Second):
			t.Fatalf("told %q only", told)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if want := []string{"all", "reached 8"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
