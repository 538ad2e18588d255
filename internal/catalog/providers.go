package catalog

import (
	"k8s.io/client-go/rest"

	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/beyondtrust"
	"github.com/sluice-operator/sluice/providers/beyondtrustworkloadcredentials"
	"github.com/sluice-operator/sluice/providers/fake"
	"github.com/sluice-operator/sluice/providers/kubernetes"
)

// Providers returns all providers. local is the API server that the operator itself talks to; its credentials are not used.
func Providers(local *rest.Config) (*providers.Registry, error) {
	return providers.NewRegistry(
		beyondtrust.New(),
		beyondtrustworkloadcredentials.New(),
		fake.New(),
		kubernetes.New(local),
	)
}
