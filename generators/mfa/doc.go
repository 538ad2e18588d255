// Package mfa computes one-time passwords from a seed and the time (TOTP, RFC 6238), for what signs in with a second factor
// but has no person at hand.
package mfa
