package operator

import (
	"flag"
	"slices"
)

// switches and settings are flags of the reference implementation for which there is nothing to set here: what they turn on
// is always so, or does not exist. They are accepted, so that arguments that were written for it do not stop the operator.
// A flag that would make something safer, such as --metrics-auth, is not among them.
func switches() []string {
	return []string{
		"enable-configmaps-caching", "enable-extended-metric-labels",
		"enable-managed-secrets-caching", "enable-secret-api-read-on-cache-mismatch", "enable-secrets-caching",
		"enable-vault-token-cache", "experimental-enable-vault-token-cache", "experimental-enable-doppler-oidc-cache",
	}
}

func settings() []string {
	return []string{
		"vault-token-cache-size", "experimental-vault-token-cache-size", "experimental-doppler-oidc-cache-size",
		"doppler-etag-cache-size", "mysterybox-tokens-cache-size", "mysterybox-connections-cache-size", "pulumi-oidc-cache-size",
	}
}

// bindWithoutEffect adds these flags to fs, and remembers those that are given.
func (o *Options) bindWithoutEffect(fs *flag.FlagSet) {
	const usage = "Accepted, and without effect: it is a flag of the reference implementation."
	given := func(name string) func(string) error {
		return func(string) error {
			if !slices.Contains(o.withoutEffect, name) {
				o.withoutEffect = append(o.withoutEffect, name)
			}
			return nil
		}
	}
	for _, name := range switches() {
		fs.BoolFunc(name, usage, given(name))
	}
	for _, name := range settings() {
		fs.Func(name, usage, given(name))
	}
}
