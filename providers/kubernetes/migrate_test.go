package kubernetes_test

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/providers"
)

// testInheritance is about a Secret into which the reference implementation has pushed for two PushSecrets, and something of
// somebody else's: each goes on with its own, and what it takes away is gone.
func testInheritance(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	secrets := w.admin.CoreV1().Secrets(w.namespace)
	pushed := named("inherited", data("one", "1", "two", "2"))
	pushed.Labels = map[string]string{"app": "x"}
	if _, err := secrets.Create(t.Context(), pushed, metav1.CreateOptions{FieldManager: "external-secrets"}); err != nil {
		t.Fatal(err)
	}
	first := providers.Write{Key: "inherited", Owner: "first", Fields: data("one", "1"), Pushed: []string{"one"}, Labels: pushed.Labels}
	second := providers.Write{Key: "inherited", Owner: "second", Fields: data("two", "changed"), Pushed: []string{"two"}}
	for range 2 {
		put(t, c, first)
		put(t, c, second)
		wantDiff(t, "data", data("one", "1", "two", "changed"), w.read(t, "inherited").Data)
	}
	before := w.read(t, "inherited")
	put(t, c, first)
	put(t, c, second)
	if after := w.read(t, "inherited"); after.ResourceVersion != before.ResourceVersion {
		t.Error("what has been inherited is written again")
	}

	third := providers.Write{Key: "inherited", Owner: "third", Fields: data("three", "3")}
	put(t, c, third)
	remove(t, c, providers.Removal{Key: "inherited", Owner: "first"})
	got := w.read(t, "inherited")
	wantDiff(t, "data without the first", data("two", "changed", "three", "3"), got.Data)
	wantDiff(t, "labels without the first", map[string]string(nil), got.Labels)
	remove(t, c, providers.Removal{Key: "inherited", Owner: "second"})
	wantDiff(t, "data without the second", data("three", "3"), w.read(t, "inherited").Data)
	remove(t, c, providers.Removal{Key: "inherited", Owner: "third"})
	if _, err := secrets.Get(t.Context(), "inherited", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret is still there (%v), though it was made by a push and nothing is left in it", err)
	}

	t.Run("a Secret of somebody else stays", func(t *testing.T) {
		w.seed(t, named("foreign", data("theirs", "1")))
		live := w.read(t, "foreign")
		live.Data["ours"] = []byte("1")
		if _, err := secrets.Update(t.Context(), live, metav1.UpdateOptions{FieldManager: "external-secrets"}); err != nil {
			t.Fatal(err)
		}
		put(t, c, providers.Write{Key: "foreign", Fields: data("ours", "2"), Pushed: []string{"ours"}})
		remove(t, c, providers.Removal{Key: "foreign"})
		wantDiff(t, "data", data("theirs", "1"), w.read(t, "foreign").Data)
	})
	t.Run("what nobody says was pushed before is shared, and stays", func(t *testing.T) {
		shared := named("shared", data("k", "1"))
		if _, err := secrets.Create(t.Context(), shared, metav1.CreateOptions{FieldManager: "external-secrets"}); err != nil {
			t.Fatal(err)
		}
		put(t, c, providers.Write{Key: "shared", Fields: data("k", "1")})
		remove(t, c, providers.Removal{Key: "shared"})
		wantDiff(t, "data", data("k", "1"), w.read(t, "shared").Data)
	})
}
