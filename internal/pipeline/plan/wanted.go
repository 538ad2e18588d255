package plan

import (
	"maps"
	"regexp"
	"slices"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// WantedKeys returns the keys that the target of spec has, and whether that is known without reading any source.
// generated are the keys of each generator in dataFrom after its rewrites, by its index; nil where nobody can tell.
func WantedKeys(spec *esv1.ExternalSecretSpec, generated map[int][]string) ([]string, bool) {
	t := spec.Target.Template
	var keys []string
	if t != nil {
		if len(t.TemplateFrom) > 0 {
			return nil, false
		}
		for key := range t.Data {
			keys = append(keys, key)
		}
		if len(t.Data) > 0 && t.MergePolicyOrDefault() == esv1.MergePolicyReplace {
			return keys, true
		}
	}
	for i := range spec.Data {
		keys = append(keys, spec.Data[i].SecretKey)
	}
	for i := range spec.DataFrom {
		if generated[i] == nil {
			return nil, false
		}
		keys = append(keys, generated[i]...)
	}
	return keys, true
}

// Carrier returns the key of the target under which the fetched value called name stands unchanged, and false when
// there is none: then a template has used the value up, and it cannot be had back from the target.
func Carrier(spec *esv1.ExternalSecretSpec, name string) (string, bool) {
	t := spec.Target.Template
	if t == nil {
		return name, true
	}
	left, right := "{{", "}}"
	if t.Delimiters != nil {
		left, right = t.Delimiters.Left, t.Delimiters.Right
	}
	for _, key := range slices.Sorted(maps.Keys(t.Data)) {
		if variable(t.Data[key], left, right) == name {
			return key, true
		}
	}
	_, replaced := t.Data[name]
	kept := t.MergePolicyOrDefault() == esv1.MergePolicyMerge || (len(t.Data) == 0 && len(t.TemplateFrom) == 0)
	return name, kept && !replaced && len(t.TemplateFrom) == 0
}

// variable returns the name of the one variable that text consists of; empty when there is more to it. Space around the
// action is part of the result, unless a dash takes it away.
func variable(text, left, right string) string {
	left, right = regexp.QuoteMeta(left), regexp.QuoteMeta(right)
	plain, err := regexp.Compile(`^(?:` + left + `\s*|\s*` + left + `-\s+)\.([A-Za-z_][A-Za-z0-9_]*)(?:\s*` + right + `|\s+-` + right + `\s*)$`)
	if err != nil {
		return ""
	}
	if match := plain.FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}
