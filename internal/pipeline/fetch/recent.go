package fetch

import (
	"context"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// How many objects a Recent remembers, and how large one may be: together they bound its memory to some megabytes.
const (
	mostRecent    = 256
	largestRecent = 64 << 10
)

// Recent reads ConfigMaps and Secrets, and remembers what it has read until their metadata show another version, so that
// thousands of objects with one template do not read it again at each look. What it returns is to be read only. Make one with
// NewRecent. It is safe for concurrent use.
type Recent struct {
	// Reader reads from the API server.
	client.Reader

	notices client.Reader
	known   *lru.Cache
}

// NewRecent returns a Recent that has read nothing. notices reads metadata from a cache.
func NewRecent(live, notices client.Reader) *Recent {
	return &Recent{Reader: live, notices: notices, known: lru.New(mostRecent)}
}

// recentKey names an object.
type recentKey struct {
	kind string
	client.ObjectKey
}

// Get implements client.Reader.
func (r *Recent) Get(ctx context.Context, name client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	key := recentKey{kind(into), name}
	if object, ok := r.recall(ctx, key); ok {
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(object).Elem())
		return nil
	}
	if err := r.Reader.Get(ctx, name, into, opts...); err != nil {
		return err
	}
	into.SetManagedFields(nil)
	if key.kind != "" && size(into) <= largestRecent {
		r.known.Add(key, into.DeepCopyObject())
	}
	return nil
}

// recall returns what is known of an object when that is its version of now, as far as the metadata tell.
func (r *Recent) recall(ctx context.Context, key recentKey) (any, bool) {
	found, ok := r.known.Get(key)
	if !ok {
		return nil, false
	}
	seen := &metav1.PartialObjectMetadata{}
	seen.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(key.kind))
	if err := r.notices.Get(ctx, key.ObjectKey, seen); err != nil {
		return nil, false
	}
	object, ok := found.(client.Object)
	return found, ok && object.GetUID() == seen.UID && object.GetResourceVersion() == seen.ResourceVersion
}

// kind returns the kind of an object that is remembered; empty for others.
func kind(o client.Object) string {
	switch o.(type) {
	case *corev1.ConfigMap:
		return "ConfigMap"
	case *corev1.Secret:
		return "Secret"
	default:
		return ""
	}
}

// size returns how many bytes an object takes when it is sent.
func size(o client.Object) int {
	if sized, ok := o.(interface{ Size() int }); ok {
		return sized.Size()
	}
	return 0
}
