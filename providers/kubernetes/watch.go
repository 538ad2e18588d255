package kubernetes

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/sluice-operator/sluice/internal/fault"
)

// rewatch is the time between two streams, so that a proxy which ends them at once is not asked without a pause.
const rewatch = time.Second

// Watch implements providers.Watcher. It sees the metadata of the Secrets alone. The API server ends a stream now and
// then: the next one goes on where it ended, so that nothing is missed.
func (c *client) Watch(ctx context.Context, changed func(key string)) error {
	version, err := c.latest(ctx)
	begun := sync.OnceFunc(func() { changed("") })
	for err == nil {
		if version, err = c.stream(ctx, version, begun, changed); err != nil {
			break
		}
		select {
		case <-c.clock.After(rewatch):
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // whatever failed, it was to end
	}
	return err
}

// latest returns the version of the list of Secrets now.
func (c *client) latest(ctx context.Context) (version string, err error) {
	err = c.do(ctx, target{namespace: c.namespace}.op(callList, "list"), func(ctx context.Context) error {
		list, err := c.notices.List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil {
			version = list.ResourceVersion
		}
		return err
	})
	return version, err
}

// stream watches from a version on until the API server ends the stream, and returns the version to go on from. It calls
// begun when the API server has agreed.
func (c *client) stream(ctx context.Context, version string, begun func(), changed func(key string)) (string, error) {
	op := target{namespace: c.namespace}.op(callWatch, "watch")
	stream, err := c.notices.Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true})
	err = explain(err, op, c.host)
	c.observe(op.call, err)
	if err != nil {
		return version, err
	}
	defer stream.Stop()
	begun()
	for event := range stream.ResultChan() {
		if event.Type == watch.Error {
			return version, explain(apierrors.FromObject(event.Object), op, c.host)
		}
		object, ok := event.Object.(*metav1.PartialObjectMetadata)
		if !ok {
			return version, fault.New(fault.Unavailable, "%s: the API server at %s sends no metadata", op, c.host)
		}
		if version = object.ResourceVersion; event.Type != watch.Bookmark {
			changed(object.Name)
		}
	}
	return version, ctx.Err()
}
