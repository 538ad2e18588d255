package kubernetes

import (
	"context"
	"encoding/json"
	"iter"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// pageSize limits how many Secrets one answer of the API server holds.
const pageSize = 500

// Get implements providers.Reader. Ref.Version is ignored.
func (c *client) Get(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	return c.GetAt(ctx, ref, nil)
}

// Locate implements providers.Locator.
func (c *client) Locate(key string, options json.RawMessage) (string, error) {
	meta, err := parseMetadata(options, c.store)
	if err != nil {
		return "", err
	}
	at, err := c.target(key, meta.RemoteNamespace)
	return at.String(), err
}

// GetAt implements providers.Locator: options may name another namespace.
func (c *client) GetAt(ctx context.Context, ref providers.Ref, options json.RawMessage) (providers.Secret, error) {
	meta, err := parseMetadata(options, c.store)
	if err != nil {
		return providers.Secret{}, err
	}
	at, err := c.target(ref.Key, meta.RemoteNamespace)
	if err != nil {
		return providers.Secret{}, err
	}
	live, err := c.get(ctx, at)
	if err != nil {
		return providers.Secret{}, err
	}
	if refused(live.Type) {
		return providers.Secret{}, refuse(at, live.Type)
	}
	return export(live), nil
}

// List implements providers.Lister. Tags are labels, and win over a name. Secrets that are never read are left out.
func (c *client) List(ctx context.Context, query providers.Query) iter.Seq2[providers.Entry, error] {
	return func(yield func(providers.Entry, error) bool) {
		matches, err := c.Select(query)
		if err != nil {
			yield(providers.Entry{}, err)
			return
		}
		for page, err := range c.pages(ctx, metav1.ListOptions{LabelSelector: labels.Set(query.Tags).String()}) {
			if err != nil {
				yield(providers.Entry{}, err)
				return
			}
			for i := range page.Items {
				item := &page.Items[i]
				if e := entry(item); !refused(item.Type) && matches(e) && !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Select implements providers.Watcher.
func (*client) Select(query providers.Query) (func(providers.Entry) bool, error) {
	switch {
	case query.Tags != nil:
		selector, err := labels.ValidatedSelectorFromSet(query.Tags)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "find.tags are labels here, and are not valid as such")
		}
		return func(e providers.Entry) bool { return selector.Matches(labels.Set(e.Secret.Labels)) }, nil
	case query.Name != nil:
		return func(e providers.Entry) bool { return query.Name.MatchString(e.Key) }, nil
	default:
		return nil, fault.New(fault.Invalid, "find must have a name or tags")
	}
}

func (c *client) get(ctx context.Context, at target) (live *corev1.Secret, err error) {
	err = c.do(ctx, at.op(callGet, "get"), func(ctx context.Context) (err error) {
		live, err = c.secrets.Secrets(at.namespace).Get(ctx, at.name, metav1.GetOptions{})
		return err
	})
	return live, err
}

func (c *client) list(ctx context.Context, options metav1.ListOptions) (page *corev1.SecretList, err error) {
	op := operation{call: callList, verb: "list", resource: "secrets", namespace: c.namespace}
	err = c.do(ctx, op, func(ctx context.Context) (err error) {
		page, err = c.secrets.Secrets(c.namespace).List(ctx, options)
		return err
	})
	return page, err
}

// export returns a Secret in the contract's terms. Fields is not nil, also when the Secret is empty.
func export(live *corev1.Secret) providers.Secret {
	s := providers.Secret{Fields: live.Data, Labels: live.Labels, Annotations: maps.Clone(live.Annotations), Version: live.ResourceVersion}
	if s.Fields == nil {
		s.Fields = map[string][]byte{}
	}
	maps.DeleteFunc(s.Annotations, func(name, value string) bool { return !portable(name, value) })
	return s
}
