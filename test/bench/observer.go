package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// observer sees each state of each managed Secret, ExternalSecret and PushSecret, as a user's kubectl get --watch would. It is safe
// for concurrent use.
type observer struct {
	mu sync.Mutex
	// targets has the value of targetKey of each managed Secret.
	targets sightings[string]
	// ready are the ExternalSecrets that are Ready, pushed the PushSecrets.
	ready, pushed sightings[bool]
	waiting       []*waiter
}

// sightings are objects by their group, which is their namespace without the number at its end.
type sightings[V any] map[string]map[types.NamespacedName]V

// set makes the entry of an object say value, or takes it away.
func (s sightings[V]) set(object client.Object, value V, present bool) {
	group := groupOf(object.GetNamespace())
	if s[group] == nil {
		s[group] = map[types.NamespacedName]V{}
	}
	if present {
		s[group][client.ObjectKeyFromObject(object)] = value
	} else {
		delete(s[group], client.ObjectKeyFromObject(object))
	}
}

// of returns the entry of an object.
func (s sightings[V]) of(name types.NamespacedName) V { return s[groupOf(name.Namespace)][name] }

func groupOf(namespace string) string {
	if end := strings.LastIndexByte(namespace, '-'); end >= 0 {
		return namespace[:end]
	}
	return namespace
}

// waiter waits until done is true.
type waiter struct {
	done func() bool
	seen chan time.Time
}

func newObserver() *observer {
	return &observer{targets: sightings[string]{}, ready: sightings[bool]{}, pushed: sightings[bool]{}}
}

// watch begins to look, until ctx is done. There must be nothing to see yet.
func (o *observer) watch(ctx context.Context, c client.WithWatch) error {
	managed := client.MatchingLabels{esv1.LabelManaged: esv1.LabelManagedValue}
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &esv1.ExternalSecretList{}, &esv1alpha1.PushSecretList{}} {
		var selection []client.ListOption
		if _, ok := list.(*corev1.SecretList); ok {
			selection = append(selection, managed)
		}
		if err := c.List(ctx, list, append(slices.Clone(selection), client.Limit(1))...); err != nil {
			return fmt.Errorf("look where to begin to watch: %w", err)
		}
		source := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return c.Watch(ctx, list, append(slices.Clone(selection), &client.ListOptions{Raw: &options})...)
		}}
		watching, err := watchtools.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), source)
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		go func() {
			for event := range watching.ResultChan() {
				o.see(event)
			}
		}()
	}
	return nil
}

func (o *observer) see(event watch.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	gone := event.Type == watch.Deleted
	switch object := event.Object.(type) {
	case *corev1.Secret:
		o.targets.set(object, string(object.Data[targetKey]), !gone)
	case *esv1.ExternalSecret:
		o.ready.set(object, true, !gone && meta.IsStatusConditionTrue(object.Status.Conditions, esv1.ConditionReady))
	case *esv1alpha1.PushSecret:
		o.pushed.set(object, true, !gone && meta.IsStatusConditionTrue(object.Status.Conditions, esv1.ConditionReady))
	}
	o.waiting = slices.DeleteFunc(o.waiting, func(w *waiter) bool {
		if !w.done() {
			return false
		}
		w.seen <- time.Now()
		return true
	})
}

// await returns the moment at which done became true. done is called after each event and must be quick; it may read the observer's
// maps and nothing else of it.
func (o *observer) await(ctx context.Context, what string, done func() bool) (time.Time, error) {
	return o.expect(done).wait(ctx, what)
}

// longest is how long anything may take to be seen.
const longest = 10 * time.Minute

// wait returns the moment at which what is waited for was seen.
func (w *waiter) wait(ctx context.Context, what string) (time.Time, error) {
	select {
	case at := <-w.seen:
		return at, nil
	case <-time.After(longest):
		return time.Time{}, fmt.Errorf("%s: not seen within %s", what, longest)
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("wait for %s: %w", what, ctx.Err())
	}
}

// expect begins to wait: the moment at which done becomes true is sent to the channel of the waiter.
func (o *observer) expect(done func() bool) *waiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &waiter{done: done, seen: make(chan time.Time, 1)}
	if done() {
		w.seen <- time.Now()
	} else {
		o.waiting = append(o.waiting, w)
	}
	return w
}
