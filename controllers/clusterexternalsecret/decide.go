package clusterexternalsecret

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// world is what one sync sees of the cluster.
type world struct {
	// namespaces are all there are.
	namespaces []corev1.Namespace
	// found are the ExternalSecrets that a ClusterExternalSecret of the name controls, wherever they are, and whatever else
	// stands where one is wanted.
	found map[types.NamespacedName]*esv1.ExternalSecret
}

// decision is what is to be done.
type decision struct {
	// remove are ExternalSecrets that are not wanted, or not under their name.
	remove []*esv1.ExternalSecret
	// write are the namespaces where the ExternalSecret has to be written, with what is there: nil when there is nothing.
	write []place
	// keep are the namespaces where it is as it should be.
	keep []string
	// failed are the namespaces where nothing can be done, with why.
	failed failures
	// missing are names in the spec that no namespace has.
	missing []string
}

// place is a namespace with the ExternalSecret in it.
type place struct {
	namespace string
	existing  *esv1.ExternalSecret
}

// failures says what failed, by namespace.
type failures map[string]error

// selection returns the namespaces that ces asks for.
func selection(ces *esv1.ClusterExternalSecret) (plan.Selection, error) {
	return plan.NewSelection(ces.Spec.NamespaceSelector, ces.Spec.NamespaceSelectors, ces.Spec.Namespaces)
}

// eligible says whether a namespace gets an ExternalSecret. One that is being deleted takes nothing new.
func eligible(chosen plan.Selection, namespace *corev1.Namespace) bool {
	return namespace.DeletionTimestamp.IsZero() && chosen.Matches(namespace)
}

// decide compares the world with what ces asks for.
func decide(ces *esv1.ClusterExternalSecret, chosen plan.Selection, w world) decision {
	want, d := newWanted(ces), decision{failed: failures{}}
	known, selected := sets.New[string](), map[string]bool{}
	for i := range w.namespaces {
		namespace := &w.namespaces[i]
		known.Insert(namespace.Name)
		if !namespace.DeletionTimestamp.IsZero() {
			continue
		}
		selected[namespace.Name] = chosen.Matches(namespace)
		if selected[namespace.Name] {
			d.judge(ces, &want, namespace.Name, w.found[types.NamespacedName{Namespace: namespace.Name, Name: want.name}])
		}
	}
	for _, es := range w.found {
		// What is in a namespace that is being deleted goes with it. One that is not known yet is left alone too: caches
		// are filled independently of each other.
		isSelected, alive := selected[es.Namespace]
		inPlace := isSelected && es.Name == want.name
		if alive && !inPlace && metav1.IsControlledBy(es, ces) && es.DeletionTimestamp.IsZero() {
			d.remove = append(d.remove, es)
		}
	}
	d.missing = sets.List(sets.New(ces.Spec.Namespaces...).Difference(known))
	slices.SortFunc(d.remove, byPlace)
	return d
}

// judge decides about one namespace that is to have the ExternalSecret; es is what stands there, nil when nothing does.
func (d *decision) judge(ces *esv1.ClusterExternalSecret, want *wanted, namespace string, es *esv1.ExternalSecret) {
	switch {
	case es == nil:
		d.write = append(d.write, place{namespace: namespace})
	case !metav1.IsControlledBy(es, ces):
		d.failed[namespace] = occupied(ces, es)
	case !es.DeletionTimestamp.IsZero():
		d.failed[namespace] = fault.New(fault.Conflict, "external secret %q is being deleted: a new one is made when it is gone", es.Name)
	case want.heldBy(es):
		d.keep = append(d.keep, namespace)
	default:
		d.write = append(d.write, place{namespace: namespace, existing: es})
	}
}

// occupied says who has the place.
func occupied(ces *esv1.ClusterExternalSecret, es *esv1.ExternalSecret) error {
	if slices.Contains(owners(es), ces.Name) {
		return fault.New(fault.Conflict, "external secret %q is that of a former ClusterExternalSecret of this name: "+
			"a new one is made when the garbage collector has deleted it", es.Name)
	}
	by := ""
	if owner := metav1.GetControllerOf(es); owner != nil {
		by = fmt.Sprintf(", it is controlled by %s %q", owner.Kind, owner.Name)
	}
	return fault.New(fault.Conflict, "external secret already exists in namespace: %q was not made by this ClusterExternalSecret%s: "+
		"delete it, or choose another spec.externalSecretName", es.Name, by)
}

func byPlace(a, b *esv1.ExternalSecret) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
