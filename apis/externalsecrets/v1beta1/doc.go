// Package v1beta1 serves the kinds of external-secrets.io/v1 under their former version, with the same schema, for manifests that
// still name it. Objects are stored and acted on as v1.
//
// +kubebuilder:object:generate=true
// +groupName=external-secrets.io
package v1beta1
