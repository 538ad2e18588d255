// Package kubernetes is the provider that keeps secrets as Secrets in a namespace of this or another Kubernetes cluster.
//
// It acts with the identity that the store names and with nothing else: of the operator's own connection only the
// server's address and its certificate authority are used. Ownership of keys, labels and annotations is the API
// server's own: what is written is applied with one field manager for each owner.
package kubernetes
