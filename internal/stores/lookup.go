package stores

import (
	"context"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// find reads the store that ref names, for an object in namespace.
func (p *Pool) find(ctx context.Context, namespace string, ref esv1.SecretStoreRef) (esv1.GenericStore, error) {
	switch kind := ref.KindOrDefault(); kind {
	case esv1.KindSecretStore:
		store := &esv1.SecretStore{}
		err := p.config.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, store)
		if apierrors.IsNotFound(err) {
			return nil, fault.Wrap(fault.Invalid, err, "SecretStore %q does not exist in namespace %q", ref.Name, namespace)
		}
		return store, readFault(err, kind, ref.Name)
	case esv1.KindClusterSecretStore:
		store := &esv1.ClusterSecretStore{}
		err := p.config.Reader.Get(ctx, client.ObjectKey{Name: ref.Name}, store)
		if apierrors.IsNotFound(err) {
			return nil, fault.Wrap(fault.Invalid, err, "ClusterSecretStore %q does not exist", ref.Name)
		}
		return store, readFault(err, kind, ref.Name)
	default:
		return nil, fault.New(fault.Invalid, "secretStoreRef.kind is %q, it must be SecretStore or ClusterSecretStore", kind)
	}
}

// admit returns nil when objects in namespace may use store.
func (p *Pool) admit(ctx context.Context, store esv1.GenericStore, namespace string) error {
	if !p.Serves(store) {
		return ErrOtherClass
	}
	conditions := store.StoreSpec().Conditions
	if store.StoreKind() != esv1.KindClusterSecretStore || len(conditions) == 0 {
		return nil
	}
	allowed, err := p.allows(ctx, conditions, namespace)
	if err != nil {
		return fault.In(err, "ClusterSecretStore %q", store.GetName())
	}
	if !allowed {
		return fault.New(fault.Denied, "using cluster store %q is not allowed from namespace %q: denied by spec.condition: "+
			"let one of the store's spec.conditions match the namespace", store.GetName(), namespace)
	}
	return nil
}

// Serves reports whether store is of this operator's controller class, or of none.
func (p *Pool) Serves(store esv1.GenericStore) bool {
	class := store.StoreSpec().Controller
	return class == "" || class == p.config.Class
}

// allows reports whether one of the conditions matches namespace. One that cannot be read makes all of them
// fault.Invalid, whatever the others say.
func (p *Pool) allows(ctx context.Context, conditions []esv1.ClusterSecretStoreCondition, namespace string) (bool, error) {
	allowed := false
	for i, condition := range conditions {
		allowed = allowed || slices.Contains(condition.Namespaces, namespace)
		for j, text := range condition.NamespaceRegexes {
			expression, err := regexp.Compile(text)
			if err != nil {
				return false, fault.Wrap(fault.Invalid, err, "spec.conditions[%d].namespaceRegexes[%d] is not a regular expression", i, j)
			}
			allowed = allowed || expression.MatchString(namespace)
		}
		selector, err := metav1.LabelSelectorAsSelector(condition.NamespaceSelector)
		if err != nil {
			return false, fault.Wrap(fault.Invalid, err, "spec.conditions[%d].namespaceSelector is not a label selector", i)
		}
		if allowed || condition.NamespaceSelector == nil {
			continue
		}
		if allowed, err = p.selects(ctx, selector, namespace); err != nil {
			return false, err
		}
	}
	return allowed, nil
}

func (p *Pool) selects(ctx context.Context, selector labels.Selector, name string) (bool, error) {
	namespace := &corev1.Namespace{}
	if err := p.config.Reader.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return false, readFault(err, "Namespace", name)
	}
	return selector.Matches(labels.Set(namespace.Labels)), nil
}

// ready is the gate before a store that is known not to work.
func ready(store esv1.GenericStore) error {
	status := store.StoreStatus()
	condition := meta.FindStatusCondition(status.Conditions, esv1.ConditionReady)
	switch {
	case condition == nil || status.ObservedGeneration < store.GetGeneration():
		return fault.Wrap(fault.Unavailable, ErrUnchecked, "%s %q is not ready: it has not been checked since it was last changed",
			store.StoreKind(), store.GetName())
	case condition.Status != metav1.ConditionTrue:
		return fault.New(fault.Unavailable, "%s %q is not ready: %s", store.StoreKind(), store.GetName(), condition.Message)
	default:
		return nil
	}
}

func readFault(err error, kind, name string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return fault.Wrap(fault.Invalid, err, "%s %q does not exist", kind, name)
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err, "the operator may not get %s %q: grant it the verb \"get\"", kind, name)
	}
	return fault.Wrap(fault.Unavailable, err, "could not get %s %q: the API server did not answer as expected", kind, name)
}
