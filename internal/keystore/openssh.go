package keystore

import (
	"bytes"
	"crypto/rsa"
	"math/big"
	"strings"

	"golang.org/x/crypto/ssh"
)

// opensshMagic begins the binary form of an OpenSSH private key; see PROTOCOL.key of OpenSSH.
const opensshMagic = "openssh-key-v1\x00"

// An opensshFile is that binary form behind the magic.
type opensshFile struct {
	Cipher, KDF, Options string
	Keys                 uint32
	Public, Sealed       []byte
	Tag                  []byte `ssh:"rest"` // of ciphers that authenticate
}

// openSSH reads "BEGIN OPENSSH PRIVATE KEY". Its public half stands in front, so
// that the kind is known without the passphrase.
func (s source) openSSH(der []byte) (*rsa.PrivateKey, error) {
	var file opensshFile
	body, ok := bytes.CutPrefix(der, []byte(opensshMagic))
	if !ok || ssh.Unmarshal(body, &file) != nil {
		return nil, s.damaged()
	}
	defer clear(file.Sealed)
	if file.Keys != 1 {
		return nil, s.fail(CodeSeveral, "holds %d private keys; keep one of them in a file of its own; run: %s", file.Keys, s.again("ONE"))
	}
	public, err := s.rsaPublic(file.Public, "OpenSSH")
	if err != nil {
		return nil, err
	}
	if s.strict {
		return nil, s.fail(CodeUnreadable, "is an OpenSSH private key, and key.file is read as RSA PEM (PKCS#1) only; run: %s", s.toPEM())
	}
	plain, err := s.openOpenSSH(file)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return s.opensshKey(plain, public, file.Cipher != "none")
}

// An rsaBlob is an RSA public key as SSH writes it (RFC 4253 §6.6).
type rsaBlob struct {
	Kind string
	E, N *big.Int
}

// rsaPublic reads the public half that OpenSSH and PuTTY put in front of a private key, and
// refuses by it.
func (s source) rsaPublic(blob []byte, container string) (*rsa.PublicKey, error) {
	var head struct {
		Kind string
		Rest []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(blob, &head) != nil {
		return nil, s.damaged()
	}
	if head.Kind != ssh.KeyAlgoRSA {
		return nil, s.notRSAName(head.Kind, container)
	}
	var key rsaBlob
	if ssh.Unmarshal(blob, &key) != nil || key.N.Sign() <= 0 || key.E.Sign() <= 0 {
		return nil, s.damaged()
	}
	if err := s.checkBits(key.N.BitLen()); err != nil {
		return nil, err
	}
	if err := s.checkExponent(key.E); err != nil {
		return nil, err
	}
	return &rsa.PublicKey{N: key.N, E: int(key.E.Int64())}, nil
}

// opensshKey reads the private section. Two equal numbers at its front tell whether
// it was decrypted rightly.
func (s source) opensshKey(plain []byte, public *rsa.PublicKey, encrypted bool) (*rsa.PrivateKey, error) {
	var head struct {
		Check1, Check2 uint32
		Rest           []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(plain, &head) != nil || head.Check1 != head.Check2 {
		return nil, s.unsealed(!encrypted)
	}
	var key struct {
		Kind                string
		N, E, D, Iqmp, P, Q *big.Int
		Comment             string
		Pad                 []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(head.Rest, &key) != nil || key.Kind != ssh.KeyAlgoRSA || len(key.Pad) > 255 {
		return nil, s.damaged()
	}
	for i, b := range key.Pad {
		if int(b) != i+1 {
			return nil, s.damaged()
		}
	}
	if key.N.Cmp(public.N) != 0 || !key.E.IsInt64() || key.E.Int64() != int64(public.E) {
		return nil, s.damaged()
	}
	return s.assemble(public, key.D, key.P, key.Q, key.Iqmp)
}

// assemble makes a key of its numbers; check looks at the rest.
func (s source) assemble(public *rsa.PublicKey, d, p, q, iqmp *big.Int) (*rsa.PrivateKey, error) {
	one := big.NewInt(1)
	for _, n := range []*big.Int{d, p, q, iqmp} {
		if n.Sign() <= 0 || n.BitLen() > public.N.BitLen() {
			return nil, s.damaged()
		}
	}
	if p.Cmp(one) == 0 || q.Cmp(one) == 0 || new(big.Int).Mul(p, q).Cmp(public.N) != 0 {
		return nil, s.damaged()
	}
	if product := new(big.Int).Mul(iqmp, q); product.Mod(product, p).Cmp(one) != 0 {
		return nil, s.damaged()
	}
	return &rsa.PrivateKey{PublicKey: *public, D: d, Primes: []*big.Int{p, q}}, nil
}

// openOpenSSH decrypts the private section.
func (s source) openOpenSSH(file opensshFile) ([]byte, error) {
	if file.Cipher == "none" {
		if file.KDF != "none" || len(file.Tag) > 0 {
			return nil, s.damaged()
		}
		return bytes.Clone(file.Sealed), nil
	}
	kind, ok := opensshCiphers[file.Cipher]
	if !ok || file.KDF != "bcrypt" {
		return nil, s.fail(CodeUnreadable, "is an OpenSSH key, encrypted in a way that is not known here; run: %s", s.toPEM())
	}
	if len(file.Tag) != kind.tag || len(file.Sealed) == 0 || len(file.Sealed)%kind.block != 0 {
		return nil, s.damaged()
	}
	if len(s.passphrase) == 0 {
		return nil, s.passphraseRequired()
	}
	var options struct {
		Salt   []byte
		Rounds uint32
	}
	if ssh.Unmarshal([]byte(file.Options), &options) != nil || options.Rounds == 0 || len(options.Salt) == 0 {
		return nil, s.damaged()
	}
	if err := s.allow(int(options.Rounds), maxBcrypt, "rounds of bcrypt", strings.Replace(s.toPEM(), "-m", "-a 16 -m", 1)); err != nil {
		return nil, err
	}
	done := costly()
	secret := bcryptPBKDF(s.passphrase, options.Salt, int(options.Rounds), kind.key+kind.iv)
	done()
	defer clear(secret)
	plain, ok := kind.open(secret[:kind.key], secret[kind.key:], file.Sealed, file.Tag)
	if !ok {
		return nil, s.passphraseWrong()
	}
	return plain, nil
}
