package keystore

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// The sizes of keys, in bits.
const (
	MinBits     = 2048 // fewer are refused
	GoodBits    = 3072 // fewer are accepted with a warning: NIST SP 800-57 ends 2048 bits with 2030
	DefaultBits = 4096
	MaxBits     = 8192  // most that Generate makes; longer ones take minutes
	maxReadBits = 16384 // most that are read, as OpenSSH does
)

// comment ends the line of the public key.
const comment = "issuetrail"

// GenerateRSA makes a key of this many bits; 0 = DefaultBits. The error is a *KeyError
// for a size outside MinBits to MaxBits.
func GenerateRSA(bits int) (*rsa.PrivateKey, error) {
	switch {
	case bits == 0:
		bits = DefaultBits
	case bits < MinBits:
		return nil, &KeyError{CodeTooShort, fmt.Sprintf("%d bits are too few; run: issuetrail key generate --bits %d", bits, DefaultBits)}
	case bits > MaxBits:
		return nil, &KeyError{CodeBits, fmt.Sprintf("%d bits are more than %d; run: issuetrail key generate --bits %d", bits, MaxBits, DefaultBits)}
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("generate an RSA key: %w", err)
	}
	return key, nil
}

// EncodePEM writes a private key as PEM, PKCS#1: "BEGIN RSA PRIVATE KEY".
func EncodePEM(key *rsa.PrivateKey) []byte {
	der := x509.MarshalPKCS1PrivateKey(key)
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: pkcs1, Bytes: der})
}

// PublicLine is the public key as authorized_keys and git hosts take it:
// "ssh-rsa AAAA… issuetrail".
func PublicLine(pub ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))) + " " + comment
}

// describe gives what may be told of a key.
func describe(key *rsa.PrivateKey, pub ssh.PublicKey) model.KeyInfo {
	info := model.KeyInfo{
		Type:        "rsa",
		Bits:        key.N.BitLen(),
		Fingerprint: ssh.FingerprintSHA256(pub),
		PublicKey:   PublicLine(pub),
	}
	if info.Bits < GoodBits {
		info.Warning = fmt.Sprintf("the key has %d bits, and %d or more are advised; run: issuetrail key generate --bits %d",
			info.Bits, GoodBits, DefaultBits)
	}
	return info
}
