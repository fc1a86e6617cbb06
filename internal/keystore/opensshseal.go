package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"

	"golang.org/x/crypto/chacha20"
	//lint:ignore SA1019 chacha20-poly1305@openssh.com is not the AEAD of RFC 8439, and is made of the two parts
	"golang.org/x/crypto/poly1305"
)

// An opensshCipher is a value of ssh-keygen -Z; sizes in bytes.
type opensshCipher struct {
	key, iv, block, tag int
	open                func(key, iv, sealed, tag []byte) ([]byte, bool)
}

var opensshCiphers = map[string]opensshCipher{
	"3des-cbc":                      {24, 8, des.BlockSize, 0, opensshCBC(des3)},
	"aes128-cbc":                    {16, 16, aes.BlockSize, 0, opensshCBC(aes128)},
	"aes192-cbc":                    {24, 16, aes.BlockSize, 0, opensshCBC(aes192)},
	"aes256-cbc":                    {32, 16, aes.BlockSize, 0, opensshCBC(aes256)},
	"aes128-ctr":                    {16, 16, aes.BlockSize, 0, opensshCTR},
	"aes192-ctr":                    {24, 16, aes.BlockSize, 0, opensshCTR},
	"aes256-ctr":                    {32, 16, aes.BlockSize, 0, opensshCTR},
	"aes128-gcm@openssh.com":        {16, 12, aes.BlockSize, 16, opensshGCM},
	"aes256-gcm@openssh.com":        {32, 12, aes.BlockSize, 16, opensshGCM},
	"chacha20-poly1305@openssh.com": {64, 0, 8, 16, opensshChaCha},
}

func opensshCBC(kind cbcKind) func(key, iv, sealed, _ []byte) ([]byte, bool) {
	return func(key, iv, sealed, _ []byte) ([]byte, bool) { return kind.open(key, iv, sealed) }
}

func opensshCTR(key, iv, sealed, _ []byte) ([]byte, bool) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	plain := make([]byte, len(sealed))
	cipher.NewCTR(block, iv).XORKeyStream(plain, sealed)
	return plain, true
}

func opensshGCM(key, iv, sealed, tag []byte) ([]byte, bool) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, false
	}
	plain, err := aead.Open(nil, iv, append(append([]byte{}, sealed...), tag...), nil)
	return plain, err == nil
}

// opensshChaCha is PROTOCOL.chacha20poly1305 of OpenSSH for a packet of number 0 without a length: the
// first half of the key decrypts, and its block 0 authenticates.
func opensshChaCha(key, _, sealed, tag []byte) ([]byte, bool) {
	stream, err := chacha20.NewUnauthenticatedCipher(key[:32], make([]byte, chacha20.NonceSize))
	if err != nil {
		return nil, false
	}
	var once [32]byte
	defer clear(once[:])
	stream.XORKeyStream(once[:], once[:])
	var sum [16]byte
	copy(sum[:], tag)
	if len(tag) != len(sum) || !poly1305.Verify(&sum, sealed, &once) {
		return nil, false
	}
	stream.SetCounter(1)
	plain := make([]byte, len(sealed))
	stream.XORKeyStream(plain, sealed)
	return plain, true
}
