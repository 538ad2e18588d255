package funcs

import (
	"fmt"
	"strings"
)

// jsonFunctions are those of sprig that write JSON, in such a way that YAML takes it too.
func jsonFunctions() map[string]any {
	functions := map[string]any{}
	for _, name := range []string{"toJson", "toPrettyJson", "toRawJson"} {
		write := original[func(any) string](name)
		functions[name] = func(value any) string { return asYAML(write(value)) }
	}
	for _, name := range []string{"mustToJson", "mustToPrettyJson", "mustToRawJson"} {
		write := original[func(any) (string, error)](name)
		functions[name] = func(value any) (string, error) {
			text, err := write(value)
			return asYAML(text), err
		}
	}
	return functions
}

// asYAML escapes the characters that JSON takes as they are and YAML does not take, or takes for a line break (YAML 1.2, section 5.1).
// They can only be in strings.
func asYAML(json string) string {
	if !strings.ContainsFunc(json, foreign) {
		return json
	}
	var out strings.Builder
	for _, r := range json {
		if foreign(r) {
			_, _ = fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		_, _ = out.WriteRune(r)
	}
	return out.String()
}

func foreign(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff
}
