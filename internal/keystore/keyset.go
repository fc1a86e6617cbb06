package keystore

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A keySet is what a node knows of the keys. It does not change once it is in use.
type keySet struct {
	held   map[model.KeyRole]*held
	first  *held        // logs in first: the active key or, where that does not open, the one that was in use; nil = none
	order  []ssh.Signer // of those that log in
	broken error        // why the active key cannot be used; a *model.Failure
}

// held is a key.
type held struct {
	signer ssh.Signer // nil = it does not open
	info   model.KeyInfo
	sealed []byte // what it was read from, to see a change; nil for a file
	err    error  // why sealed does not open; a *model.Failure
}

// A signer signs, and prints as the key's fingerprint.
type signer struct{ ssh.MultiAlgorithmSigner }

// Format keeps what is in it out of logs, whatever the verb.
func (s signer) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, ssh.FingerprintSHA256(s.PublicKey()))
}

// load makes a signer of a key.
func load(key *rsa.PrivateKey) (*held, error) {
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("use the key for SSH: %w", err)
	}
	many, ok := s.(ssh.MultiAlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("use the key for SSH: %s keys sign in no way that is known", s.PublicKey().Type())
	}
	return &held{signer: signer{many}, info: describe(key, s.PublicKey())}, nil
}

func (s *keySet) of(role model.KeyRole) *held {
	if s == nil {
		return nil
	}
	return s.held[role]
}

// told is what may be told of a key, with what is wrong with it.
func (h *held) told() model.KeyInfo {
	info := h.info
	switch {
	case h.err == nil:
	case h.signer == nil:
		info.Warning = withHint(h.err)
	default:
		info.Warning = "it is in use here until the daemon ends, and cannot be used after that: " + withHint(h.err)
	}
	return info
}

func withHint(err error) string {
	f := model.AsFailure(err)
	return f.Detail + "; " + f.Hint
}

// describeLine tells of a key of which only the public line can be read.
func describeLine(line string) model.KeyInfo {
	info := model.KeyInfo{PublicKey: line}
	pub, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return info
	}
	info.Fingerprint = ssh.FingerprintSHA256(pub)
	if c, ok := pub.(ssh.CryptoPublicKey); ok {
		if key, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			info.Type, info.Bits = "rsa", key.N.BitLen()
		}
	}
	return info
}

// firstInfo tells of the key that logs in first.
func (s *keySet) firstInfo() model.KeyInfo {
	info := s.first.told()
	if s.broken != nil && s.first != s.held[model.KeyActive] {
		info.Warning = "a newer key was stored and cannot be used; the one before it still is: " + withHint(s.broken)
	}
	return info
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
	h, err := load(key)
	if err != nil {
		return fmt.Errorf("key file %s: %w", k.o.File, err)
	}
	h.info.Role, h.info.Source, h.info.InstalledAt = model.KeyActive, "file", changed.UTC()
	h.info.PassphraseProtected = bytes.Contains(text, []byte("ENCRYPTED"))
	k.use(&keySet{held: map[model.KeyRole]*held{model.KeyActive: h}})
	return nil
}

// fromVault reads the managed keys. The error is the vault's; then nothing changes.
func (k *Keyring) fromVault(ctx context.Context) error {
	rows, err := k.o.Vault.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	k.take(rows)
	return nil
}

// take makes stored keys those in use. Only what changed is opened.
func (k *Keyring) take(rows []model.SealedKey) {
	set := &keySet{held: map[model.KeyRole]*held{}}
	for _, row := range rows {
		set.held[row.Role] = k.hold(row)
	}
	k.use(set)
	k.checked.Store(k.o.Now().UnixNano())
}

// use takes a set into use. The first key of the one before stays in use while the new active key
// does not open.
func (k *Keyring) use(set *keySet) {
	switch active := set.of(model.KeyActive); {
	case active == nil:
		set.broken = missing()
	case active.signer != nil:
		set.first, set.broken = active, active.err
	default:
		set.broken = active.err
		if old := k.cur.Load(); old != nil {
			set.first = old.first
		}
	}
	if set.first != nil {
		set.order = append(set.order, set.first.signer)
	}
	if p := set.of(model.KeyPrevious); p != nil && p.signer != nil && (set.first == nil || p.info.PublicKey != set.first.info.PublicKey) {
		set.order = append(set.order, p.signer)
	}
	k.cur.Store(set)
}

// hold opens a stored key, unless it is open already. One that was open under another seal stays so when
// the new seal does not open.
func (k *Keyring) hold(row model.SealedKey) *held {
	var before *held
	for _, role := range []model.KeyRole{row.Role, model.KeyActive, model.KeyStaged, model.KeyPrevious} {
		if h := k.cur.Load().of(role); before == nil && h != nil && h.signer != nil && h.info.PublicKey == row.PublicKey {
			before = h
		}
	}
	h := &held{sealed: row.Cipher}
	switch {
	case before != nil && before.err == nil && bytes.Equal(before.sealed, row.Cipher):
		h.signer, h.info = before.signer, before.info
	default:
		opened, err := k.open(row)
		switch {
		case err == nil:
			h.signer, h.info = opened.signer, opened.info
		case before != nil:
			h.signer, h.info, h.err = before.signer, before.info, k.lost(row.Role, err)
		default:
			h.info, h.err = describeLine(row.PublicKey), k.lost(row.Role, err)
		}
	}
	h.info.Role, h.info.Source, h.info.InstalledAt = row.Role, "managed", row.InstalledAt
	return h
}

// open unseals a stored key.
func (k *Keyring) open(row model.SealedKey) (*held, error) {
	m, err := k.masters()
	if err != nil {
		return nil, err
	}
	defer m.wipe()
	text, _, err := m.unseal(row.Cipher)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	key, _, err := source{text: text, file: placeholder}.parse()
	if err != nil {
		return nil, err
	}
	h, err := load(key)
	if err == nil && h.info.PublicKey != row.PublicKey {
		err = errors.New("the stored key and its public key do not belong together")
	}
	return h, err
}

// missing says that there is no key yet.
func missing() error {
	return &model.Failure{
		Code:   model.CodeKeyMissing,
		Detail: "there is no SSH key yet",
		Hint:   "make one: issuetrail key generate, or bring one: issuetrail key import FILE",
	}
}

// lost says that a stored key cannot be used.
func (k *Keyring) lost(role model.KeyRole, err error) error {
	path, _ := k.masterPath()
	what, instead := "the stored SSH key", "bring the SSH key anew: issuetrail key import FILE"
	if role != model.KeyActive {
		what, instead = fmt.Sprintf("the %s SSH key", role), fmt.Sprintf("give the key up: issuetrail key drop %s", role)
	}
	return &model.Failure{
		Code:   model.CodeKeyMissing,
		Detail: fmt.Sprintf("%s cannot be opened: %v", what, err),
		Hint:   fmt.Sprintf("put the master key that sealed it back to %s, or %s", path, instead),
		Err:    err,
	}
}

func isFailure(err error) bool {
	_, ok := errors.AsType[*model.Failure](err)
	return ok
}
