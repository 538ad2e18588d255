package render

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/templates"
)

// Container returns the path of the map that holds the plain values of a target: data, and spec.data where a custom
// resource takes what was fetched as it is.
func Container(target *esv1.ExternalSecretTarget) []string {
	asFetched := target.Template == nil || (len(target.Template.Data) == 0 && len(target.Template.TemplateFrom) == 0)
	if asFetched && !target.Manifest.IsSecret() && !target.Manifest.IsConfigMap() {
		return []string{"spec", "data"}
	}
	return []string{"data"}
}

// HasPaths says whether a template puts something elsewhere than into data, labels and annotations.
func HasPaths(template *esv1.ExternalSecretTemplate) bool {
	return template != nil && slices.ContainsFunc(template.TemplateFrom, func(from esv1.TemplateFrom) bool {
		return !slices.Contains([]string{"", dataTarget, labelsTarget, annotationsTarget}, strings.ToLower(from.Target))
	})
}

// Fields returns the fields of an object of the API by their paths, with dots between the names. A list is one field, and
// values are JSON.
func Fields(object map[string]any) map[string][]byte {
	fields := map[string][]byte{}
	addFields(fields, "", object)
	return fields
}

func addFields(fields map[string][]byte, prefix string, object map[string]any) {
	for name, value := range object {
		if below, ok := value.(map[string]any); ok && len(below) > 0 {
			addFields(fields, prefix+name+".", below)
			continue
		}
		fields[prefix+name], _ = json.Marshal(value) //nolint:errchkjson // it was read from JSON
	}
}

// Manifest returns the object of another kind than Secret that in describes. Errors are as those of Secret.
func (r Renderer) Manifest(in Input, target *esv1.ExternalSecretTarget) (Desired, error) {
	d, err := r.shape(in, target.Manifest.Kind, !target.Manifest.IsConfigMap())
	d.Type = ""
	if err != nil || target.Manifest.IsConfigMap() {
		return d, err
	}
	for _, key := range slices.Sorted(maps.Keys(d.Data)) {
		if !utf8.Valid(d.Data[key]) {
			return Desired{}, fault.New(fault.Invalid,
				"the value of key %q is not text, and an object of kind %s holds only text: encode it in a template, with b64enc",
				key, target.Manifest.Kind)
		}
	}
	return d, nil
}

// field puts what a template rendered to at a path. A map is joined with the one that is there.
func (p *page) field(t fetch.TemplateText) error {
	if t.Decoding != "" && t.Decoding != esv1.DecodingNone {
		return fault.New(fault.Invalid, "%s: valuesDecodingStrategy is for target Data, Labels and Annotations", t.Where)
	}
	path, err := parsePath(t.Target)
	if err != nil {
		return fault.In(err, "%s: target %q", t.Where, t.Target)
	}
	rendered, err := p.engine.Map(templates.Values, map[string]string{t.Key: t.Text}, p.values)
	if err != nil {
		return fault.In(err, "%s", t.Where)
	}
	value, err := parseValue(rendered[t.Key])
	if err != nil {
		return fault.In(err, "%s", t.Where)
	}
	if strings.EqualFold(t.Target, specTarget) && t.Scope != esv1.TemplateScopeKeysAndValues {
		// The items of a ConfigMap or a Secret are fields of the spec by their names.
		value = map[string]any{t.Key: string(rendered[t.Key])}
	}
	if p.out.Content == nil {
		p.out.Content = map[string]any{}
	}
	path.adopt(p.out.Content, p.existing)
	return fault.In(path.put(p.out.Content, value), "%s: target %q", t.Where, t.Target)
}

// parseValue reads YAML with the types of an object of the API. The parser's own errors quote values.
func parseValue(text []byte) (any, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	var value any
	if err == nil {
		err = utiljson.Unmarshal(asJSON, &value)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the rendered text is not YAML; "+
			"a value with special characters or line breaks needs quoting, as in: key: {{ .value | toJson }}")
	}
	return value, nil
}

// joined returns over, and where both are maps the members of under that over lacks.
func joined(under, over any) any {
	before, isMap := under.(map[string]any)
	after, both := over.(map[string]any)
	if !isMap || !both {
		return over
	}
	all := runtime.DeepCopyJSON(before)
	maps.Copy(all, after)
	return all
}
