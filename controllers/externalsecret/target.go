package externalsecret

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// manifestPath is where an ExternalSecret names the kind of its target.
const manifestPath = "spec.target.manifest"

// watchPatience bounds how long the first target of a kind waits until its kind is watched, which takes the right to list it.
const watchPatience = 5 * time.Second

// permit refuses kinds of targets that cannot be written, or that would lend the operator's own rights to whoever may write
// an ExternalSecret.
func (c *Controller) permit(es *esv1.ExternalSecret) error {
	m := es.Spec.Target.Manifest
	if m.IsSecret() {
		return nil
	}
	gvk := m.GroupVersionKind()
	own := []string{esv1.GroupVersion().Group, genv1alpha1.GroupVersion().Group}
	switch {
	case !c.GenericTargets:
		return fault.New(fault.Unsupported, "%s: generic targets are disabled, only Secrets are written: "+
			"objects of kind %s need an operator that is started with --unsafe-allow-generic-targets", manifestPath, m.Kind)
	case slices.Contains(own, gvk.Group):
		return fault.New(fault.Invalid, "%s: objects of group %s cannot be a target: they tell the operator what to do", manifestPath, gvk.Group)
	case es.Spec.Target.Immutable && !m.IsConfigMap():
		return fault.New(fault.Invalid, "spec.target.immutable: only Secrets and ConfigMaps can be immutable, not %s", m.Kind)
	}
	mapping, err := c.Client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err):
		return fault.Wrap(fault.Unavailable, err, "%s: the API server knows no kind %q in %q: install its CustomResourceDefinition, "+
			"or mend apiVersion and kind", manifestPath, m.Kind, m.APIVersion)
	case err != nil:
		return fault.Wrap(fault.Unavailable, err, "%s: the API server could not be asked for kind %q in %q", manifestPath, m.Kind, m.APIVersion)
	case mapping.Scope.Name() != meta.RESTScopeNameNamespace:
		return fault.New(fault.Invalid, "%s: objects of kind %s have no namespace, and a target is in the namespace of its ExternalSecret",
			manifestPath, m.Kind)
	}
	return nil
}

// watch has targets of the kind that es names noticed when they change. Those of Secrets and ConfigMaps are anyway.
func (c *Controller) watch(ctx context.Context, es *esv1.ExternalSecret) error {
	m := es.Spec.Target.Manifest
	if m.IsSecret() || m.IsConfigMap() || c.running == nil {
		return nil
	}
	gvk := m.GroupVersionKind()
	if _, known := c.watched.LoadOrStore(gvk, true); known {
		return nil
	}
	kind := &metav1.PartialObjectMetadata{}
	kind.SetGroupVersionKind(gvk)
	handler := wakeup.Handler(c.Client, targetKind(m), &esv1.ExternalSecretList{})
	if err := c.running.Watch(source.Kind[client.Object](c.Notices, kind, handler)); err != nil {
		return err
	}
	// A target that goes before the watch sees it is missed. The watch itself goes on trying what fails here.
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	if _, err := c.Notices.GetInformer(ctx, kind); err != nil {
		logf.FromContext(ctx).Info("targets are not watched yet", "kind", gvk.Kind, "reason", err.Error())
	}
	return nil
}

// targetKind is the kind of a target in a wakeup.Key.
func targetKind(m *esv1.ManifestReference) string { return m.GroupVersionKind().GroupKind().String() }

// target returns the target as it is, nil when there is none. The cache holds managed Secrets alone; where the metadata
// of another one is on record, the API server is asked. So it is for objects of other kinds.
func (c *Controller) target(ctx context.Context, es *esv1.ExternalSecret) (*apply.Target, error) {
	if !es.Spec.Target.Manifest.IsSecret() {
		return c.live(ctx, es)
	}
	name := types.NamespacedName{Namespace: es.Namespace, Name: es.TargetName()}
	var secret corev1.Secret
	err := c.Client.Get(ctx, name, &secret)
	if err == nil {
		return apply.OfSecret(&secret), nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fault.Wrap(fault.Unavailable, err, "secret %q could not be read", es.TargetName())
	}
	if err := c.Notices.Get(ctx, name, wakeup.Metadata(wakeup.KindSecret)); apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // no target is a value
	}
	return c.live(ctx, es)
}

// live asks the API server for the target, nil when there is none. It is for decisions that must not rest on a stale cache.
func (c *Controller) live(ctx context.Context, es *esv1.ExternalSecret) (*apply.Target, error) {
	name := types.NamespacedName{Namespace: es.Namespace, Name: es.TargetName()}
	m := es.Spec.Target.Manifest
	if m.IsSecret() {
		var secret corev1.Secret
		if err := c.Live.Get(ctx, name, &secret); err != nil {
			return nil, unreadable(err, "secret", name)
		}
		return apply.OfSecret(&secret), nil
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(m.GroupVersionKind())
	if err := c.Live.Get(ctx, name, object); err != nil {
		return nil, unreadable(err, m.Kind, name)
	}
	return apply.OfObject(es, object), nil
}

// unreadable returns the fault of a target that could not be read, nil for one that does not exist, as no object does of a
// kind that the API server does not know any more.
func unreadable(err error, kind string, name types.NamespacedName) error {
	switch {
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		return nil
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err, "the operator may not get %s %q in namespace %q: grant it the verb \"get\" on this kind there",
			kind, name.Name, name.Namespace)
	default:
		return fault.Wrap(fault.Unavailable, err, "%s %q could not be read", kind, name.Name)
	}
}

// former returns es as it was when its target had another name or was of another kind; nil when that never was so, or is
// not on record.
func former(es *esv1.ExternalSecret) *esv1.ExternalSecret {
	name, kind := es.Status.Binding.Name, es.Status.Manifest
	same := name == es.TargetName() && kind.GroupVersionKind() == es.Spec.Target.Manifest.GroupVersionKind()
	if name == "" || same {
		return nil
	}
	before := es.DeepCopy()
	before.Spec.Target.Name, before.Spec.Target.Manifest = name, kind
	return before
}

// retire deletes what es made under another name or of another kind, and returns the names. The status tells what that is.
// Where it is lost, Secrets are searched for.
func (c *Controller) retire(ctx context.Context, es *esv1.ExternalSecret) ([]string, error) {
	if es.Status.Binding.Name == "" {
		return apply.Orphans(ctx, c.Client, es)
	}
	before := former(es)
	if before == nil {
		return nil, nil
	}
	target, err := c.live(ctx, before)
	if err != nil || target == nil || !metav1.IsControlledBy(target, es) {
		return nil, err
	}
	return []string{before.TargetName()}, apply.Do(ctx, c.Client, before, target, apply.Change{Action: apply.Delete})
}
