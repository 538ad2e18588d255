package render

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-operator/sluice/internal/fault"
)

// path is the place of a field in an object.
type path []step

// step is the name of a field, and the indexes into the lists in it.
type step struct {
	name    string
	indexes []int
}

var (
	stepText  = regexp.MustCompile(`^([A-Za-z0-9_/-]+)((?:\[[0-9]{1,4}\])*)$`)
	indexText = regexp.MustCompile(`[0-9]+`)
)

// parsePath reads names between dots, each with indexes in brackets behind it: spec.rules[0].host. What the API server or
// Sluice itself sets cannot be reached.
func parsePath(text string) (path, error) {
	var parsed path
	for part := range strings.SplitSeq(text, ".") {
		match := stepText.FindStringSubmatch(part)
		if match == nil {
			return nil, fault.New(fault.Invalid, "it is no path: names of fields with dots between them, such as spec.rules[0].host")
		}
		s := step{name: match[1]}
		for _, digits := range indexText.FindAllString(match[2], -1) {
			index, err := strconv.Atoi(digits)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "an index is no number")
			}
			s.indexes = append(s.indexes, index)
		}
		parsed = append(parsed, s)
	}
	if strings.EqualFold(text, specTarget) {
		parsed[0].name = specTarget
	}
	if slices.Contains([]string{"apiVersion", "kind", "metadata", "status"}, parsed[0].name) {
		return nil, fault.New(fault.Invalid, "a template cannot set it: Data, Labels, Annotations, spec and fields beside it are allowed")
	}
	return parsed, nil
}

// put sets the field at the path to value and makes what is missing on the way. An index may be one past the end of a list.
func (p path) put(object map[string]any, value any) error {
	whole, err := p.in(object, value)
	if err == nil {
		object[p[0].name] = whole
	}
	return err
}

// adopt takes the list that the path leads into from existing, so that what else is in it stays. A list is written as one.
func (p path) adopt(object, existing map[string]any) {
	end := slices.IndexFunc(p, func(s step) bool { return len(s.indexes) > 0 })
	if end < 0 {
		return
	}
	var names []string
	for _, s := range p[:end+1] {
		names = append(names, s.name)
	}
	list, found, _ := unstructured.NestedSlice(existing, names...) // a copy
	if _, made, _ := unstructured.NestedFieldNoCopy(object, names...); !found || made {
		return
	}
	_ = unstructured.SetNestedSlice(object, list, names...) // what is in the way is said when the path is put
}

// in returns the field of object that the path begins with, changed so that it has value at the path's end.
func (p path) in(object map[string]any, value any) (any, error) {
	return placed(object[p[0].name], p[0].indexes, func(there any) (any, error) {
		if len(p) == 1 {
			return joined(there, value), nil
		}
		below, isMap := there.(map[string]any)
		if there != nil && !isMap {
			return nil, fault.New(fault.Invalid, "%s is not a map", p[0].name)
		}
		if below == nil {
			below = map[string]any{}
		}
		return below, p[1:].put(below, value)
	})
}

// placed returns field with what stands behind the indexes changed.
func placed(field any, indexes []int, change func(any) (any, error)) (any, error) {
	if len(indexes) == 0 {
		return change(field)
	}
	list, isList := field.([]any)
	switch index := indexes[0]; {
	case field != nil && !isList:
		return nil, fault.New(fault.Invalid, "there is an index behind something that is not a list")
	case index > len(list):
		return nil, fault.New(fault.Invalid, "index %d is past the end of the list: the one before is not set", index)
	case index == len(list):
		list = append(list, nil)
	}
	item, err := placed(list[indexes[0]], indexes[1:], change)
	if err == nil {
		list[indexes[0]] = item
	}
	return list, err
}
