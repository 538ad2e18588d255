package beyondtrustworkloadcredentialsdynamicsecret

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/sdk/workloadcredentials"
)

// shape is a form of credentials that is known. It is told by the type of an answer, or by a field that no other form has.
type shape struct {
	name string
	// telling are these fields.
	telling []string
	// required are the fields without which the credentials are of no use.
	required []string
}

func shapes() []shape {
	return []shape{
		{"aws", []string{"accessKeyId", "secretAccessKey"}, []string{"accessKeyId", "secretAccessKey"}},
		{"azure", []string{"tenantId", "keyId"}, []string{"clientId", "clientSecret", "tenantId"}},
	}
}

// descriptions are the fields that tell what kind of credentials these are, and are none themselves.
func descriptions() []string { return []string{"type", "credentialType"} }

// credentials returns the values of the fields under their names: all that are not empty and are not mere descriptions. When one is
// empty or missing that must not be, the error is fault.Invalid and says which. Of a form that is not known, none may be empty.
func credentials(fields map[string]string) (map[string][]byte, error) {
	data := map[string][]byte{}
	var empty []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case slices.Contains(descriptions(), name):
		case fields[name] == "":
			empty = append(empty, name)
		default:
			data[name] = []byte(fields[name])
		}
	}
	lease := func(name string) bool {
		return name == workloadcredentials.FieldLeaseID || name == workloadcredentials.FieldExpiration
	}
	missing := slices.DeleteFunc(empty, lease)
	if known, ok := shapeOf(fields); ok {
		missing = slices.DeleteFunc(slices.Clone(known.required), func(name string) bool { return data[name] != nil })
	} else if len(missing) == 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(data)), func(name string) bool { return !lease(name) }) {
		missing = []string{"credentials"}
	}
	if len(missing) > 0 {
		return nil, fault.New(fault.Invalid, "the answer has no %s: check that the dynamic secret exists at the path in %s.folderPath "+
			"(folder/secretName), and that the API token may generate its credentials", strings.Join(missing, ", "), field)
	}
	return data, nil
}

func shapeOf(fields map[string]string) (shape, bool) {
	has := func(name string) bool { _, ok := fields[name]; return ok }
	all := shapes()
	i := slices.IndexFunc(all, func(s shape) bool { return strings.EqualFold(fields["type"], s.name) })
	if i < 0 {
		i = slices.IndexFunc(all, func(s shape) bool { return slices.ContainsFunc(s.telling, has) })
	}
	if i < 0 {
		return shape{}, false
	}
	return all[i], true
}
