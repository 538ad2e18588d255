// Package fanout gives every namespace that a cluster-scoped object, the parent, selects a child of its own, and takes it away
// from those that are not selected any more. A ClusterExternalSecret asks for ExternalSecrets (externalsecrets.go), a
// ClusterPushSecret for PushSecrets (pushsecrets.go). Nothing else here knows which of the two it works on.
package fanout
