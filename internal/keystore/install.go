package keystore

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"issuetrail/internal/crash"
	"issuetrail/internal/model"
)

// Generate makes a new key of this many bits, 0 = DefaultBits, and takes it into use
// in place of any other. The error is a *KeyError of code managed_by_config,
// key_too_short or key_bits_invalid, or the vault's.
func (k *Keyring) Generate(ctx context.Context, bits int) (model.KeyInfo, error) {
	if err := k.managed(); err != nil {
		return model.KeyInfo{}, err
	}
	key, err := GenerateRSA(bits)
	if err != nil {
		return model.KeyInfo{}, err
	}
	return k.install(ctx, key)
}

// Import takes a private key into use: RSA as PKCS#1, PKCS#8, OpenSSH or PuTTY (.ppk 2 and 3),
// each plain or encrypted, with what mail and editors do to a text undone. It says which of these it came from: "",
// "pkcs8", "openssh" or "putty". Both texts are wiped. The error is a *KeyError, or the vault's; the key before it then stays.
func (k *Keyring) Import(ctx context.Context, text, passphrase []byte) (info model.KeyInfo, from string, err error) {
	defer clear(text)
	defer clear(passphrase)
	if err := k.managed(); err != nil {
		return model.KeyInfo{}, "", err
	}
	key, from, err := source{text: text, passphrase: passphrase, file: placeholder}.parse()
	if err != nil {
		return model.KeyInfo{}, "", err
	}
	info, err = k.install(ctx, key)
	return info, from, err
}

func (k *Keyring) managed() error {
	if k.o.File == "" {
		return nil
	}
	return &KeyError{CodeManagedByConfig, "the key is the file that key.file names in the config; take key.file out of it and restart the daemon to manage the key from here"}
}

// install seals a key, stores it, and takes it into use.
func (k *Keyring) install(ctx context.Context, key *rsa.PrivateKey) (model.KeyInfo, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	cur, err := load(key)
	if err != nil {
		return model.KeyInfo{}, err
	}
	master, err := k.master()
	if errors.Is(err, errNoMaster) {
		master, err = k.makeMaster()
	}
	if err != nil {
		return model.KeyInfo{}, err
	}
	defer clear(master[:])
	text := EncodePEM(key)
	defer clear(text)
	sealed, err := seal(master, text)
	if err != nil {
		return model.KeyInfo{}, err
	}
	at := k.o.Now().UTC().Truncate(time.Microsecond)
	crash.Point("keystore.put")
	if err := k.o.Vault.PutKey(ctx, model.SealedKey{Cipher: sealed, PublicKey: cur.info.PublicKey, InstalledAt: at}); err != nil {
		return model.KeyInfo{}, fmt.Errorf("store the key: %w", err)
	}
	cur.sealed, cur.info.Source, cur.info.InstalledAt = sealed, "managed", at
	k.broken = nil
	k.cur.Store(cur)
	k.checked.Store(k.o.Now().UnixNano())
	return cur.info, nil
}
