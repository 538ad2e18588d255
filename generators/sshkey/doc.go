// Package sshkey generates pairs of SSH keys: RSA, ECDSA or Ed25519, from crypto/rand, in the forms in which OpenSSH keeps
// them.
package sshkey
