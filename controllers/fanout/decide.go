package fanout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// world is what one sync sees of the cluster.
type world struct {
	// namespaces are all there are.
	namespaces []corev1.Namespace
	// found are the children that a parent of the name controls, wherever they are, and whatever else stands where one is
	// wanted.
	found map[types.NamespacedName]client.Object
}

// decision is what is to be done.
type decision struct {
	// remove are children that are not wanted, or not under their name.
	remove []client.Object
	// write are the namespaces where the child has to be written, with what is there: nil when there is nothing.
	write []place
	// keep are the namespaces where it is as it should be.
	keep []string
	// failed are the namespaces where nothing can be done, with why.
	failed failures
	// missing are names in the spec that no namespace has.
	missing []string
}

// place is a namespace with the child in it.
type place struct {
	namespace string
	existing  client.Object
}

// failures says what failed, by namespace.
type failures map[string]error

// selection returns the namespaces that a parent asks for.
func (a *asked) selection() (plan.Selection, error) {
	return plan.NewSelection(a.selector, a.selectors, a.namespaces)
}

// eligible says whether a namespace gets a child. One that is being deleted takes nothing new.
func eligible(chosen plan.Selection, namespace *corev1.Namespace) bool {
	return namespace.DeletionTimestamp.IsZero() && chosen.Matches(namespace)
}

// decide compares the world with what is wanted.
func decide(want *wanted, chosen plan.Selection, w world) decision {
	d := decision{failed: failures{}}
	known, selected := sets.New[string](), map[string]bool{}
	for i := range w.namespaces {
		namespace := &w.namespaces[i]
		known.Insert(namespace.Name)
		if namespace.DeletionTimestamp.IsZero() {
			selected[namespace.Name] = chosen.Matches(namespace)
		}
	}
	d.missing = sets.List(sets.New(want.namespaces...).Difference(known))
	former := d.clear(want, selected, w.found)
	for _, namespace := range slices.Sorted(maps.Keys(selected)) {
		at := types.NamespacedName{Namespace: namespace, Name: want.childName}
		switch existing := w.found[at]; {
		case !selected[namespace]:
		case existing == nil && former[namespace] != "":
			// What it does on its way out, such as taking back what it has pushed, must not undo what the new one does.
			d.failed[namespace] = fault.New(fault.Unavailable, "%s %q is being deleted: %q is made when it is gone",
				want.kinds.called, former[namespace], want.childName)
		default:
			d.judge(want, namespace, existing)
		}
	}
	return d
}

// clear decides about the children that are not wanted, or not under their name. It returns those of a selected namespace that
// will not be gone at once, by namespace; of several the first.
func (d *decision) clear(want *wanted, selected map[string]bool, found map[types.NamespacedName]client.Object) map[string]string {
	former := map[string]string{}
	for at, child := range found {
		// What is in a namespace that is being deleted goes with it. One that is not known yet is left alone too: caches
		// are filled independently of each other.
		isSelected, alive := selected[at.Namespace]
		inPlace := isSelected && at.Name == want.childName
		if !alive || inPlace || !metav1.IsControlledBy(child, want.parent) {
			continue
		}
		leaving := !child.GetDeletionTimestamp().IsZero()
		if !leaving {
			d.remove = append(d.remove, child)
		}
		if first := former[at.Namespace]; (leaving || len(child.GetFinalizers()) > 0) && (first == "" || at.Name < first) {
			former[at.Namespace] = at.Name
		}
	}
	slices.SortFunc(d.remove, byPlace)
	return former
}

// judge decides about one namespace that is to have the child; existing is what stands there, nil when nothing does.
func (d *decision) judge(want *wanted, namespace string, existing client.Object) {
	switch {
	case existing == nil:
		d.write = append(d.write, place{namespace: namespace})
	case !metav1.IsControlledBy(existing, want.parent):
		d.failed[namespace] = want.occupied(existing)
	case !existing.GetDeletionTimestamp().IsZero():
		d.failed[namespace] = fault.New(fault.Conflict, "%s %q is being deleted: a new one is made when it is gone",
			want.kinds.called, existing.GetName())
	case want.heldBy(existing):
		d.keep = append(d.keep, namespace)
	default:
		d.write = append(d.write, place{namespace: namespace, existing: existing})
	}
}

// occupied says who has the place.
func (w *wanted) occupied(existing client.Object) error {
	parent, name := w.kinds.parentKind.Kind, existing.GetName()
	if slices.Contains(w.kinds.owners(existing), w.parent.GetName()) {
		return fault.New(fault.Conflict, "%s %q is that of a former %s of this name: "+
			"a new one is made when the garbage collector has deleted it", w.kinds.called, name, parent)
	}
	by := ""
	if owner := metav1.GetControllerOf(existing); owner != nil {
		by = fmt.Sprintf(", it is controlled by %s %q", owner.Kind, owner.Name)
	}
	return fault.New(fault.Conflict, "%s already exists in namespace: %q was not made by this %s%s: "+
		"delete it, or choose another %s", w.kinds.called, name, parent, by, w.kinds.nameField)
}

func byPlace(a, b client.Object) int {
	return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}
