package plan

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/sluice-operator/sluice/internal/fault"
)

// Selection chooses namespaces. The zero value chooses none.
type Selection struct {
	selectors []labels.Selector
	names     sets.Set[string]
}

// NewSelection returns the choice of every namespace that one of the selectors matches or that is named. The selectors are
// those of spec.namespaceSelector, nil when there is none, and of spec.namespaceSelectors; an empty one matches all. An
// error is fault.Invalid and names the field.
func NewSelection(one *metav1.LabelSelector, several []metav1.LabelSelector, names []string) (Selection, error) {
	s := Selection{names: sets.New(names...)}
	if one != nil {
		selector, err := readSelector("spec.namespaceSelector", one)
		if err != nil {
			return Selection{}, err
		}
		s.selectors = append(s.selectors, selector)
	}
	for i := range several {
		selector, err := readSelector(fmt.Sprintf("spec.namespaceSelectors[%d]", i), &several[i])
		if err != nil {
			return Selection{}, err
		}
		s.selectors = append(s.selectors, selector)
	}
	return s, nil
}

func readSelector(path string, written *metav1.LabelSelector) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(written)
	if err != nil {
		// The text quotes labels alone.
		return nil, fault.Wrap(fault.Invalid, err, "%s is not a label selector: %v", path, err)
	}
	return selector, nil
}

// Matches says whether namespace is chosen.
func (s Selection) Matches(namespace metav1.Object) bool {
	if s.names.Has(namespace.GetName()) {
		return true
	}
	for _, selector := range s.selectors {
		if selector.Matches(labels.Set(namespace.GetLabels())) {
			return true
		}
	}
	return false
}
