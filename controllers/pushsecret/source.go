package pushsecret

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// secret reads the source Secrets from the API server.
func (c *Controller) secret(ctx context.Context, ps *esv1alpha1.PushSecret) (render.Source, error) {
	if ps.Spec.Selector.Secret == nil {
		return render.Source{}, fault.New(fault.Invalid, "spec.selector must set secret or generatorRef")
	}
	secrets, err := c.selectedSecrets(ctx, ps.Namespace, ps.Spec.Selector.Secret)
	if err != nil {
		return render.Source{}, fault.In(err, "could not get source secret")
	}
	sources := make([]render.Source, 0, len(secrets))
	for i := range secrets {
		secret := &secrets[i]
		source := render.Source{
			Data: secret.Data, Type: secret.Type,
			Labels: c.Renderer.Copied(secret.Labels), Annotations: c.Renderer.Copied(secret.Annotations),
		}
		if err := render.Allowed(render.Desired{Type: source.Type, Annotations: source.Annotations}); err != nil {
			return render.Source{}, fault.In(err, "source secret %q", secret.Name)
		}
		sources = append(sources, source)
	}
	if err := disagreement(ps, secrets); err != nil {
		return render.Source{}, err
	}
	return joined(sources), nil
}

// selectedSecrets returns the Secret that is named, or those that are selected, sorted by name; at least one.
func (c *Controller) selectedSecrets(ctx context.Context, namespace string, from *esv1alpha1.PushSecretSecret) ([]corev1.Secret, error) {
	if from.Selector == nil {
		var secret corev1.Secret
		err := c.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: from.Name}, &secret)
		if apierrors.IsNotFound(err) {
			return nil, fault.Wrap(fault.Invalid, errSourceGone, "secret %q does not exist in namespace %q", from.Name, namespace)
		}
		return []corev1.Secret{secret}, unreadable(err, namespace)
	}
	selector, err := metav1.LabelSelectorAsSelector(from.Selector)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "spec.selector.secret.selector is not valid")
	}
	var list corev1.SecretList
	if err := c.Live.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, unreadable(err, namespace)
	}
	if len(list.Items) == 0 {
		return nil, fault.Wrap(fault.Invalid, errSourceGone, "no secret in namespace %q matches %s", namespace, selector)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Secret) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, nil
}

func unreadable(err error, namespace string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err,
			"the operator may not read secrets in namespace %q: grant it the verbs get and list on secrets there", namespace)
	default:
		return fault.Wrap(fault.Unavailable, err, "secrets in namespace %q could not be read", namespace)
	}
}

// disagreement returns an error when two Secrets hold different values under a key that is pushed: which of them is meant
// nobody can tell.
func disagreement(ps *esv1alpha1.PushSecret, secrets []corev1.Secret) error {
	holder := map[string]*corev1.Secret{}
	for i := range secrets {
		secret := &secrets[i]
		for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
			first, known := holder[key]
			if !known {
				holder[key] = secret
				continue
			}
			if uses(ps, key) && !bytes.Equal(first.Data[key], secret.Data[key]) {
				return fault.New(fault.Invalid, "secrets %q and %q, which spec.selector.secret.selector selects, hold different values under key %q: "+
					"let it select one of them, or give the keys different names", first.Name, secret.Name, key)
			}
		}
	}
	return nil
}

// uses says whether a key of the source may be pushed.
func uses(ps *esv1alpha1.PushSecret, key string) bool {
	if len(ps.Spec.DataTo) > 0 || ps.Spec.Template != nil {
		return true
	}
	return slices.ContainsFunc(ps.Spec.Data, func(entry esv1alpha1.PushSecretData) bool {
		return entry.Match.SecretKey == "" || entry.Match.SecretKey == render.Converted(entry.ConversionStrategy, key)
	})
}

// joined makes one source of several: the keys of all, and the type, labels and annotations that are the same in each.
func joined(sources []render.Source) render.Source {
	all := sources[0]
	all.Data, all.Labels, all.Annotations = maps.Clone(all.Data), maps.Clone(all.Labels), maps.Clone(all.Annotations)
	if all.Data == nil {
		all.Data = map[string][]byte{}
	}
	for _, source := range sources[1:] {
		for key, value := range source.Data {
			if _, known := all.Data[key]; !known {
				all.Data[key] = value
			}
		}
		if all.Type != source.Type {
			all.Type = ""
		}
		common(all.Labels, source.Labels)
		common(all.Annotations, source.Annotations)
	}
	return all
}

// common removes from a what b does not have alike.
func common(a, b map[string]string) {
	maps.DeleteFunc(a, func(key, value string) bool {
		other, ok := b[key]
		return !ok || other != value
	})
}
