package credentials

import (
	"reflect"

	"k8s.io/utils/ptr"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
)

// NeedsConsumer reports whether spec, a part of an API object, holds a reference without a namespace. In a
// ClusterSecretStore such a reference is followed in the namespace of the object that uses the store.
func NeedsConsumer(spec any) bool {
	needs := false
	walk(reflect.ValueOf(spec), func(part any) {
		// A selector without a name is one that the user left out.
		switch ref := part.(type) {
		case metametav1.SecretKeySelector:
			needs = needs || ref.Name != "" && ptr.Deref(ref.Namespace, "") == ""
		case metametav1.ServiceAccountSelector:
			needs = needs || ref.Name != "" && ptr.Deref(ref.Namespace, "") == ""
		}
	})
	return needs
}

// Reference names a Secret or a ConfigMap.
type Reference struct {
	// Kind is Secret or ConfigMap.
	Kind string
	// Namespace is the one that the reference names; empty when it names none.
	Namespace string
	// Name of the object.
	Name string
}

// References lists the Secrets and ConfigMaps that spec, a part of an API object, refers to.
func References(spec any) []Reference {
	var all []Reference
	add := func(kind, name string, namespace *string) {
		if name != "" {
			all = append(all, Reference{Kind: kind, Namespace: ptr.Deref(namespace, ""), Name: name})
		}
	}
	walk(reflect.ValueOf(spec), func(part any) {
		switch ref := part.(type) {
		case metametav1.SecretKeySelector:
			add(string(esv1.CAProviderSecret), ref.Name, ref.Namespace)
		case esv1.CAProvider:
			add(string(ref.Type), ref.Name, ref.Namespace)
		}
	})
	return all
}

// MayRefer reports whether a part of an API object of the type of spec can refer to a Secret or a ConfigMap.
func MayRefer(spec any) bool { return mayRefer(reflect.TypeOf(spec), map[reflect.Type]bool{}) }

func mayRefer(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return mayRefer(t.Elem(), seen)
	case reflect.Struct:
		if t == reflect.TypeFor[metametav1.SecretKeySelector]() || t == reflect.TypeFor[esv1.CAProvider]() {
			return true
		}
		for field := range t.Fields() {
			if field.IsExported() && mayRefer(field.Type, seen) {
				return true
			}
		}
	default:
	}
	return false
}

// walk calls visit with every struct in v that can be looked at.
func walk(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), visit)
		}
	case reflect.Struct:
		if !v.CanInterface() {
			return
		}
		visit(v.Interface())
		for _, field := range v.Fields() {
			walk(field, visit)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			walk(value, visit)
		}
	default:
		// Nothing else can hold a reference.
	}
}
