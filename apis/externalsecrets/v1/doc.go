// Package v1 holds the kinds ExternalSecret, SecretStore and ClusterSecretStore of the group external-secrets.io.
//
// No field has a default in its schema: what a user applies is stored as it is, and defaults are applied by the accessors of this
// package when a field is read.
//
// +kubebuilder:object:generate=true
// +groupName=external-secrets.io
package v1
