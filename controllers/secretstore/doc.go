// Package secretstore checks SecretStores and ClusterSecretStores and says in their status whether they can be used,
// and if not, what is missing.
package secretstore
