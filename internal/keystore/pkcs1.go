package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"math"
	"math/big"
)

// pkcs1 reads "BEGIN RSA PRIVATE KEY" (RFC 8017 A.1.2), plain or encrypted the old way of OpenSSL (DEK-Info).
func (s source) pkcs1(head pemHead, der []byte) (*rsa.PrivateKey, error) {
	if !head.encrypted {
		return s.rsaDER(der)
	}
	if len(s.passphrase) == 0 {
		return nil, s.passphraseRequired()
	}
	kind, ok := dekCiphers[head.cipher]
	if !ok {
		return nil, s.fail(CodeUnreadable, "the key is encrypted in a way that is not known here; run: %s", s.toPEM())
	}
	iv, err := hex.DecodeString(head.iv)
	if err != nil || len(iv) != kind.iv || len(der)%kind.iv != 0 {
		return nil, s.damaged()
	}
	key := bytesToKey(s.passphrase, iv[:8], kind.key)
	defer clear(key)
	plain, ok := kind.open(key, iv, der)
	if !ok {
		return nil, s.damaged()
	}
	defer clear(plain)
	plain, padded := kind.unpad(plain)
	if !padded || !sequence(plain) {
		return nil, s.unsealed(sequence(plain))
	}
	return s.rsaDER(plain)
}

// A cbcKind is a block cipher in CBC mode; sizes in bytes. The initial value is as long as a block.
type cbcKind struct {
	key, iv int
	make    func(key []byte) (cipher.Block, error)
}

var (
	aes128 = cbcKind{16, aes.BlockSize, aes.NewCipher}
	aes192 = cbcKind{24, aes.BlockSize, aes.NewCipher}
	aes256 = cbcKind{32, aes.BlockSize, aes.NewCipher}
	des3   = cbcKind{24, des.BlockSize, des.NewTripleDESCipher}
	des1   = cbcKind{8, des.BlockSize, des.NewCipher}
)

var dekCiphers = map[string]cbcKind{
	"DES-CBC": des1, "DES-EDE3-CBC": des3, "AES-128-CBC": aes128, "AES-192-CBC": aes192, "AES-256-CBC": aes256,
}

// ivSize is the length of the initial value of a DEK-Info cipher; an unknown one takes
// all that looks like it.
func ivSize(name string) int {
	if kind, ok := dekCiphers[name]; ok {
		return kind.iv
	}
	return 32
}

// bytesToKey is EVP_BytesToKey of OpenSSL with MD5 and one round.
func bytesToKey(passphrase, salt []byte, size int) []byte {
	var out, sum []byte
	for len(out) < size {
		h := md5.New()
		h.Write(sum)
		h.Write(passphrase)
		h.Write(salt)
		sum = h.Sum(nil)
		out = append(out, sum...)
	}
	return out[:size]
}

// open decrypts; false for what is no whole blocks.
func (k cbcKind) open(key, iv, sealed []byte) ([]byte, bool) {
	block, err := k.make(key)
	if err != nil || len(sealed) == 0 || len(sealed)%k.iv != 0 || len(iv) != k.iv {
		return nil, false
	}
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, sealed)
	return plain, true
}

// unpad takes the padding of RFC 1423 off, and says whether it was right.
func (k cbcKind) unpad(plain []byte) ([]byte, bool) {
	n := int(plain[len(plain)-1])
	if n == 0 || n > k.iv || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(n)}, n)) {
		return plain, false
	}
	return plain[:len(plain)-n], true
}

// sequence says whether a text begins as a private key in DER does: a sequence of
// two length bytes, then the version. A wrong passphrase gives that once in 2⁴⁸.
func sequence(plain []byte) bool {
	return len(plain) > 8 && plain[0] == 0x30 && plain[1] == 0x82 && bytes.Equal(plain[4:6], []byte{2, 1}) && plain[6] <= 1
}

// rsaDER reads an RSAPrivateKey. Its size is checked before anything costly is done with its numbers.
func (s source) rsaDER(der []byte) (*rsa.PrivateKey, error) {
	n, e, ok := rsaHead(der)
	if !ok {
		return nil, s.damaged()
	}
	if err := s.checkBits(n.BitLen()); err != nil {
		return nil, err
	}
	if err := s.checkExponent(e); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, s.damaged()
	}
	return key, nil
}

// checkExponent refuses what Go's library, and hosts, do not take.
func (s source) checkExponent(e *big.Int) error {
	if e.Sign() > 0 && (!e.IsInt64() || e.Int64() > math.MaxInt32) {
		return s.fail(CodeUnreadable, "the RSA key has a public exponent of %d bits, more than SSH servers take; run: %s", e.BitLen(), s.newKey())
	}
	return nil
}

// rsaHead gives the modulus and the public exponent of an RSAPrivateKey.
func rsaHead(der []byte) (n, e *big.Int, ok bool) {
	var version int
	var seq asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 || seq.Tag != asn1.TagSequence || !seq.IsCompound {
		return nil, nil, false
	}
	rest, err := asn1.Unmarshal(seq.Bytes, &version)
	if err != nil {
		return nil, nil, false
	}
	if rest, err = asn1.Unmarshal(rest, &n); err != nil || n.Sign() <= 0 {
		return nil, nil, false
	}
	if _, err = asn1.Unmarshal(rest, &e); err != nil {
		return nil, nil, false
	}
	return n, e, true
}
