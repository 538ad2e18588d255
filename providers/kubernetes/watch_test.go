package kubernetes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
)

// testWatch is about the rights that a watch takes, and about what it tells: the Secrets of one namespace, whoever changes
// them, those of Helm without their values.
func testWatch(t *testing.T, w *world) {
	for account, verb := range map[string]string{getter: "list", lister: "watch"} {
		c := w.open(t, w.spec(account))
		want := fmt.Sprintf(`may not %s secrets in namespace %q: grant it the verb %q`, verb, w.namespace, verb)
		wantError(t, c.Watch(t.Context(), "", providertest.NewRecorder()), fault.Denied, want)
		limits, err := c.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantDiff(t, "what the "+account+" may not", fmt.Sprintf("changes of its secrets are seen at the refresh interval only: "+
			"the store's identity may not watch secrets in namespace %q (grant it the verbs list and watch)", w.namespace), limits)
	}
	c := w.open(t, w.spec(writer))
	if limits, err := c.Check(t.Context()); err != nil || limits != "" {
		t.Errorf("Check of an identity that may do everything gives %q, %v", limits, err)
	}

	w.seed(t, named("before", data("k", "1")))
	release := named("release", data("release", "large"))
	release.Type = "helm.sh/release.v1"
	w.seed(t, release)
	ctx, cancel := context.WithCancel(t.Context())
	sink, ended := providertest.NewRecorder(), make(chan error, 1)
	go func() { ended <- c.Watch(ctx, "", sink) }()
	expect := func(want string) {
		t.Helper()
		select {
		case line := <-sink.Told:
			wantDiff(t, "what was told", want, line)
		case err := <-ended:
			t.Fatalf("the watch ended with %v, want word of %q", err, want)
		}
	}
	expect("all before release")
	for key, want := range map[string]providers.Entry{
		"before":  {Secret: providers.Secret{Fields: map[string][]byte{"k": []byte("1")}}},
		"release": {Bare: true},
	} {
		got, _ := sink.Entry(key)
		wantDiff(t, "what is told of "+key, want.Secret.Fields, got.Secret.Fields)
		if got.Bare != want.Bare || got.Secret.Version == "" {
			t.Errorf("%s is told as %+v, want bare %v and a version", key, got, want.Bare)
		}
	}
	w.seed(t, named("after", data("k", "1")))
	expect("set after")
	if err := w.admin.CoreV1().Secrets(w.namespace).Delete(t.Context(), "before", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	expect("gone before")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("a watch that is ended gives %v", err)
	}
}

// TestWatchBeginsAnew watches from a position that a server does not know any more.
func TestWatchBeginsAnew(t *testing.T) {
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		position := r.URL.Query().Get("resourceVersion")
		switch {
		case r.URL.Query().Get("watch") == "":
			_ = json.NewEncoder(w).Encode(corev1.SecretList{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"},
				ListMeta: metav1.ListMeta{ResourceVersion: "8"},
				Items:    []corev1.Secret{*named("k", nil)},
			})
		case position == "7":
			w.WriteHeader(http.StatusGone)
			_ = json.NewEncoder(w).Encode(apierrors.NewResourceExpired("too old").Status())
		default:
			asked <- position
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	sink, ended := providertest.NewRecorder(), make(chan error, 1)
	c := openAt(t, server.URL)
	go func() { ended <- c.Watch(ctx, "7", sink) }()
	wantDiff(t, "what is told", "all k", <-sink.Told)
	wantDiff(t, "the position to go on from", "8", <-asked)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
