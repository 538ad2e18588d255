package stores

import (
	"context"
	"fmt"
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
	switch kind := ref.KindOrDefault(); {
	case ref.Name == "":
		return nil, fault.New(fault.Invalid, "no store is named: set spec.secretStoreRef.name, or sourceRef.storeRef.name at the entry")
	case kind == esv1.KindSecretStore:
		store := &esv1.SecretStore{}
		err := p.config.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, store)
		if apierrors.IsNotFound(err) {
			return nil, fault.Wrap(fault.Invalid, err, "SecretStore %q does not exist in namespace %q", ref.Name, namespace)
		}
		return store, readFault(err, kind, ref.Name)
	case kind == esv1.KindClusterSecretStore:
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
	conditions, err := conditionsOf(store)
	if err != nil || len(conditions) == 0 {
		return err
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

// condition is one condition of a ClusterSecretStore, ready to be asked.
type condition struct {
	names    []string
	regexes  []*regexp.Regexp
	selector labels.Selector // nil when there is none
}

// conditionsOf reads the conditions of a store; none for a SecretStore, where they mean nothing. One that cannot be read makes
// all of them fault.Invalid, whatever the others say.
func conditionsOf(store esv1.GenericStore) ([]condition, error) {
	if store.StoreKind() != esv1.KindClusterSecretStore {
		return nil, nil
	}
	var all []condition
	for i, written := range store.StoreSpec().Conditions {
		read, err := readCondition(fmt.Sprintf("spec.conditions[%d]", i), written)
		if err != nil {
			return nil, fault.In(err, "%s %q", store.StoreKind(), store.GetName())
		}
		all = append(all, read)
	}
	return all, nil
}

// readCondition reads the condition at path.
func readCondition(path string, written esv1.ClusterSecretStoreCondition) (condition, error) {
	read := condition{names: written.Namespaces}
	for i, text := range written.NamespaceRegexes {
		expression, err := regexp.Compile(text)
		if err != nil {
			return read, fault.Wrap(fault.Invalid, err, "%s.namespaceRegexes[%d] %q is not a regular expression", path, i, text)
		}
		read.regexes = append(read.regexes, expression)
	}
	if written.NamespaceSelector == nil {
		return read, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(written.NamespaceSelector)
	if err != nil {
		return read, fault.Wrap(fault.Invalid, err, "%s.namespaceSelector is not a label selector", path)
	}
	read.selector = selector
	return read, nil
}

// allows reports whether one of the conditions matches namespace, which is read only when a selector has to decide.
func (p *Pool) allows(ctx context.Context, conditions []condition, namespace string) (bool, error) {
	matches := func(expression *regexp.Regexp) bool { return expression.MatchString(namespace) }
	for _, c := range conditions {
		if slices.Contains(c.names, namespace) || slices.ContainsFunc(c.regexes, matches) {
			return true, nil
		}
	}
	for _, c := range conditions {
		if c.selector == nil {
			continue
		}
		if selected, err := p.selects(ctx, c.selector, namespace); selected || err != nil {
			return selected, err
		}
	}
	return false, nil
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
