package fanout

import "sigs.k8s.io/controller-runtime/pkg/client"

// Index returns what the cache of the operator knows and a Lab must be told.
func (c *Controller) Index() (field string, extract client.IndexerFunc) {
	return c.kinds.ownerIndex(), c.kinds.owners
}
