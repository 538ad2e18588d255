package fetch

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
)

// maxKeyLength is the longest key that a Secret's data can have.
const maxKeyLength = 253

var validKey = regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)

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
