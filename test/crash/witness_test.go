package crash_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/test/story"
)

// TestTheWitnessSees writes what an operator must never write, and expects to hear of it.
func TestTheWitnessSees(t *testing.T) {
	f := newFleet(t, "witness", 1)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.left, Name: "p000"}, Data: map[string][]byte{"password": []byte("one")},
	}
	create(t, f.home, secret)
	secret.Data["password"] = []byte("two")
	if err := world.Client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if err := world.Client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	patience := time.After(story.Patience)
	for tick := time.Tick(20 * time.Millisecond); len(f.Violations()) < 2; {
		select {
		case <-patience:
			t.Fatalf("the witness has seen %q", f.Violations())
		case <-tick:
		}
	}
	for i, want := range []string{"shows value 2", "has lost value 2"} {
		if got := f.Violations()[i]; !strings.Contains(got, want) {
			t.Errorf("the witness says %q, want %q", got, want)
		}
	}
}
