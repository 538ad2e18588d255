package clusterexternalsecret

// What the cache of the operator knows and a Lab must be told.
var (
	OwnerIndex = ownerIndex
	Owners     = owners
)
