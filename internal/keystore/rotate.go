package keystore

import (
	"context"
	"fmt"

	"issuetrail/internal/model"
)

// Activate makes the staged key the active one, and the active one the previous one. The error is a
// *KeyError of code key_staged_missing, a *model.Failure of code key_missing when the key does not
// open here, or the vault's.
func (k *Keyring) Activate(ctx context.Context) (model.KeyInfo, error) {
	return k.ActivateKey(ctx, "")
}

// ActivateKey is Activate for the key of this fingerprint, "SHA256:…", alone: when somebody staged
// another one meanwhile, nothing changes and the code is key_staged_missing.
func (k *Keyring) ActivateKey(ctx context.Context, fingerprint string) (model.KeyInfo, error) {
	return k.promote(ctx, model.KeyStaged, func(r roles, next model.SealedKey) error {
		if got := describeLine(next.PublicKey).Fingerprint; fingerprint != "" && got != fingerprint {
			return &KeyError{CodeNotStaged, fmt.Sprintf("%s is not staged any more; %s is", fingerprint, got)}
		}
		delete(r, model.KeyStaged)
		r.activate(next)
		return nil
	})
}

// Rollback has the active and the previous key change places. The error is a *KeyError of code
// key_previous_missing, or as Activate's.
func (k *Keyring) Rollback(ctx context.Context) (model.KeyInfo, error) {
	return k.promote(ctx, model.KeyPrevious, func(r roles, next model.SealedKey) error {
		delete(r, model.KeyPrevious)
		r.activate(next)
		return nil
	})
}

// promote changes the roles with the key of one of them, which must open.
func (k *Keyring) promote(ctx context.Context, role model.KeyRole, f func(r roles, next model.SealedKey) error) (model.KeyInfo, error) {
	if err := k.managed(); err != nil {
		return model.KeyInfo{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.change(ctx, func(r roles) error {
		next, ok := r[role]
		if !ok {
			return notThere(role)
		}
		if _, err := k.open(next); err != nil {
			return k.lost(role, err)
		}
		return f(r, next)
	})
	if err != nil {
		return model.KeyInfo{}, err
	}
	return k.cur.Load().of(model.KeyActive).told(), nil
}

// Drop forgets the staged or the previous key. The error is a *KeyError of code key_staged_missing,
// key_previous_missing or key_active, or the vault's. A session that runs with the key goes on.
func (k *Keyring) Drop(ctx context.Context, role model.KeyRole) error {
	if err := k.managed(); err != nil {
		return err
	}
	if role != model.KeyStaged && role != model.KeyPrevious {
		return &KeyError{CodeActive, "the active key cannot be dropped; bring another one: issuetrail key import FILE"}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.change(ctx, func(r roles) error {
		if _, ok := r[role]; !ok {
			return notThere(role)
		}
		delete(r, role)
		return nil
	})
}

// notThere says that no key has the role.
func notThere(role model.KeyRole) error {
	if role == model.KeyStaged {
		return &KeyError{CodeNotStaged, "no key is staged; stage one: issuetrail key stage FILE"}
	}
	return &KeyError{CodeNoPrevious, "there is no previous key"}
}
