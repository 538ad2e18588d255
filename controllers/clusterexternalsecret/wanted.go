package clusterexternalsecret

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/ownership"
)

// wanted is the ExternalSecret that every namespace is to have.
type wanted struct {
	name                string
	labels, annotations map[string]string
	spec                *esv1.ExternalSecretSpec
}

// newWanted returns what ces asks for. Of its own metadata only the request to refresh is passed on: what GitOps tools
// wrote there is about itself.
func newWanted(ces *esv1.ClusterExternalSecret) wanted {
	metadata := &ces.Spec.ExternalSecretMetadata
	w := wanted{name: ces.ChildName(), labels: metadata.Labels, annotations: map[string]string{}, spec: &ces.Spec.ExternalSecretSpec}
	maps.Copy(w.annotations, metadata.Annotations)
	for _, key := range []string{esv1.AnnotationForceSync, esv1.AnnotationForceSyncShort} {
		if value, ok := ces.Annotations[key]; ok {
			w.annotations[key] = value
		}
	}
	return w
}

// heldBy says whether es is as it is wanted. Labels and annotations of others are no difference; fields of the spec are.
func (w *wanted) heldBy(es *esv1.ExternalSecret) bool {
	before := written(es)
	return before.any && within(w.labels, es.Labels) && within(w.annotations, es.Annotations) &&
		len(without(before.labels, w.labels)) == 0 && len(without(before.annotations, w.annotations)) == 0 &&
		equality.Semantic.DeepEqual(w.spec, &es.Spec)
}

// record is what a ClusterExternalSecret wrote into an ExternalSecret.
type record struct {
	// any says that it wrote it at all. What the reference implementation wrote is not on record.
	any bool
	// labels and annotations are the names of those that it wrote.
	labels, annotations []string
}

// written returns what is on record of es. A record that cannot be read is none.
func written(es *esv1.ExternalSecret) record {
	fields, err := ownership.Applied(es, esv1.FieldManagerClusterExternalSecret)
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

// configuration is an ExternalSecret as it is applied. The answer of the API server is read into it.
type configuration struct {
	metav1ac.TypeMetaApplyConfiguration    `json:",inline"`
	*metav1ac.ObjectMetaApplyConfiguration `json:"metadata"`

	Spec *esv1.ExternalSecretSpec `json:"spec"`
}

// IsApplyConfiguration implements runtime.ApplyConfiguration.
func (*configuration) IsApplyConfiguration() {}

// in returns what is applied in a namespace, for the object that is there: nil when there is none.
func (w *wanted) in(namespace string, owner *esv1.ClusterExternalSecret, existing *esv1.ExternalSecret) *configuration {
	reference := metav1ac.OwnerReference().
		WithAPIVersion(esv1.GroupVersion().String()).WithKind(esv1.KindClusterExternalSecret).
		WithName(owner.Name).WithUID(owner.UID).WithController(true).WithBlockOwnerDeletion(true)
	config := &configuration{
		TypeMetaApplyConfiguration: *metav1ac.TypeMeta().WithAPIVersion(esv1.GroupVersion().String()).WithKind(esv1.KindExternalSecret),
		ObjectMetaApplyConfiguration: metav1ac.ObjectMeta().WithNamespace(namespace).WithName(w.name).
			WithLabels(w.labels).WithAnnotations(w.annotations).WithOwnerReferences(reference),
		Spec: w.spec.DeepCopy(),
	}
	if existing != nil {
		// An object that has taken its place meanwhile is left alone.
		config.WithUID(existing.UID)
	}
	return config
}
