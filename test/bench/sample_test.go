package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSample(t *testing.T) {
	s := sample{
		name: "app-000000",
		written: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "specimen-0", Name: "app-000000-target", ResourceVersion: "7", Labels: map[string]string{"a": "b"},
				OwnerReferences: []metav1.OwnerReference{{Name: "app-000000", UID: "old"}},
			},
			Data: map[string][]byte{"k": []byte("v")},
		},
		status: []byte(`{"status":{"binding":{"name":"app-000000-target"}}}`),
	}
	got := s.secret("ground-1", "app-000001", "new")
	want := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ground-1", Name: "app-000001-target", Labels: map[string]string{"a": "b"},
			OwnerReferences: []metav1.OwnerReference{{Name: "app-000001", UID: "new"}},
		},
		Data: map[string][]byte{"k": []byte("v")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the same Secret, for another object (-want +got):\n%s", diff)
	}
	if got := string(s.statusOf("app-000001")); got != `{"status":{"binding":{"name":"app-000001-target"}}}` {
		t.Errorf("the status of another object is %s", got)
	}
}
