// Package keystore holds the one shared SSH private key and the host keys that
// are trusted. The private key leaves it as an ssh.Signer only; no error and no
// answer of this package repeats any part of it.
package keystore
