package pushsecret

import (
	"cmp"

	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/wakeup"
)

// references lists what a PushSecret refers to.
func references(o client.Object) []string {
	ps, ok := o.(*esv1alpha1.PushSecret)
	if !ok {
		return nil
	}
	var keys []string
	for i := range ps.Spec.SecretStoreRefs {
		ref := &ps.Spec.SecretStoreRefs[i]
		keys = append(keys, wakeup.StoreKey(ref.KindOrDefault(), ps.Namespace, cmp.Or(ref.Name, wakeup.AnyName)))
	}
	if source := ps.Spec.Selector.Secret; source != nil {
		keys = append(keys, wakeup.Key(wakeup.KindSecret, ps.Namespace, cmp.Or(source.Name, wakeup.AnyName)))
	}
	if ref := ps.Spec.Selector.GeneratorRef; ref != nil {
		keys = append(keys, wakeup.GeneratorKey(*ref, ps.Namespace))
	}
	for _, ref := range wakeup.TemplateSources(ps.Spec.Template) {
		keys = append(keys, wakeup.Key(ref.Kind, ps.Namespace, ref.Name))
	}
	return keys
}
