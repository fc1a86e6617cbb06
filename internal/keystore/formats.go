package keystore

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"

	"golang.org/x/crypto/ssh"
)

// pkcs1Bits reads the size of a key before anything costly is done with its numbers.
func pkcs1Bits(der []byte) (int, bool) {
	var version int
	var n *big.Int
	var seq asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 || seq.Tag != asn1.TagSequence || !seq.IsCompound {
		return 0, false
	}
	rest, err := asn1.Unmarshal(seq.Bytes, &version)
	if err != nil {
		return 0, false
	}
	if _, err = asn1.Unmarshal(rest, &n); err != nil || n.Sign() <= 0 {
		return 0, false
	}
	return n.BitLen(), true
}

// The algorithms that a PKCS#8 key may name.
var pkcs8Names = map[string]string{
	"1.3.101.112":           "an Ed25519 key",
	"1.3.101.113":           "an Ed448 key",
	"1.3.101.110":           "an X25519 key",
	"1.2.840.10045.2.1":     "an EC key",
	"1.2.840.10040.4.1":     "a DSA key",
	"1.2.840.113549.1.1.10": "an RSA-PSS key",
}

const oidRSA = "1.2.840.113549.1.1.1"

// pkcs8 reads "BEGIN PRIVATE KEY".
func (s source) pkcs8(block *pem.Block) (*rsa.PrivateKey, error) {
	var head struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
		Rest      asn1.RawValue `asn1:"optional,tag:0"`
		Public    asn1.RawValue `asn1:"optional,tag:1"`
	}
	if _, err := asn1.Unmarshal(block.Bytes, &head); err != nil {
		return nil, s.damaged()
	}
	defer clear(head.Key)
	oid := head.Algorithm.Algorithm.String()
	if name, ok := pkcs8Names[oid]; ok {
		return nil, s.notRSA(name + " (PKCS#8)")
	}
	if oid != oidRSA {
		return nil, s.notRSA("a key of an unknown kind (PKCS#8)")
	}
	if s.strict {
		return nil, s.fail(CodeUnreadable, "is a PKCS#8 key, and key.file is read as RSA PEM (PKCS#1) only; run: %s", s.toPEM())
	}
	bits, ok := pkcs1Bits(head.Key)
	if !ok {
		return nil, s.damaged()
	}
	if err := s.checkBits(bits); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(head.Key)
	if err != nil {
		return nil, s.damaged()
	}
	return key, nil
}

// opensshMagic begins the binary form of an OpenSSH private key; see PROTOCOL.key of OpenSSH.
const opensshMagic = "openssh-key-v1\x00"

// openSSH reads "BEGIN OPENSSH PRIVATE KEY". Its public half stands in front, so
// that the kind is known without the passphrase.
func (s source) openSSH(block *pem.Block) (*rsa.PrivateKey, error) {
	var head struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public               []byte
		Rest                 []byte `ssh:"rest"`
	}
	body, ok := strings.CutPrefix(string(block.Bytes), opensshMagic)
	if !ok || ssh.Unmarshal([]byte(body), &head) != nil {
		return nil, s.damaged()
	}
	if head.Keys != 1 {
		return nil, s.fail(CodeSeveral, "holds %d private keys; keep one of them", head.Keys)
	}
	pub, err := ssh.ParsePublicKey(head.Public)
	switch {
	case err != nil:
		return nil, s.damaged()
	case pub.Type() != ssh.KeyAlgoRSA:
		return nil, s.notRSA("a key of the kind " + pub.Type() + " (OpenSSH)")
	}
	if err := s.checkBits(publicBits(pub)); err != nil {
		return nil, err
	}
	if s.strict {
		return nil, s.fail(CodeUnreadable, "is an OpenSSH private key, and key.file is read as RSA PEM (PKCS#1) only; run: %s", s.toPEM())
	}
	encrypted := head.Cipher != "none"
	if encrypted && len(s.passphrase) == 0 {
		return nil, s.passphraseRequired()
	}
	return s.opensshKey(block, encrypted)
}

func (s source) opensshKey(block *pem.Block, encrypted bool) (*rsa.PrivateKey, error) {
	text := pem.EncodeToMemory(&pem.Block{Type: openSSH, Bytes: block.Bytes})
	defer clear(text)
	var raw any
	var err error
	if encrypted {
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(text, s.passphrase)
	} else {
		raw, err = ssh.ParseRawPrivateKey(text)
	}
	key, ok := raw.(*rsa.PrivateKey)
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, s.passphraseWrong()
	case err != nil && encrypted: // a cipher such as AES-GCM, or a KDF, that the library lacks
		return nil, s.fail(CodeUnreadable, "is an OpenSSH key, encrypted in a way that is not known here; run: %s", s.toPEM())
	case err != nil || !ok:
		return nil, s.damaged()
	}
	return key, nil
}

// publicBits is the size of an RSA public key.
func publicBits(pub ssh.PublicKey) int {
	if c, ok := pub.(ssh.CryptoPublicKey); ok {
		if key, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			return key.N.BitLen()
		}
	}
	return 0
}
