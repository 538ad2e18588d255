package operator

import "github.com/prometheus/client_golang/prometheus"

// KeySecret is the name of the Secret that holds the key of the fingerprints.
const KeySecret = keySecret

// Share lets the operator that these options describe share its process with others.
func (o *Options) Share() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	o.registry = registry
	return registry
}
