// Package generators is the contract between Sluice and the ways in which secrets are born.
//
// A generator is defined once, by Define, from its kind, its typed spec and a function. A generator that obtains
// something which has to be given back returns a Lease and defines how to revoke it.
//
// Errors are of the kinds of package fault, name the field that is wrong and never hold a secret value. Randomness
// comes from crypto/rand alone.
package generators
