package fetch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// maxKeyLength is the longest key that a Secret's data can have.
const maxKeyLength = 253

var validKey = regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)

// convertKeys changes the characters that a Secret's keys cannot hold. Two keys that become one are fault.Invalid.
func convertKeys(strategy esv1.ExternalSecretConversionStrategy, data map[string][]byte) (map[string][]byte, error) {
	converted := make(map[string][]byte, len(data))
	for _, key := range slices.Sorted(maps.Keys(data)) {
		name := convertKey(strategy, key)
		if _, taken := converted[name]; taken {
			return nil, fault.New(fault.Invalid, "secret name collision during conversion: %s", name)
		}
		converted[name] = data[key]
	}
	return converted, nil
}

func convertKey(strategy esv1.ExternalSecretConversionStrategy, key string) string {
	var b strings.Builder
	for _, r := range key {
		switch {
		case validKey.MatchString(string(r)):
			b.WriteRune(r)
		case strategy == esv1.ConversionUnicode:
			fmt.Fprintf(&b, "_U%04x_", r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// validateKeys drops an empty key and refuses keys that a Secret cannot hold, naming them.
func validateKeys(data map[string][]byte) error {
	delete(data, "")
	var invalid []string
	for _, key := range slices.Sorted(maps.Keys(data)) {
		path := key == "." || strings.HasPrefix(key, "..") // these would leave the directory that the Secret is mounted in
		if path || len(key) > maxKeyLength || !validKey.MatchString(key) {
			invalid = append(invalid, key)
		}
	}
	if len(invalid) > 0 {
		return fault.New(fault.Invalid, "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): %s",
			strings.Join(invalid, ", "))
	}
	return nil
}
