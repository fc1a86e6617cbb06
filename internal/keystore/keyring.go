package keystore

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A Vault keeps the managed key, sealed; *store.Store is one.
type Vault interface {
	Key(ctx context.Context) (model.SealedKey, error) // model.ErrNotFound when there is none
	PutKey(ctx context.Context, k model.SealedKey) error
}

// Options say where the key comes from.
type Options struct {
	Vault          Vault  // may be nil when File is given
	File           string // RSA key, PEM; "" = the managed key in the vault
	PassphraseFile string // of File; "" = not encrypted
	MasterKeyFile  string // seals the managed key; "" = DataDir/master-key
	DataDir        string
	Now            func() time.Time // nil = time.Now
}

// recheck is how long a node trusts that no other node changed the key.
const recheck = 3 * time.Second

// A Keyring holds the one shared key. It is safe for concurrent use.
type Keyring struct {
	o   Options
	cur atomic.Pointer[loaded] // nil = no key
	mu  sync.Mutex             // held by whoever reads or writes the key at its source

	checked atomic.Int64 // when the vault was last read, Unix nanoseconds
	broken  error        // why the vault's key cannot be used; guarded by mu
}

// loaded is a key that is in use.
type loaded struct {
	signer ssh.Signer
	info   model.KeyInfo
	sealed []byte // what it was read from, to see a change; nil for a file
}

// Open reads the key. Without one, or with one in the vault that does not open, it
// succeeds, and Signer says what to do. An unfit File or master key is an error; a *KeyError in
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
	_, err := k.master()
	if !errors.Is(err, errNoMaster) {
		return err
	}
	if _, err := k.o.Vault.Key(ctx); !errors.Is(err, model.ErrNotFound) {
		return err
	}
	_, err = k.makeMaster()
	return err
}

// Signer gives the key for authentication. The error is a *model.Failure of code
// key_missing, or the vault's.
func (k *Keyring) Signer(ctx context.Context) (ssh.Signer, error) {
	cur, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	return cur.signer, nil
}

// Info tells of the key. Errors are those of Signer.
func (k *Keyring) Info(ctx context.Context) (model.KeyInfo, error) {
	cur, err := k.current(ctx)
	if err != nil {
		return model.KeyInfo{}, err
	}
	info := cur.info
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken != nil {
		info.Warning = "a newer key was stored and cannot be used; the one before it still is: " + k.broken.Error()
	}
	return info, nil
}

// current gives the key, after a look at the vault when the last one is a while ago.
// A key that is in use stays so while the vault does not answer or its new key does not open.
func (k *Keyring) current(ctx context.Context) (*loaded, error) {
	if cur := k.cur.Load(); cur == nil {
		k.mu.Lock()
	} else if k.o.File != "" || !k.stale() || !k.mu.TryLock() {
		return cur, nil
	}
	defer k.mu.Unlock()
	err := k.broken
	if k.stale() {
		err = k.fromVault(ctx)
	}
	if cur := k.cur.Load(); cur != nil {
		return cur, nil
	}
	return nil, err
}

func (k *Keyring) stale() bool { return k.o.Now().UnixNano()-k.checked.Load() > int64(recheck) }

// Reload reads the key again, from the file or the vault. When that fails, a key that is in
// use stays in use; the error says why.
func (k *Keyring) Reload(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.o.File != "" {
		return k.fromFile()
	}
	return k.fromVault(ctx)
}

func (k *Keyring) fromFile() error {
	text, changed, err := readPrivate(k.o.File)
	if err != nil {
		return fmt.Errorf("key file %s: %w", k.o.File, err)
	}
	defer clear(text)
	src := source{text: text, file: shellQuote(k.o.File), strict: true}
	if k.o.PassphraseFile != "" {
		pass, _, err := readPrivate(k.o.PassphraseFile)
		if err != nil {
			return fmt.Errorf("passphrase file %s: %w", k.o.PassphraseFile, err)
		}
		defer clear(pass)
		src.passphrase = bytes.TrimRight(pass, "\r\n")
	}
	key, _, err := src.parse()
	if err != nil {
		return fmt.Errorf("key file %s: %w", k.o.File, err)
	}
	cur, err := load(key)
	if err != nil {
		return fmt.Errorf("key file %s: %w", k.o.File, err)
	}
	cur.info.Source, cur.info.InstalledAt = "file", changed.UTC()
	cur.info.PassphraseProtected = bytes.Contains(text, []byte("ENCRYPTED"))
	k.cur.Store(cur)
	return nil
}

// fromVault reads the managed key, unless it is the one in use. Failures that a person must
// mend are kept for Signer.
func (k *Keyring) fromVault(ctx context.Context) error {
	s, err := k.o.Vault.Key(ctx)
	switch {
	case errors.Is(err, model.ErrNotFound):
		k.cur.Store(nil)
		k.broken = missing()
	case err != nil:
		return fmt.Errorf("read the key: %w", err)
	default:
		k.broken = k.open(s)
	}
	k.checked.Store(k.o.Now().UnixNano())
	return k.broken
}

// open takes a sealed key into use. The error is a *model.Failure.
func (k *Keyring) open(s model.SealedKey) error {
	if cur := k.cur.Load(); cur != nil && bytes.Equal(cur.sealed, s.Cipher) {
		return nil
	}
	master, err := k.master()
	if err != nil {
		return k.lost(err)
	}
	defer clear(master[:])
	text, err := unseal(master, s.Cipher)
	if err != nil {
		return k.lost(err)
	}
	key, _, err := source{text: text, file: placeholder}.parse()
	clear(text)
	if err != nil {
		return k.lost(err)
	}
	cur, err := load(key)
	if err != nil {
		return k.lost(err)
	}
	if cur.info.PublicKey != s.PublicKey {
		return k.lost(errors.New("the stored key and its public key do not belong together"))
	}
	cur.sealed, cur.info.Source, cur.info.InstalledAt = s.Cipher, "managed", s.InstalledAt
	k.cur.Store(cur)
	return nil
}

// load makes a signer of a key.
func load(key *rsa.PrivateKey) (*loaded, error) {
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("use the key for SSH: %w", err)
	}
	return &loaded{signer: signer, info: describe(key, signer.PublicKey())}, nil
}

// missing says that there is no key yet.
func missing() error {
	return &model.Failure{
		Code:   model.CodeKeyMissing,
		Detail: "there is no SSH key yet",
		Hint:   "make one: issuetrail key generate, or bring one: issuetrail key import FILE",
	}
}

// lost says that the stored key cannot be used.
func (k *Keyring) lost(err error) error {
	path, _ := k.masterPath()
	return &model.Failure{
		Code:   model.CodeKeyMissing,
		Detail: fmt.Sprintf("the stored SSH key cannot be opened: %v", err),
		Hint:   fmt.Sprintf("put the master key that sealed it back to %s, or bring the SSH key anew: issuetrail key import FILE", path),
		Err:    err,
	}
}

func isFailure(err error) bool {
	_, ok := errors.AsType[*model.Failure](err)
	return ok
}
