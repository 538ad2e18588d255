package externalsecret

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// references lists what an ExternalSecret refers to, its target among it.
func references(o client.Object) []string {
	es, ok := o.(*esv1.ExternalSecret)
	if !ok {
		return nil
	}
	keys := []string{wakeup.Key(wakeup.KindSecret, es.Namespace, es.TargetName())}
	for _, ref := range storeRefs(&es.Spec) {
		keys = append(keys, wakeup.StoreKey(ref.KindOrDefault(), es.Namespace, ref.Name))
	}
	for _, ref := range generatorRefs(&es.Spec) {
		keys = append(keys, wakeup.GeneratorKey(ref, es.Namespace))
	}
	for _, ref := range wakeup.TemplateSources(es.Spec.Target.Template) {
		keys = append(keys, wakeup.Key(ref.Kind, es.Namespace, ref.Name))
	}
	return keys
}

// storeRefs lists the stores that spec reads from.
func storeRefs(spec *esv1.ExternalSecretSpec) []esv1.SecretStoreRef {
	var refs []esv1.SecretStoreRef
	add := func(ref esv1.SecretStoreRef) {
		if ref.Name != "" {
			refs = append(refs, ref)
		}
	}
	add(spec.SecretStoreRef)
	for i := range spec.Data {
		if source := spec.Data[i].SourceRef; source != nil {
			add(source.StoreRef)
		}
	}
	for i := range spec.DataFrom {
		if source := spec.DataFrom[i].SourceRef; source != nil && source.StoreRef != nil {
			add(*source.StoreRef)
		}
	}
	return refs
}

// generatorRefs lists the generators that spec takes values from.
func generatorRefs(spec *esv1.ExternalSecretSpec) []esv1.GeneratorRef {
	var refs []esv1.GeneratorRef
	for i := range spec.DataFrom {
		if source := spec.DataFrom[i].SourceRef; source != nil && source.GeneratorRef != nil {
			refs = append(refs, *source.GeneratorRef)
		}
	}
	return refs
}
