// Package v1 holds the selectors that the API groups share.
//
// +kubebuilder:object:generate=true
// +groupName=meta.external-secrets.io
package v1
