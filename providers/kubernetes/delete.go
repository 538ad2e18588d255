package kubernetes

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// Delete implements providers.Writer: the owner applies less than before, so that the API server removes what nobody
// else applies too.
func (c *client) Delete(ctx context.Context, r providers.Removal) error {
	meta, err := parseMetadata(r.Options, c.store)
	if err != nil {
		return err
	}
	at, err := c.target(r.Key, meta.RemoteNamespace)
	if err != nil {
		return err
	}
	err = again(ctx, func() error { return c.remove(ctx, at, r) })
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (c *client) remove(ctx context.Context, at target, r providers.Removal) error {
	live, err := c.get(ctx, at)
	if err != nil {
		return err
	}
	if refused(live.Type) {
		return refuse(at, live.Type)
	}
	own := owned(live, r.Owner)
	rest := reduced(live, own, r)
	if rest.equal(own) {
		return nil
	}
	if _, created := live.Annotations[CreatedByAnnotation]; created && emptied(live, own, rest, r.Owner) {
		return c.delete(ctx, at, live)
	}
	_, err = c.apply(ctx, at, live, rest, r.Owner, false)
	return err
}

// reduced returns what the owner goes on to apply. With its last key go its labels and annotations, except the one that
// says who created the Secret: somebody else's keys may still be in it.
func reduced(live *corev1.Secret, own content, r providers.Removal) content {
	rest := own
	rest.data = maps.Clone(own.data)
	maps.DeleteFunc(rest.data, func(name string, _ []byte) bool { return r.Removes(name) })
	if len(rest.data) > 0 {
		return rest
	}
	rest.labels, rest.annotations = map[string]string{}, map[string]string{}
	if live.Annotations[CreatedByAnnotation] == r.Owner {
		copyKey(rest.annotations, own.annotations, CreatedByAnnotation)
	}
	return rest
}

// emptied reports whether no key is left in live when owner applies rest instead of own.
func emptied(live *corev1.Secret, own, rest content, owner string) bool {
	others := shared(live, owner)
	for name := range live.Data {
		_, mine := own.data[name]
		_, kept := rest.data[name]
		if _, theirs := others.data[name]; !mine || kept || theirs {
			return false
		}
	}
	return true
}

func (c *client) delete(ctx context.Context, at target, live *corev1.Secret) error {
	unchanged := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &live.UID, ResourceVersion: &live.ResourceVersion}}
	return c.do(ctx, at.op(callDelete, "delete"), func(ctx context.Context) error {
		return c.secrets.Secrets(at.namespace).Delete(ctx, at.name, unchanged)
	})
}
