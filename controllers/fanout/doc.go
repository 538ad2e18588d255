// Package fanout gives every namespace that a cluster-scoped object, the parent, selects a child of its own, and takes it away
// from those that are not selected any more. A ClusterExternalSecret asks for ExternalSecrets (externalsecrets.go). Nothing
// else here knows which kinds it works on.
package fanout
