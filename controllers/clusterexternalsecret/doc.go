// Package clusterexternalsecret gives the namespaces that a ClusterExternalSecret selects an ExternalSecret each, and takes
// it away from those that are not selected any more.
package clusterexternalsecret
