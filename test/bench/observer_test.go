package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func TestObserver(t *testing.T) {
	o := newObserver()
	name := types.NamespacedName{Namespace: "bench-3", Name: "app"}
	arrived := o.expect(func() bool { return o.targets.of(name) == "new" && len(o.targets["bench"]) == 1 })
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}, Data: map[string][]byte{targetKey: []byte("old")},
	}
	o.see(watch.Event{Type: watch.Added, Object: secret})
	if len(arrived.seen) != 0 {
		t.Error("the old value is taken for the new one")
	}
	secret.Data[targetKey] = []byte("new")
	o.see(watch.Event{Type: watch.Modified, Object: secret})
	if len(arrived.seen) != 1 || len(o.waiting) != 0 {
		t.Error("the new value is not seen")
	}
	if gone := o.expect(func() bool { return len(o.targets["bench"]) == 0 }); len(gone.seen) != 0 {
		t.Error("what is there is taken for gone")
	}
	o.see(watch.Event{Type: watch.Deleted, Object: secret})
	if len(o.waiting) != 0 {
		t.Error("it is not seen that the object is gone")
	}
}
