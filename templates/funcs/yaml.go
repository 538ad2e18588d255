package funcs

import (
	"strings"

	"sigs.k8s.io/yaml"
)

func yamlFunctions() map[string]any {
	return map[string]any{"toYaml": toYAML, "fromYaml": fromYAML}
}

// toYAML returns v as YAML without a line break at the end, and the empty string for what YAML cannot express.
func toYAML(v any) string {
	text, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// fromYAML returns the map that text holds. What is no map yields a map with the key Error, as users of the API expect.
func fromYAML(text string) (map[string]any, error) {
	if len(text) > maxDocument {
		return nil, invalid("the YAML text is larger than %d MiB", maxDocument>>20)
	}
	parsed := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		return map[string]any{"Error": "the text is not a YAML map"}, nil //nolint:nilerr // said in the result
	}
	return parsed, nil
}
