package keystore

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"issuetrail/internal/crash"
)

// masterName is the master key's file in data_dir, where the config names none.
const masterName = "master-key"

// errNoMaster says that there is no master key yet.
var errNoMaster = errors.New("there is no master key")

// A masterKey seals the managed keys.
type masterKey [32]byte

// Format keeps it out of logs, whatever the verb.
func (masterKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(a master key)") }

// masters are the keys of the master key file, one or two. The first seals; each opens.
type masters []masterKey

func (m masters) wipe() { clear(m) }

// unseal opens a sealed text, and says which key did. The error is errSealed.
func (m masters) unseal(sealed []byte) (text []byte, by int, err error) {
	for i := range m {
		if text, err = unseal(&m[i], sealed); err == nil {
			return text, i, nil
		}
	}
	return nil, 0, errSealed
}

// masterPath is where the master key lies, and whether it is ours to make.
func (k *Keyring) masterPath() (path string, own bool) {
	if k.o.MasterKeyFile != "" {
		return k.o.MasterKeyFile, false
	}
	return filepath.Join(k.o.DataDir, masterName), true
}

// masters reads the master key file, anew each time: it may change under us. The error is errNoMaster
// when it is ours to make and not made yet.
func (k *Keyring) masters() (masters, error) {
	path, own := k.masterPath()
	text, _, err := readPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && own:
		return nil, errNoMaster
	case err != nil:
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	defer clear(text)
	m, ok := parseMasters(text)
	if !ok {
		return nil, fmt.Errorf("master key %s: want 32 bytes, as they are, in hex or in base64, or two lines of such hex or base64, the new key before the old; make one: openssl rand -hex 32", path)
	}
	return m, nil
}

// parseMasters reads 32 bytes as they are, or one or two lines of 32 bytes each in hex or base64.
func parseMasters(text []byte) (masters, bool) {
	if len(text) == len(masterKey{}) {
		return masters{masterKey(text)}, true
	}
	m := make(masters, 0, 2)
	for line := range bytes.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var key masterKey
		if len(m) == cap(m) || !parseMaster(line, &key) {
			m.wipe()
			return nil, false
		}
		if len(m) == 0 || m[0] != key {
			m = append(m, key)
		}
		clear(key[:])
	}
	return m, len(m) > 0
}

// parseMaster reads 64 hexadecimal digits, or base64 of 32 bytes.
func parseMaster(word []byte, key *masterKey) bool {
	b := make([]byte, len(word))
	defer clear(b)
	for _, decode := range []func(dst, src []byte) (int, error){
		hex.Decode, base64.StdEncoding.Decode, base64.RawStdEncoding.Decode, base64.URLEncoding.Decode, base64.RawURLEncoding.Decode,
	} {
		if n, err := decode(b, word); err == nil && n == len(key) {
			copy(key[:], b)
			return true
		}
	}
	return false
}

// text is how a master key file has them.
func (m masters) text() []byte {
	b := make([]byte, 0, len(m)*(hex.EncodedLen(len(masterKey{}))+1))
	for i := range m {
		b = append(hex.AppendEncode(b, m[i][:]), '\n')
	}
	return b
}

// makeMaster writes a new master key, whole or not at all: a truncated one would
// lock the stored key away.
func (k *Keyring) makeMaster() (masters, error) {
	path, _ := k.masterPath()
	m := make(masters, 1)
	if _, err := rand.Read(m[0][:]); err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	text := m.text()
	defer clear(text)
	if err := writeNew(path, text); err != nil {
		m.wipe()
		if errors.Is(err, fs.ErrExist) {
			return k.masters() // another process was quicker
		}
		return nil, fmt.Errorf("make the master key %s: %w", path, err)
	}
	crash.Point("keystore.master")
	return m, nil
}
