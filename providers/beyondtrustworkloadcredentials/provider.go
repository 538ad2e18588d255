package beyondtrustworkloadcredentials

import (
	"context"
	"strings"
	"time"

	"k8s.io/utils/keymutex"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/sdk/workloadcredentials"
	"github.com/sluice-operator/sluice/providers"
)

const (
	name = "beyondtrustworkloadcredentials"
	// field is the path of the provider's part of a store's spec, as messages name it.
	field = "spec.provider." + name
	// writers is how many secrets can be written at a time.
	writers = 64
	// undoing is the time to take away what was made in vain.
	undoing = 30 * time.Second
)

// New returns the provider. Writes of all its stores to one secret wait for each other: the service has no way to write only if
// nobody else did.
func New() providers.Provider {
	o := opener{writing: keymutex.NewHashed(writers)}
	return providers.Define(name,
		func(p *esv1.SecretStoreProvider) *esv1.BeyondtrustWorkloadCredentialsProvider {
			return p.BeyondtrustWorkloadCredentials
		}, o.open,
		providers.Validate(validate),
		providers.Capabilities[esv1.BeyondtrustWorkloadCredentialsProvider](esv1.CapabilityReadWrite))
}

func validate(spec *esv1.BeyondtrustWorkloadCredentialsProvider, _ providers.Store) error {
	return workloadcredentials.Validate(spec, field)
}

type opener struct {
	writing keymutex.KeyMutex
}

func (o opener) open(
	ctx context.Context, spec *esv1.BeyondtrustWorkloadCredentialsProvider, env providers.Env,
) (providers.Client, error) {
	api, err := workloadcredentials.Open(ctx, workloadcredentials.Config{
		Spec: spec, Field: field, Resolver: env.Resolver, HTTP: env.HTTP, Clock: env.Clock,
	})
	if err != nil {
		return nil, err
	}
	return &client{
		api: api, folder: strings.Trim(spec.FolderPath, "/"), observe: env.Observe, writing: o.writing,
		site: spec.Server.APIURL + " " + spec.Server.SiteID,
	}, nil
}
