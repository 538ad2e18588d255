package fanout

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/internal/ownership"
)

// wanted is what one parent asks for, and how it is written.
type wanted struct {
	asked

	kinds  *kinds
	parent client.Object
	// labels, annotations and spec are those of every child.
	labels, annotations map[string]string
	spec                any
}

// wanted returns what parent asks for. Of its own metadata only the requests are passed on: what GitOps tools wrote there is
// about itself.
func (k *kinds) wanted(parent client.Object) wanted {
	ask := k.ask(parent)
	w := wanted{
		asked: ask, kinds: k, parent: parent,
		labels: ask.metadata.Labels, annotations: map[string]string{}, spec: k.specOf(ask.child()),
	}
	maps.Copy(w.annotations, ask.metadata.Annotations)
	for _, key := range k.requests {
		if value, ok := parent.GetAnnotations()[key]; ok {
			w.annotations[key] = value
		}
	}
	return w
}

// heldBy says whether child is as it is wanted. Labels and annotations of others are no difference; fields of the spec are.
func (w *wanted) heldBy(child client.Object) bool {
	before := w.kinds.written(child)
	return before.any && within(w.labels, child.GetLabels()) && within(w.annotations, child.GetAnnotations()) &&
		len(without(before.labels, w.labels)) == 0 && len(without(before.annotations, w.annotations)) == 0 &&
		equality.Semantic.DeepEqual(w.spec, w.kinds.specOf(child))
}

// record is what the parent wrote into a child.
type record struct {
	// any says that it wrote it at all. What the reference implementation wrote is not on record.
	any bool
	// labels and annotations are the names of those that it wrote.
	labels, annotations []string
}

// written returns what is on record of child. A record that cannot be read is none.
func (k *kinds) written(child client.Object) record {
	fields, err := ownership.Applied(child, k.author)
	if err != nil || fields.Empty() {
		return record{}
	}
	return record{
		any:         true,
		labels:      ownership.Keys(fields, "metadata", "labels"),
		annotations: ownership.Keys(fields, "metadata", "annotations"),
	}
}

func within(part, whole map[string]string) bool {
	for key, value := range part {
		if have, ok := whole[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// without returns the keys that are not in m.
func without(keys []string, m map[string]string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		_, ok := m[key]
		return ok
	})
}

// configuration is a child as it is applied. The answer of the API server is read into it.
type configuration struct {
	metav1ac.TypeMetaApplyConfiguration    `json:",inline"`
	*metav1ac.ObjectMetaApplyConfiguration `json:"metadata"`

	// Spec points to the spec of child.
	Spec  any `json:"spec"`
	child client.Object
}

// IsApplyConfiguration implements runtime.ApplyConfiguration.
func (*configuration) IsApplyConfiguration() {}

// in returns what is applied in a namespace, for the object that is there: nil when there is none.
func (w *wanted) in(namespace string, existing client.Object) *configuration {
	reference := metav1ac.OwnerReference().
		WithAPIVersion(w.kinds.parentKind.GroupVersion().String()).WithKind(w.kinds.parentKind.Kind).
		WithName(w.parent.GetName()).WithUID(w.parent.GetUID()).WithController(true).WithBlockOwnerDeletion(true)
	child := w.child()
	config := &configuration{
		TypeMetaApplyConfiguration: *metav1ac.TypeMeta().WithAPIVersion(w.kinds.childKind.GroupVersion().String()).WithKind(w.kinds.childKind.Kind),
		ObjectMetaApplyConfiguration: metav1ac.ObjectMeta().WithNamespace(namespace).WithName(w.childName).
			WithLabels(w.labels).WithAnnotations(w.annotations).WithOwnerReferences(reference),
		Spec:  w.kinds.specOf(child),
		child: child,
	}
	if existing != nil {
		// An object that has taken its place meanwhile is left alone.
		config.WithUID(existing.GetUID())
	}
	return config
}
