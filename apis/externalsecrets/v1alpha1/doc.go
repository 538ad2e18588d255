// Package v1alpha1 holds the kind PushSecret of the group external-secrets.io.
//
// +kubebuilder:object:generate=true
// +groupName=external-secrets.io
package v1alpha1
