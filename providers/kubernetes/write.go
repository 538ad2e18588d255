package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// errStale is in the chain of an error that says: the Secret changed between a read and the write that was made from it.
var errStale = errors.New("the secret changed meanwhile")

// Put implements providers.Writer, by server-side apply under the owner's name. Options are a PushSecretMetadata.
func (c *client) Put(ctx context.Context, w providers.Write) error {
	meta, err := parseMetadata(w.Options, c.store)
	if err != nil {
		return err
	}
	at, err := c.target(w.Key, meta.RemoteNamespace)
	if err != nil {
		return err
	}
	if err := validateKeys(at, w.Fields); err != nil {
		return err
	}
	return again(ctx, func() error { return c.put(ctx, at, w, meta) })
}

func validateKeys(at target, fields map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "" {
			return fault.New(fault.Invalid, "a push to secret %q needs remoteRef.property: a secret of Kubernetes holds keys, not one value",
				at)
		}
		if len(validation.IsConfigMapKey(name)) > 0 {
			return fault.New(fault.Invalid, "%q is not a valid key of a secret: letters, digits, '-', '_' and '.', at most 253", name)
		}
	}
	return nil
}

// again repeats f, at once and then with short pauses, while somebody else changes the same Secret.
func again(ctx context.Context, f func() error) error {
	pause := wait.Backoff{Steps: 12, Duration: 5 * time.Millisecond, Factor: 1.5, Jitter: 1}
	return retry.OnError(pause, func(err error) bool { return errors.Is(err, errStale) && ctx.Err() == nil }, f)
}

func (c *client) put(ctx context.Context, at target, w providers.Write, meta metadata) error {
	live, err := c.get(ctx, at)
	if fault.Is(err, fault.NotFound) {
		live, err = nil, nil
	}
	if err != nil {
		return err
	}
	if err := writable(at, live, w); err != nil {
		return err
	}
	if err := unchanged(at, live, w); err != nil {
		return err
	}
	if err := rivalry(at, live, w); err != nil {
		return err
	}
	want := desired(live, w, meta)
	if live == nil || !want.equal(owned(live, w.Owner)) {
		if live, err = c.takeOver(ctx, at, live, want, w, meta); err != nil {
			return err
		}
		w.Wrote(live.ResourceVersion)
	}
	if live, err = c.inherit(ctx, at, live, w); err != nil {
		return err
	}
	return c.prune(ctx, at, live, want, w, meta)
}

// unchanged checks that live is what w was planned with; nil when there is none.
func unchanged(at target, live *corev1.Secret, w providers.Write) error {
	var data map[string][]byte
	if live != nil {
		data = live.Data
	}
	return w.Unchanged(fmt.Sprintf("secret %q", at), data)
}

// takeOver applies want, first without and then, when every conflict is one that w allows, with force.
func (c *client) takeOver(
	ctx context.Context, at target, live *corev1.Secret, want content, w providers.Write, meta metadata,
) (*corev1.Secret, error) {
	applied, err := c.apply(ctx, at, live, want, w.Owner, false)
	found := conflicts(err)
	if len(found) == 0 {
		return applied, err
	}
	if live == nil {
		return nil, fault.Wrap(fault.Unavailable, errors.Join(errStale, err), "secret %q was created by somebody else at the same time", at)
	}
	if err := refusal(found, at, w, meta, err); err != nil {
		return nil, err
	}
	return c.apply(ctx, at, live, want, w.Owner, true)
}

// apply makes want everything that owner manages. live is what want was made from: when it is not that any more, the
// error is stale.
func (c *client) apply(
	ctx context.Context, at target, live *corev1.Secret, want content, owner string, force bool,
) (applied *corev1.Secret, err error) {
	op, configuration := at.op(callCreate, "patch"), want.configuration(at)
	if live != nil {
		op = at.op(callUpdate, "patch")
		configuration.WithUID(live.UID).WithResourceVersion(live.ResourceVersion)
	}
	err = c.do(ctx, op, func(ctx context.Context) (err error) {
		applied, err = c.secrets.Secrets(at.namespace).Apply(ctx, configuration, metav1.ApplyOptions{FieldManager: owner, Force: force})
		return err
	})
	return applied, err
}

// prune takes away what others have in the Secret and w says must not stay.
func (c *client) prune(ctx context.Context, at target, live *corev1.Secret, want content, w providers.Write, meta metadata) error {
	// Never nil: a null in the patch would remove everything.
	data, labels, annotations := map[string]any{}, map[string]any{}, map[string]any{}
	if w.Clears() {
		data = surplus(live.Data, want.data)
	}
	if meta.TargetMergePolicy == policyReplace {
		labels, annotations = surplus(live.Labels, want.labels), surplus(live.Annotations, want.annotations)
		delete(annotations, CreatedByAnnotation)
	}
	if len(data)+len(labels)+len(annotations) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": live.UID, "resourceVersion": live.ResourceVersion, "labels": labels, "annotations": annotations},
		"data":     data,
	})
	if err != nil {
		return fault.Wrap(fault.Unknown, err, "cannot build a patch of secret %q", at)
	}
	err = c.do(ctx, at.op(callUpdate, "patch"), func(ctx context.Context) error {
		options := metav1.PatchOptions{FieldManager: w.Owner}
		pruned, err := c.secrets.Secrets(at.namespace).Patch(ctx, at.name, types.MergePatchType, patch, options)
		if err == nil {
			w.Wrote(pruned.ResourceVersion)
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.Unavailable, errors.Join(errStale, err), "secret %q was deleted by somebody else at the same time", at)
	}
	return err
}

// surplus returns the keys of have that want lacks, as a merge patch that removes them.
func surplus[V any](have, want map[string]V) map[string]any {
	removals := map[string]any{}
	for key := range have {
		if _, wanted := want[key]; !wanted {
			removals[key] = nil
		}
	}
	return removals
}
