// Package v1alpha1 holds the kinds PushSecret and ClusterPushSecret of the group external-secrets.io.
//
// +kubebuilder:object:generate=true
// +groupName=external-secrets.io
package v1alpha1
