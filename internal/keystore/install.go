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

// Generate makes a new key of this many bits, 0 = DefaultBits, and takes it into use. The active
// key becomes the previous one. The error is a *KeyError of code managed_by_config,
// key_too_short or key_bits_invalid, or the vault's.
func (k *Keyring) Generate(ctx context.Context, bits int) (model.KeyInfo, error) {
	return k.generate(ctx, bits, model.KeyActive)
}

// StageNew makes a new key as Generate does and keeps it to be tried out, in place of any that is
// staged. Errors are those of Generate.
func (k *Keyring) StageNew(ctx context.Context, bits int) (model.KeyInfo, error) {
	return k.generate(ctx, bits, model.KeyStaged)
}

func (k *Keyring) generate(ctx context.Context, bits int, role model.KeyRole) (model.KeyInfo, error) {
	if err := k.managed(); err != nil {
		return model.KeyInfo{}, err
	}
	key, err := GenerateRSA(bits)
	if err != nil {
		return model.KeyInfo{}, err
	}
	return k.install(ctx, key, role)
}

// Import takes a private key into use: RSA as PKCS#1, PKCS#8, OpenSSH or PuTTY (.ppk 2 and 3),
// each plain or encrypted, with what mail and editors do to a text undone. The active key becomes the
// previous one; importing the active key changes nothing. It says which of these it came from: "",
// "pkcs8", "openssh" or "putty". Both texts are wiped. The error is a *KeyError, or the vault's; the key before it then stays.
func (k *Keyring) Import(ctx context.Context, text, passphrase []byte) (info model.KeyInfo, from string, err error) {
	return k.bring(ctx, text, passphrase, model.KeyActive)
}

// Stage reads a key as Import does and keeps it to be tried out, in place of any that is staged. The
// active key is refused: the error is then a *KeyError of code key_active.
func (k *Keyring) Stage(ctx context.Context, text, passphrase []byte) (info model.KeyInfo, from string, err error) {
	return k.bring(ctx, text, passphrase, model.KeyStaged)
}

func (k *Keyring) bring(ctx context.Context, text, passphrase []byte, role model.KeyRole) (info model.KeyInfo, from string, err error) {
	defer clear(text)
	defer clear(passphrase)
	if err := k.managed(); err != nil {
		return model.KeyInfo{}, "", err
	}
	src := source{text: text, passphrase: passphrase, file: placeholder}
	if role == model.KeyStaged {
		src.command = commandStage
	}
	key, from, err := src.parse()
	if err != nil {
		return model.KeyInfo{}, "", err
	}
	info, err = k.install(ctx, key, role)
	return info, from, err
}

func (k *Keyring) managed() error {
	if k.o.File == "" {
		return nil
	}
	return &KeyError{CodeManagedByConfig, "the key is the file that key.file names in the config; take key.file out of it and restart the daemon to manage the key from here"}
}

// install seals a key, stores it as the active or the staged one, and takes it into use.
func (k *Keyring) install(ctx context.Context, key *rsa.PrivateKey, role model.KeyRole) (model.KeyInfo, error) {
	h, err := load(key)
	if err != nil {
		return model.KeyInfo{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	m, err := k.masters()
	if errors.Is(err, errNoMaster) {
		m, err = k.makeMaster()
	}
	if err != nil {
		return model.KeyInfo{}, err
	}
	defer m.wipe()
	text := EncodePEM(key)
	defer clear(text)
	sealed, err := seal(&m[0], text)
	if err != nil {
		return model.KeyInfo{}, err
	}
	row := model.SealedKey{Cipher: sealed, PublicKey: h.info.PublicKey, InstalledAt: k.o.Now().UTC().Truncate(time.Microsecond)}
	crash.Point("keystore.put")
	err = k.change(ctx, func(r roles) error {
		next := r.stored(row, m)
		if role == model.KeyActive {
			r.activate(next)
			return nil
		}
		if r[model.KeyActive].PublicKey == next.PublicKey {
			return &KeyError{CodeActive, fmt.Sprintf("%s is the active key already; stage another one", h.info.Fingerprint)}
		}
		r[model.KeyStaged] = next
		return nil
	})
	if err != nil {
		return model.KeyInfo{}, err
	}
	return k.cur.Load().of(role).told(), nil
}

// change changes what is stored, and takes it into use. mu is held.
func (k *Keyring) change(ctx context.Context, f func(roles) error) error {
	var after []model.SealedKey
	err := k.o.Vault.ChangeKeys(ctx, func(rows []model.SealedKey) ([]model.SealedKey, error) {
		r := byRole(rows)
		if err := f(r); err != nil {
			return nil, err
		}
		after = r.list()
		return after, nil
	})
	if err != nil {
		k.checked.Store(0) // it may have been stored all the same
		return err
	}
	k.take(after)
	return nil
}
