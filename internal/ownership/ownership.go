package ownership

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/sluice-operator/sluice/internal/fault"
)

// Applied returns the fields of o that manager owns by server-side apply. The set is empty when it owns none.
func Applied(o metav1.Object, manager string) (*fieldpath.Set, error) {
	return fields(o, manager, metav1.ManagedFieldsOperationApply)
}

// Written returns the fields of o that manager owns, by server-side apply or by an update. To the API server these are two
// managers of one name.
func Written(o metav1.Object, manager string) (*fieldpath.Set, error) {
	return fields(o, manager, metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate)
}

func fields(o metav1.Object, manager string, operations ...metav1.ManagedFieldsOperationType) (*fieldpath.Set, error) {
	all := fieldpath.NewSet()
	for _, entry := range o.GetManagedFields() {
		if entry.Manager != manager || entry.Subresource != "" || !slices.Contains(operations, entry.Operation) {
			continue
		}
		set, err := parse(entry)
		if err != nil {
			return nil, err
		}
		all = all.Union(set)
	}
	return all, nil
}

func parse(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if entry.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return nil, fault.Wrap(fault.Unknown, err, "the managed fields of %q cannot be read", entry.Manager)
	}
	return set, nil
}

// Keys returns the names of the members of one map that are in set, sorted: Keys(set, "metadata", "labels").
func Keys(set *fieldpath.Set, path ...string) []string {
	for _, name := range path {
		child, ok := set.Children.Get(fieldpath.PathElement{FieldName: &name})
		if !ok {
			return nil
		}
		set = child
	}
	var keys []string
	for member := range set.Members.All() {
		if member.FieldName != nil {
			keys = append(keys, *member.FieldName)
		}
	}
	slices.Sort(keys)
	return keys
}

// Paths returns the paths of all fields in set, with dots between names, sorted. What is inside of a list has the path of
// the list.
func Paths(set *fieldpath.Set) []string {
	paths := map[string]bool{}
	for path := range set.Leaves().All() {
		paths[strings.Join(names(path), ".")] = true
	}
	return slices.Sorted(maps.Keys(paths))
}

func names(path fieldpath.Path) []string {
	var names []string
	for _, element := range path {
		if element.FieldName == nil {
			break
		}
		names = append(names, *element.FieldName)
	}
	return names
}

// Only is a cache transform: of the managed fields it keeps those of the managers that keep accepts, so that objects
// take little memory.
func Only(keep func(manager string) bool) func(any) (any, error) {
	return func(obj any) (any, error) {
		if o, ok := obj.(metav1.Object); ok {
			o.SetManagedFields(slices.DeleteFunc(o.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return !keep(e.Manager) }))
		}
		return obj, nil
	}
}
