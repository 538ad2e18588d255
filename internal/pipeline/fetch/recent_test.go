package fetch_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
)

func TestRecentReadsOnlyWhatHasChanged(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "app", Name: "texts", UID: "1"}
	small := &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"k": "first"}}
	secret := &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{"k": []byte("s3cret")}}
	large := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "large"}, Data: map[string]string{"k": strings.Repeat("x", 100_000)},
	}
	cluster := fake.NewClientBuilder().WithObjects(small, secret, large).Build()
	calls := 0
	live := interceptor.NewClient(cluster, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			calls++
			return c.Get(ctx, key, obj, opts...)
		},
	})
	recent := fetch.NewRecent(live, cluster)
	read := func(reason, name, want string, reads int) {
		t.Helper()
		calls = 0
		var got corev1.ConfigMap
		if err := recent.Get(t.Context(), client.ObjectKey{Namespace: "app", Name: name}, &got); err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		if got.Data["k"] != want || calls != reads {
			t.Errorf("%s: read %.10q with %d calls, want %.10q with %d", reason, got.Data["k"], calls, want, reads)
		}
	}
	read("at first", "texts", "first", 1)
	read("again", "texts", "first", 0)
	var other corev1.Secret
	if err := recent.Get(t.Context(), client.ObjectKeyFromObject(secret), &other); err != nil || string(other.Data["k"]) != "s3cret" {
		t.Errorf("a Secret of the same name reads as %q, %v", other.Data["k"], err)
	}
	small.Data["k"] = "second"
	if err := cluster.Update(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	read("after a change", "texts", "second", 1)
	read("again after a change", "texts", "second", 0)
	read("what is large", "large", large.Data["k"], 1)
	read("is not kept", "large", large.Data["k"], 1)
	if err := cluster.Delete(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	if err := recent.Get(t.Context(), client.ObjectKeyFromObject(small), &corev1.ConfigMap{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("what is gone gives %v, want that it is not found", err)
	}
}
