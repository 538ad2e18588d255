// Package beyondtrust is the provider for BeyondTrust Password Safe: it reads the passwords of managed accounts, which it requests and
// checks in, or secrets of Secrets Safe, and writes the latter.
//
// A client signs in once, when it is first needed, and all its calls share the session. It signs in again when the session has
// ended, and signs out when it is closed.
package beyondtrust
