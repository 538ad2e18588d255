package providers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// ConvertKeys returns data under keys that a Secret can hold: each character that is no letter of ASCII, digit, -, _ or .
// is replaced as the strategy says; an empty one is esv1.ConversionDefault. What was converted stays as it is when it is
// converted again. Two keys that become one are fault.Invalid.
func ConvertKeys[V any](strategy esv1.ExternalSecretConversionStrategy, data map[string]V) (map[string]V, error) {
	return RenameKeys(data, func(key string) string { return convertKey(strategy, key) })
}

// RenameKeys returns data under the names that its keys get. Two keys that become one are fault.Invalid.
func RenameKeys[V any](data map[string]V, rename func(key string) string) (map[string]V, error) {
	renamed := make(map[string]V, len(data))
	for _, key := range slices.Sorted(maps.Keys(data)) {
		name := rename(key)
		if _, taken := renamed[name]; taken {
			return nil, fault.New(fault.Invalid, "secret name collision during conversion: %s", name)
		}
		renamed[name] = data[key]
	}
	return renamed, nil
}

func convertKey(strategy esv1.ExternalSecretConversionStrategy, key string) string {
	var b strings.Builder
	for _, r := range key {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.", r):
			b.WriteRune(r)
		case strategy == esv1.ConversionUnicode:
			fmt.Fprintf(&b, "_U%04x_", r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}
