// Package fingerprint recognises content that was seen before, without letting anybody who reads a fingerprint guess
// the content: every fingerprint is keyed.
package fingerprint
