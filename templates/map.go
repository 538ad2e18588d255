package templates

import (
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-operator/sluice/internal/fault"
)

// Scope says what a rendered text of a map stands for.
type Scope uint8

const (
	// Values means that each entry renders to the value of its own key.
	Values Scope = iota
	// KeysAndValues means that each entry renders to a YAML map of keys and values.
	KeysAndValues
)

const nullTag, binaryTag, mergeTag = "!!null", "!!binary", "!!merge"

var yamlLine = regexp.MustCompile(`line (\d+)`)

// Map renders the templates of tpl over the same data, in the order of their keys. With Values the result has the keys of tpl. With
// KeysAndValues it has the keys that the rendered texts hold: numbers and truth values keep their spelling, null is the empty value, and
// an entry later in the order wins. Rendering is as in Text, with the key as the name. The result is never nil without an error.
func (e *Engine) Map(scope Scope, tpl map[string]string, data map[string][]byte) (map[string][]byte, error) {
	variables := make(map[string]any, len(data))
	for key, value := range data {
		variables[key] = string(value)
	}
	result := make(map[string][]byte, len(tpl))
	for _, name := range slices.Sorted(maps.Keys(tpl)) {
		rendered, err := e.Text(name, tpl[name], variables)
		if err != nil {
			return nil, err
		}
		if scope == Values {
			result[name] = rendered
			continue
		}
		entries, err := e.keysAndValues(rendered)
		if err != nil {
			return nil, fault.In(err, "template %q", name)
		}
		maps.Copy(result, entries)
	}
	return result, nil
}

// keysAndValues reads a YAML map of scalars. The parser's own errors quote values, so only their line is kept.
func (e *Engine) keysAndValues(text []byte) (map[string][]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		where := ""
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			where = ", line " + m[1]
		}
		return nil, notKeysAndValues(where)
	}
	r := reader{entries: map[string][]byte{}, left: e.maxOutput}
	for _, root := range document.Content {
		if root.Kind == yaml.ScalarNode && root.Tag == nullTag {
			continue
		}
		if root.Kind != yaml.MappingNode {
			return nil, notKeysAndValues("")
		}
		if err := r.mapping(root); err != nil {
			return nil, err
		}
	}
	return r.entries, nil
}

func notKeysAndValues(where string) error {
	return fault.New(fault.Invalid, "the rendered text is not a YAML map of keys and values%s; "+
		"a value with special characters or line breaks needs quoting, as in: key: {{ .value | toJson }}", where)
}

// reader collects the entries of a YAML map. It counts their size, since a short text can name a long value many times.
type reader struct {
	entries map[string][]byte
	left    int
}

// mapping takes a key that stands twice from its last place, and keys that are merged in (<<) only where the map lacks them.
func (r *reader) mapping(node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		var err error
		switch {
		case key.Tag == mergeTag:
			err = r.merge(value)
		case key.Kind != yaml.ScalarNode:
			err = fault.New(fault.Invalid, "a key is not a text")
		default:
			err = r.set(key.Value, value)
		}
		if err != nil {
			return fault.In(err, "rendered text, line %d", key.Line)
		}
	}
	return nil
}

func (r *reader) merge(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fault.New(fault.Invalid, "only a map can be merged in")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if _, ok := r.entries[key.Value]; ok {
			continue
		}
		if err := r.set(key.Value, resolve(node.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) set(key string, node *yaml.Node) error {
	value, err := scalar(node)
	if err != nil {
		return err
	}
	if r.left -= len(key) + len(value); r.left < 0 {
		return fault.New(fault.Invalid, "the keys and values are too large altogether")
	}
	r.entries[key] = value
	return nil
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func scalar(node *yaml.Node) ([]byte, error) {
	var binary string
	switch {
	case node.Kind != yaml.ScalarNode:
		return nil, fault.New(fault.Invalid, "the value is a list or a map where a text is expected")
	case node.Tag == nullTag:
		return []byte{}, nil
	case node.Tag != binaryTag:
		return []byte(node.Value), nil
	case node.Decode(&binary) != nil:
		return nil, fault.New(fault.Invalid, "the value is marked as binary but is not base64")
	}
	return []byte(binary), nil
}
