package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/story"
)

// readiness notes when each object was applied and when it was first seen ready.
type readiness struct {
	stop context.CancelFunc

	mu      sync.Mutex
	changed *sync.Cond
	start   map[key]time.Time
	ready   map[key]time.Time
}

// key names an object whatever its version.
type key struct {
	kind string
	types.NamespacedName
}

// watched are the kinds that become ready.
func watched() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		esv1.GroupVersion().WithKind(esv1.KindExternalSecret),
		esv1.GroupVersion().WithKind(esv1.KindClusterExternalSecret),
		esv1.GroupVersion().WithKind(esv1.KindSecretStore),
		esv1.GroupVersion().WithKind(esv1.KindClusterSecretStore),
		esv1alpha1.GroupVersion().WithKind(esv1alpha1.KindPushSecret),
		esv1alpha1.GroupVersion().WithKind(esv1alpha1.KindClusterPushSecret),
	}
}

// watchReady watches all kinds that become ready, until stop is called or ctx ends.
func watchReady(ctx context.Context, w *story.World) (*readiness, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &readiness{stop: cancel, start: map[key]time.Time{}, ready: map[key]time.Time{}}
	r.changed = sync.NewCond(&r.mu)
	c, err := client.NewWithWatch(w.Config, client.Options{Scheme: w.Client.Scheme()})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("make a watching client: %w", err)
	}
	for _, kind := range watched() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		events, err := c.Watch(ctx, list)
		if err != nil {
			cancel()
			return nil, fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
		go r.follow(events)
	}
	// Whoever waits is woken when the demo is interrupted.
	context.AfterFunc(ctx, r.changed.Broadcast)
	return r, nil
}

func (r *readiness) follow(events watch.Interface) {
	for event := range events.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok || !isReady(object) {
			continue
		}
		r.mu.Lock()
		if _, known := r.ready[keyOf(object)]; !known {
			r.ready[keyOf(object)] = time.Now()
		}
		r.mu.Unlock()
		r.changed.Broadcast()
	}
}

func (r *readiness) applied(object *unstructured.Unstructured) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start[keyOf(object)] = time.Now()
}

// wait returns how long object took from its apply until it was ready; false for a kind that never becomes ready.
func (r *readiness) wait(ctx context.Context, object *unstructured.Unstructured) (time.Duration, bool, error) {
	if !slices.Contains(watched(), object.GroupVersionKind()) {
		return 0, false, nil
	}
	late := fmt.Errorf("%s %s is not ready after %s", object.GetKind(), name(object), story.Patience)
	ctx, cancel := context.WithTimeoutCause(ctx, story.Patience, late)
	defer cancel()
	defer context.AfterFunc(ctx, r.changed.Broadcast)()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.ready[keyOf(object)].IsZero() {
		if ctx.Err() != nil {
			return 0, false, context.Cause(ctx)
		}
		r.changed.Wait()
	}
	return r.took(keyOf(object)), true, nil
}

// took returns the time from apply to ready. What was ready before its apply returned took no time.
func (r *readiness) took(k key) time.Duration { return max(0, r.ready[k].Sub(r.start[k])) }

func isReady(object *unstructured.Unstructured) bool {
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	return err == nil && slices.ContainsFunc(conditions, func(c any) bool {
		condition, ok := c.(map[string]any)
		return ok && condition["type"] == esv1.ConditionReady && condition["status"] == "True"
	})
}

func keyOf(o client.Object) key {
	return key{kind: o.GetObjectKind().GroupVersionKind().Kind, NamespacedName: client.ObjectKeyFromObject(o)}
}

func name(o client.Object) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}
