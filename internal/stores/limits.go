package stores

import (
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

const (
	mebibyte = 1 << 20
	// maxValue bounds one value: a Secret of Kubernetes holds no more than this altogether.
	maxValue = mebibyte
	// maxTotal bounds all that one call returns.
	maxTotal = 4 * mebibyte
)

func checkSecret(key string, secret providers.Secret) error {
	if secret.Fields == nil {
		return checkSizes(key, map[string][]byte{"": secret.Value})
	}
	return checkSizes(key, secret.Fields)
}

func checkSizes(key string, fields map[string][]byte) error {
	total := 0
	for name, value := range fields {
		if len(value) > maxValue {
			return fault.New(fault.Invalid, "secret %q is too large: a value (property %q) has more than %d MiB",
				key, name, maxValue/mebibyte)
		}
		total += len(value)
	}
	if total > maxTotal {
		return fault.New(fault.Invalid, "secret %q is too large: it has more than %d MiB", key, maxTotal/mebibyte)
	}
	return nil
}
