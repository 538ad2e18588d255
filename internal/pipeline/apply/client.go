package apply

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// writer returns the client that writes the target of owner. Objects of other kinds than Secret are read from the API server.
func writer(c client.Client, owner *esv1.ExternalSecret) client.Client {
	if owner.Spec.Target.Manifest.IsSecret() {
		return c
	}
	return uncached{c}
}

// uncached writes objects that nobody reads from the cache, or that it may not have. For its own writes to be read there, a
// client watches what it writes: that would fill the cache with all objects of the kind, and without the rights to list and
// to watch them a write would wait for ever. So would the next read, for a write that the cache never sees.
type uncached struct{ client.Client }

// Apply implements client.Client.
func (u uncached) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return u.Client.Apply(ctx, o, append(opts, client.DisableReadYourWritesConsistency)...)
}

// Patch implements client.Client.
func (u uncached) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return u.Client.Patch(ctx, o, patch, append(opts, client.DisableReadYourWritesConsistency)...)
}
