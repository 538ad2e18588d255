// Package beyondtrustworkloadcredentials is the provider for the static secrets of BeyondTrust Workload Credentials. What pushes own is
// kept in a tag of each secret.
package beyondtrustworkloadcredentials
