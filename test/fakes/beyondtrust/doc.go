// Package beyondtrust has servers that behave as BeyondTrust's do, as far as Sluice can tell: for tests and demonstrations. They
// keep everything in memory, and count what they hand out and what comes back.
//
// Comments say where a behaviour is known from: (exact) read in the source of a client, (doc) the vendor's documentation, (3p) the
// client of a third party, (infer) concluded from the rest, (unknown) a choice of this package.
package beyondtrust
