// Package beyondtrustworkloadcredentialsdynamicsecret obtains credentials that live for a time from the dynamic secrets of BeyondTrust
// Workload Credentials, and gives back those that can be.
package beyondtrustworkloadcredentialsdynamicsecret
