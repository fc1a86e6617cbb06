package keystore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"issuetrail/internal/crash"
	"issuetrail/internal/model"
)

// A MasterKey tells of the master key, and nothing of what it is.
type MasterKey struct {
	File  string
	Own   bool // the daemon made it in its data folder, and Rewrap makes a new one
	Keys  int  // in the file: 1, or 2 while it is replaced
	Spare bool // with two keys: no stored key needs the second one
}

// Master tells of the master key. With a key from a file there is none: model.ErrNotFound.
func (k *Keyring) Master(ctx context.Context) (MasterKey, error) {
	if k.o.File != "" {
		return MasterKey{}, model.ErrNotFound
	}
	var info MasterKey
	info.File, info.Own = k.masterPath()
	m, err := k.masters()
	defer m.wipe()
	if err != nil {
		return info, err
	}
	info.Keys = len(m)
	if info.Keys > 1 {
		rows, err := k.o.Vault.Keys(ctx)
		if err != nil {
			return info, fmt.Errorf("read the key: %w", err)
		}
		info.Spare = k.opened(rows, m[:1]) == nil
	}
	return info, nil
}

// Rewrap seals the stored keys under a new master key, and says how many it sealed anew.
//
// The daemon's own master key file gets the new key as its first line, then the keys are
// sealed, then the second line, the old key, goes. Wherever that ends before its time, all keys open with what is
// in the file, and the next Rewrap finishes it in place of making another new key.
//
// A configured file is not written: its first line is to be the new key, its second the old one, on every node;
// after Rewrap the second line may be taken out. With one line alone the error is a *KeyError of code
// master_key_single. With a key from a file it is one of managed_by_config. A stored key that does not open is a *model.Failure;
// then nothing is changed.
func (k *Keyring) Rewrap(ctx context.Context) (n int, err error) {
	if err := k.managed(); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	m, err := k.toRewrap(ctx)
	defer m.wipe()
	if err != nil {
		return 0, err
	}
	path, own := k.masterPath()
	switch {
	case len(m) > 1:
	case own:
		both, err := k.addMaster(m)
		if err != nil {
			return 0, err
		}
		defer both.wipe()
		m = both
	default:
		return 0, &KeyError{CodeMasterSingle, fmt.Sprintf("%s holds one master key; write a new one (openssl rand -hex 32) as a line above it on every node, and run this again", path)}
	}
	if n, err = k.reseal(ctx, m); err != nil {
		return 0, err
	}
	crash.Point("keystore.rewrap.sealed")
	if own {
		err = k.dropMaster(ctx, m)
	}
	return n, err
}

// toRewrap reads the master keys, which must open all that is stored.
func (k *Keyring) toRewrap(ctx context.Context) (masters, error) {
	rows, err := k.o.Vault.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	m, err := k.masters()
	if errors.Is(err, errNoMaster) && len(rows) == 0 {
		m, err = k.makeMaster()
	}
	if err != nil {
		return nil, err
	}
	return m, k.opened(rows, m)
}

// opened says which of the stored keys these do not open.
func (k *Keyring) opened(rows []model.SealedKey, m masters) error {
	for _, row := range rows {
		text, _, err := m.unseal(row.Cipher)
		if err != nil {
			return k.lost(row.Role, err)
		}
		clear(text)
	}
	return nil
}

// addMaster puts a new master key before the one of our own file.
func (k *Keyring) addMaster(m masters) (masters, error) {
	path, _ := k.masterPath()
	both := append(make(masters, 1, 2), m...)
	if _, err := rand.Read(both[0][:]); err != nil {
		return nil, fmt.Errorf("make a new master key: %w", err)
	}
	text := both.text()
	defer clear(text)
	if err := replaceFile(path, text); err != nil {
		both.wipe()
		return nil, fmt.Errorf("write the new master key to %s: %w", path, cause(err))
	}
	crash.Point("keystore.rewrap.both")
	return both, nil
}

// reseal seals under the first master key what is not, all of it or nothing.
func (k *Keyring) reseal(ctx context.Context, m masters) (n int, err error) {
	err = k.change(ctx, func(r roles) error {
		n = 0
		for role, row := range r {
			text, by, err := m.unseal(row.Cipher)
			if err != nil {
				return k.lost(role, err)
			}
			if by > 0 {
				row.Cipher, err = seal(&m[0], text)
				r[role] = row
				n++
			}
			clear(text)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// dropMaster takes the old key out of our own file, once what is stored opens without it.
func (k *Keyring) dropMaster(ctx context.Context, m masters) error {
	path, _ := k.masterPath()
	rows, err := k.o.Vault.Keys(ctx)
	if err == nil {
		err = k.opened(rows, m[:1])
	}
	if err == nil {
		text := m[:1].text()
		defer clear(text)
		err = cause(replaceFile(path, text))
	}
	if err != nil {
		return fmt.Errorf("the keys are sealed under the new master key, and %s still holds the old one too; run this again: %w", path, err)
	}
	crash.Point("keystore.rewrap.done")
	return nil
}
