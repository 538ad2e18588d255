// Package workloadcredentials is a client of the API of BeyondTrust Workload Credentials, for the generator and the provider that
// use it. Its errors are faults that say what to check, and hold no value and no token.
package workloadcredentials
