package kubernetes_test

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
)

// testWatch is about the rights that a watch takes, and about what it is told of: the Secrets of one namespace, whoever
// changes them, and not those that were there before.
func testWatch(t *testing.T, w *world) {
	for account, verb := range map[string]string{getter: "list", lister: "watch"} {
		c := w.open(t, w.spec(account))
		want := fmt.Sprintf(`may not %s secrets in namespace %q: grant it the verb %q`, verb, w.namespace, verb)
		wantError(t, c.Watch(t.Context(), func(string) {}), fault.Denied, want)
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
	ctx, cancel := context.WithCancel(t.Context())
	noticed, ended := make(chan string, 100), make(chan error, 1)
	go func() { ended <- c.Watch(ctx, func(key string) { noticed <- key }) }()
	expect := func(want string) {
		t.Helper()
		select {
		case key := <-noticed:
			wantDiff(t, "what was noticed", want, key)
		case err := <-ended:
			t.Fatalf("the watch ended with %v, want word of %q", err, want)
		}
	}
	expect("")
	w.seed(t, named("after", data("k", "1")))
	expect("after")
	if err := w.admin.CoreV1().Secrets(w.namespace).Delete(t.Context(), "before", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	expect("before")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("a watch that is ended gives %v", err)
	}
}
