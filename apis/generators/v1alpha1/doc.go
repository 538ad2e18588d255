// Package v1alpha1 holds the generator kinds, ClusterGenerator and GeneratorState of the group generators.external-secrets.io.
//
// No field has a default in its schema; generators apply defaults when they run.
//
// +kubebuilder:object:generate=true
// +groupName=generators.external-secrets.io
package v1alpha1
