// Package env starts a real Kubernetes control plane (etcd, kube-apiserver and, on request, kube-controller-manager) for tests
// and for the demo, so that what Sluice does is judged by the components that judge it in production.
//
// The processes are ordinary children on loopback addresses: role-based access control is on, every admission plugin that is on
// by default stays on, and ServiceAccount tokens are issued and checked as in any cluster. There are no nodes and no pods.
package env
