package credentials

import (
	"reflect"

	"k8s.io/utils/ptr"

	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
)

// NeedsConsumer reports whether spec, a part of an API object, holds a reference without a namespace. In a
// ClusterSecretStore such a reference is followed in the namespace of the object that uses the store.
func NeedsConsumer(spec any) bool { return needsConsumer(reflect.ValueOf(spec)) }

func needsConsumer(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && needsConsumer(v.Elem())
	case reflect.Struct:
		return needsConsumerStruct(v)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if needsConsumer(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			if needsConsumer(value) {
				return true
			}
		}
	default:
		// Nothing else can hold a reference.
	}
	return false
}

func needsConsumerStruct(v reflect.Value) bool {
	if !v.CanInterface() {
		return false
	}
	// A selector without a name is one that the user left out.
	switch ref := v.Interface().(type) {
	case metametav1.SecretKeySelector:
		return ref.Name != "" && ptr.Deref(ref.Namespace, "") == ""
	case metametav1.ServiceAccountSelector:
		return ref.Name != "" && ptr.Deref(ref.Namespace, "") == ""
	}
	for _, field := range v.Fields() {
		if needsConsumer(field) {
			return true
		}
	}
	return false
}
