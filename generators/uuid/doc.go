// Package uuid generates random UUIDs (version 4, RFC 9562) for identifiers that nobody can guess: 122 bits from crypto/rand.
package uuid
