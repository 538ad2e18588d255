// Package providers is the contract between Sluice and the systems where secrets live.
//
// A provider is defined once, by Define, from the part of a store's spec that belongs to it and a function that opens a
// client. What a client can do is what it implements: Reader, Lister, Writer, Checker, Watcher. Property syntax,
// decoding, retries, limits and metrics are not a provider's business; they live once, in the machinery above.
//
// Errors are of the kinds of package fault. An absent secret is fault.NotFound, and nothing else is: a right that is
// missing or a system that does not answer must never look like an absent secret, because that may delete what was made
// from it. No error text holds a secret value.
package providers
