// Package v1 holds the selectors that the API groups share.
//
// +kubebuilder:object:generate=true
package v1
