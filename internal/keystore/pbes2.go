package keystore

import (
	"crypto/pbkdf2"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"hash"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// The algorithms of PKCS#5 (RFC 8018) and scrypt (RFC 7914).
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
	oidPBES1  = "1.2.840.113549.1.5."    // and one of 1 to 11
	oidPKCS12 = "1.2.840.113549.1.12.1." // the like, of PKCS#12
	oid3DES12 = oidPKCS12 + "3"          // the one of them that OpenSSL 3 has without its legacy provider
)

// The pseudo-random functions of PBKDF2; "" is what an absent one means.
var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
	"1.2.840.113549.2.12": sha512.New512_224,
	"1.2.840.113549.2.13": sha512.New512_256,
}

var pbes2Ciphers = map[string]cbcKind{
	"2.16.840.1.101.3.4.1.2":  aes128,
	"2.16.840.1.101.3.4.1.22": aes192,
	"2.16.840.1.101.3.4.1.42": aes256,
	"1.2.840.113549.3.7":      des3,
}

type pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }

// pkcs8Encrypted reads "BEGIN ENCRYPTED PRIVATE KEY".
func (s source) pkcs8Encrypted(der []byte) (*rsa.PrivateKey, error) {
	var outer struct {
		Algorithm pkix.AlgorithmIdentifier
		Sealed    []byte
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return nil, s.damaged()
	}
	if err := s.refuseScheme(outer.Algorithm.Algorithm.String()); err != nil {
		return nil, err
	}
	var p pbes2Params
	if !unmarshalAll(outer.Algorithm.Parameters.FullBytes, &p) {
		return nil, s.damaged()
	}
	kind, ok := pbes2Ciphers[p.Cipher.Algorithm.String()]
	if !ok {
		return nil, s.fail(CodeUnreadable, "is a PKCS#8 key, encrypted with a cipher that is not known here; run: %s", s.toPBES2())
	}
	var iv []byte
	if !unmarshalAll(p.Cipher.Parameters.FullBytes, &iv) || len(iv) != kind.iv {
		return nil, s.damaged()
	}
	if len(s.passphrase) == 0 {
		return nil, s.passphraseRequired()
	}
	key, err := s.pbes2Key(p.KDF, kind.key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	plain, ok := kind.open(key, iv, outer.Sealed)
	if !ok {
		return nil, s.damaged()
	}
	defer clear(plain)
	plain, padded := kind.unpad(plain)
	if !padded || !unmarshalAll(plain, new(asn1.RawValue)) {
		return nil, s.unsealed(sequence(plain))
	}
	return s.pkcs8(plain)
}

// refuseScheme refuses what came before PBES2: single DES, RC2 and RC4 with MD5, of little worth.
func (s source) refuseScheme(oid string) error {
	switch {
	case oid == oidPBES2:
		return nil
	case oid == oid3DES12:
		return s.fail(CodeUnreadable, "is a PKCS#8 key, encrypted the old way of PKCS#12 (PBE-SHA1-3DES); run: %s", s.toPBES2())
	case strings.HasPrefix(oid, oidPBES1) || strings.HasPrefix(oid, oidPKCS12):
		return s.fail(CodeUnreadable, "is a PKCS#8 key, encrypted the old way (PBES1); run: %s -provider legacy -provider default", s.toPBES2())
	}
	return s.fail(CodeUnreadable, "is a PKCS#8 key, encrypted in a way that is not known here; run: %s", s.toPBES2())
}

// toPBES2 is the command that encrypts a PKCS#8 key anew, in the way of today.
func (s source) toPBES2() string {
	return "openssl pkcs8 -topk8 -in " + s.file + " -out " + s.file + ".pem"
}

// pbes2Key makes the key of a cipher from the passphrase.
func (s source) pbes2Key(kdf pkix.AlgorithmIdentifier, size int) ([]byte, error) {
	switch kdf.Algorithm.String() {
	case oidPBKDF2:
		return s.pbkdf2(kdf.Parameters.FullBytes, size)
	case oidScrypt:
		return s.scrypt(kdf.Parameters.FullBytes, size)
	}
	return nil, s.fail(CodeUnreadable, "is a PKCS#8 key, its passphrase is used in a way that is not known here; run: %s", s.toPBES2())
}

func (s source) pbkdf2(params []byte, size int) ([]byte, error) {
	var p struct {
		Salt      []byte
		Rounds    int
		KeyLength int                      `asn1:"optional"`
		PRF       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	if !unmarshalAll(params, &p) || p.Rounds < 1 || p.KeyLength != 0 && p.KeyLength != size {
		return nil, s.damaged()
	}
	prf, ok := prfs[p.PRF.Algorithm.String()]
	if !ok {
		return nil, s.fail(CodeUnreadable, "is a PKCS#8 key, its passphrase is hashed in a way that is not known here; run: %s", s.toPBES2())
	}
	if err := s.allow(p.Rounds, maxPBKDF2, "rounds of PBKDF2", s.toPBES2()); err != nil {
		return nil, err
	}
	defer costly()()
	return pbkdf2.Key(prf, string(s.passphrase), p.Salt, p.Rounds, size)
}

func (s source) scrypt(params []byte, size int) ([]byte, error) {
	var p struct {
		Salt      []byte
		N, R, P   int
		KeyLength int `asn1:"optional"`
	}
	if !unmarshalAll(params, &p) || p.N < 2 || p.N&(p.N-1) != 0 || p.R < 1 || p.P < 1 || p.KeyLength != 0 && p.KeyLength != size {
		return nil, s.damaged()
	}
	// In this order no product overflows.
	for _, c := range []struct {
		n, most int
		what    string
	}{
		{p.N, maxScryptKiB * 8, "for N of scrypt"},
		{p.R, maxScryptKiB * 8, "for r of scrypt"},
		{p.N / 8 * p.R, maxScryptKiB, "KiB of memory for scrypt"},
		{p.P, maxScryptWork, "for p of scrypt"},
		{p.N / 8 * p.R * p.P, maxScryptWork, "KiB in all for scrypt"},
	} {
		if err := s.allow(c.n, c.most, c.what, s.toPBES2()); err != nil {
			return nil, err
		}
	}
	defer costly()()
	key, err := scrypt.Key(s.passphrase, p.Salt, p.N, p.R, p.P, size)
	if err != nil {
		return nil, s.damaged()
	}
	return key, nil
}

// unmarshalAll reads DER that has nothing after it.
func unmarshalAll(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}
