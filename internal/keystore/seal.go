package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// errSealed says that a sealed text and the master key do not belong together.
var errSealed = errors.New("the master key does not open it")

// sealedPlace is the additional data of the seal: what is sealed, and not where. A key that gets
// another role stays sealed as it is; there was only one row when this was chosen.
const sealedPlace = "managed_key\x00cipher\x001"

// seal encrypts plain with AES-256-GCM: nonce, then the sealed text with its tag.
func seal(master *masterKey, plain []byte) ([]byte, error) {
	gcm, err := newGCM(master)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(plain)+gcm.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return gcm.Seal(nonce, nonce, plain, []byte(sealedPlace)), nil
}

// unseal reverses seal. The error is errSealed.
func unseal(master *masterKey, sealed []byte) ([]byte, error) {
	gcm, err := newGCM(master)
	if err != nil {
		return nil, err
	}
	if len(sealed) < gcm.NonceSize() {
		return nil, errSealed
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], []byte(sealedPlace))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func newGCM(master *masterKey) (cipher.AEAD, error) {
	block, err := aes.NewCipher(master[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return cipher.NewGCM(block)
}
