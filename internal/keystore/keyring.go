package keystore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A Vault keeps the managed keys, sealed, one for each role; *store.Store is one.
type Vault interface {
	Keys(ctx context.Context) ([]model.SealedKey, error)
	// ChangeKeys stores what change gives in place of the keys it is handed, all or nothing and
	// with no other change in between. It may call change more than once, and gives its error as it is.
	ChangeKeys(ctx context.Context, change func([]model.SealedKey) ([]model.SealedKey, error)) error
}

// Options say where the key comes from.
type Options struct {
	Vault          Vault  // may be nil when File is given
	File           string // RSA key, PEM; "" = the managed keys in the vault
	PassphraseFile string // of File; "" = not encrypted
	MasterKeyFile  string // seals the managed keys; "" = DataDir/master-key
	DataDir        string
	Now            func() time.Time // nil = time.Now
}

// recheck is how long a node trusts that no other node changed the keys.
const recheck = 3 * time.Second

// A Keyring holds the one shared key, the one before it and the one to come. It is safe for
// concurrent use.
type Keyring struct {
	o   Options
	cur atomic.Pointer[keySet]
	mu  sync.Mutex // held by whoever reads or writes the keys at their source

	checked atomic.Int64 // when the vault was last read, Unix nanoseconds
}

// Open reads the keys. Without one, or with one in the vault that does not open, it
// succeeds, and Signers says what to do. An unfit File or master key is an error; a *KeyError in
// its chain says which.
func Open(ctx context.Context, o Options) (*Keyring, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keyring{o: o}
	if err := k.prepareMaster(ctx); err != nil {
		return nil, err
	}
	if err := k.Reload(ctx); err != nil && (o.File != "" || !isFailure(err)) {
		return nil, err
	}
	return k, nil
}

// prepareMaster makes the master key on the first start. Where a sealed key waits for
// one that is lost, a new one would only hide the loss.
func (k *Keyring) prepareMaster(ctx context.Context) error {
	if k.o.File != "" {
		return nil
	}
	k.tidyMaster()
	m, err := k.masters()
	defer m.wipe()
	if !errors.Is(err, errNoMaster) {
		return err
	}
	if keys, err := k.o.Vault.Keys(ctx); err != nil || len(keys) > 0 {
		return err
	}
	m, err = k.makeMaster()
	defer m.wipe()
	return err
}

// Signers gives the keys for authentication in the order in which a server is to be asked: the active
// one and, if there is one, the one before it. The error is a *model.Failure of code key_missing, or the vault's.
func (k *Keyring) Signers(ctx context.Context) ([]ssh.Signer, error) {
	set, err := k.current(ctx)
	if list := set.signers(); len(list) > 0 {
		return list, nil
	}
	if err == nil {
		err = set.broken
	}
	return nil, err
}

// Staged gives the key that is to be tried out. The error is model.ErrNotFound when there is
// none, a *model.Failure of code key_missing when it does not open, or the vault's.
func (k *Keyring) Staged(ctx context.Context) (ssh.Signer, error) {
	set, err := k.current(ctx)
	h := set.of(model.KeyStaged)
	switch {
	case h != nil && h.signer != nil:
		return h.signer, nil
	case h != nil:
		return nil, h.err
	case err != nil:
		return nil, err
	}
	return nil, model.ErrNotFound
}

// Info tells of the key that logs in first. Errors are those of Signers.
func (k *Keyring) Info(ctx context.Context) (model.KeyInfo, error) {
	set, err := k.current(ctx)
	if set != nil && set.first != nil {
		return set.firstInfo(), nil
	}
	if err == nil {
		err = set.broken
	}
	return model.KeyInfo{}, err
}

// Infos tells of the keys that are stored, or of the file: the active one, the staged one, the
// previous one, as far as they are there. Warning says of a key that does not open why.
func (k *Keyring) Infos(ctx context.Context) (list []model.KeyInfo, err error) {
	set, err := k.current(ctx)
	if err != nil && (set == nil || len(set.held) == 0) {
		return nil, err
	}
	for _, role := range []model.KeyRole{model.KeyActive, model.KeyStaged, model.KeyPrevious} {
		if h := set.of(role); h != nil {
			list = append(list, h.told())
		}
	}
	return list, nil
}

// current gives the keys, after a look at the vault when the last one is a while ago.
// Keys that are in use stay so while the vault does not answer; only without one is its error given, too.
func (k *Keyring) current(ctx context.Context) (*keySet, error) {
	if set := k.cur.Load(); set == nil || set.first == nil {
		k.mu.Lock()
	} else if k.o.File != "" || !k.stale() || !k.mu.TryLock() {
		return set, nil
	}
	defer k.mu.Unlock()
	var err error
	if k.o.File == "" && k.stale() {
		err = k.fromVault(ctx)
	}
	return k.cur.Load(), err
}

func (k *Keyring) stale() bool { return k.o.Now().UnixNano()-k.checked.Load() > int64(recheck) }

// Reload reads the keys again, from the file or the vault. When that fails, a key that is in
// use stays in use; the error says why.
func (k *Keyring) Reload(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.o.File != "" {
		return k.fromFile()
	}
	if err := k.fromVault(ctx); err != nil {
		return err
	}
	return k.cur.Load().broken
}

// signers are those that log in, the first one first.
func (s *keySet) signers() (list []ssh.Signer) {
	if s == nil {
		return nil
	}
	return slices.Clone(s.order)
}
