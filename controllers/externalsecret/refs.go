package externalsecret

import (
	"context"
	"errors"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// references lists what an ExternalSecret refers to, its target among it.
func references(o client.Object) []string {
	es, ok := o.(*esv1.ExternalSecret)
	if !ok {
		return nil
	}
	keys := []string{wakeup.Key(targetKind(es.Spec.Target.Manifest), es.Namespace, es.TargetName())}
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

// foreign says whether es is another operator's business because of the controller class of a store or a generator. What
// cannot be looked up says nothing about that, and is reported by the sync.
func (c *Controller) foreign(ctx context.Context, es *esv1.ExternalSecret) bool {
	for _, ref := range storeRefs(&es.Spec) {
		object, name := storeObject(ref, es.Namespace)
		if err := c.Client.Get(ctx, name, object); err != nil {
			continue
		}
		if store, ok := object.(esv1.GenericStore); ok && !c.Stores.Serves(store) {
			return true
		}
	}
	return slices.ContainsFunc(generatorRefs(&es.Spec), func(ref esv1.GeneratorRef) bool {
		_, err := c.Generators.Bind(ctx, es.Namespace, ref)
		return errors.Is(err, stores.ErrOtherClass)
	})
}

// onlyGenerated says whether spec takes every value from generators, and its templates from itself.
func onlyGenerated(spec *esv1.ExternalSecretSpec) bool {
	return len(spec.Data) == 0 && len(generatorRefs(spec)) == len(spec.DataFrom) && len(wakeup.TemplateSources(spec.Target.Template)) == 0
}
