package kubernetes

import (
	"context"
	"iter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// rewatch is the time between two streams, so that a proxy which ends them at once is not asked without a pause.
const rewatch = time.Second

// helmRelease is the type of the Secrets in which Helm keeps releases: many and large, so that nobody keeps their values.
const helmRelease = "helm.sh/release.v1"

// watched selects the Secrets that are followed: those that may be read.
func watched() string {
	return fields.AndSelectors(
		fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)),
		fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeBootstrapToken)),
	).String()
}

// Watch implements providers.Watcher. The API server ends a stream now and then: the next one goes on where it ended, so
// that nothing is missed. As a sign of life it sends a bookmark about once a minute.
func (c *client) Watch(ctx context.Context, position string, sink providers.Sink) error {
	err := c.follow(ctx, position, sink)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // whatever failed, it was to end
	}
	return err
}

func (c *client) follow(ctx context.Context, position string, sink providers.Sink) (err error) {
	for ctx.Err() == nil {
		if position == "" {
			if position, err = c.tellAll(ctx, sink); err != nil {
				return err
			}
		}
		position, err = c.stream(ctx, position, sink)
		switch {
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			position = ""
		case err != nil:
			return err
		}
		select {
		case <-c.clock.After(rewatch):
		case <-ctx.Done():
		}
	}
	return nil
}

// tellAll tells of all Secrets, and returns the position from which to go on.
func (c *client) tellAll(ctx context.Context, sink providers.Sink) (position string, err error) {
	err = sink.Replace(func(yield func(providers.Entry, error) bool) {
		for page, err := range c.pages(ctx, metav1.ListOptions{FieldSelector: watched()}) {
			if err != nil {
				yield(providers.Entry{}, err)
				return
			}
			position = page.ResourceVersion
			for i := range page.Items {
				if !yield(told(&page.Items[i]), nil) {
					return
				}
			}
		}
	})
	if err == nil {
		sink.Reached(position)
	}
	return position, err
}

// stream watches from a position on until the API server ends the stream, and returns the position to go on from.
func (c *client) stream(ctx context.Context, position string, sink providers.Sink) (string, error) {
	op := target{namespace: c.namespace}.op(callWatch, "watch")
	stream, err := c.secrets.Secrets(c.namespace).Watch(ctx, metav1.ListOptions{
		ResourceVersion: position, AllowWatchBookmarks: true, FieldSelector: watched(),
	})
	err = explain(err, op, c.host)
	c.observe(op.call, err)
	if err != nil {
		return position, err
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		if event.Type == watch.Error {
			return position, explain(apierrors.FromObject(event.Object), op, c.host)
		}
		secret, ok := event.Object.(*corev1.Secret)
		if !ok {
			return position, fault.New(fault.Unavailable, "%s: the API server at %s sends something else than secrets", op, c.host)
		}
		switch position = secret.ResourceVersion; event.Type {
		case watch.Bookmark, watch.Error:
		case watch.Deleted:
			sink.Remove(secret.Name)
		case watch.Added, watch.Modified:
			sink.Set(told(secret))
		}
		sink.Reached(position)
	}
	return position, nil
}

// pages yields the pages of a list, or one error and nothing after it.
func (c *client) pages(ctx context.Context, options metav1.ListOptions) iter.Seq2[*corev1.SecretList, error] {
	return func(yield func(*corev1.SecretList, error) bool) {
		options.Limit = pageSize
		for more := true; more; more = options.Continue != "" {
			page, err := c.list(ctx, options)
			if err != nil {
				yield(nil, err)
				return
			}
			options.Continue = page.Continue
			if !yield(page, nil) {
				return
			}
		}
	}
}

func entry(live *corev1.Secret) providers.Entry {
	return providers.Entry{Key: live.Name, Secret: export(live)}
}

// told returns a Secret as a sink is told of it.
func told(live *corev1.Secret) providers.Entry {
	e := entry(live)
	if live.Type == helmRelease {
		e.Bare, e.Secret.Fields = true, nil
	}
	return e
}
