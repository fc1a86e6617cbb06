package keystore

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"issuetrail/internal/crash"
)

// masterName is the master key's file in data_dir, where the config names none.
const masterName = "master-key"

// errNoMaster says that there is no master key yet.
var errNoMaster = errors.New("there is no master key")

// masterPath is where the master key lies, and whether it is ours to make.
func (k *Keyring) masterPath() (path string, own bool) {
	if k.o.MasterKeyFile != "" {
		return k.o.MasterKeyFile, false
	}
	return filepath.Join(k.o.DataDir, masterName), true
}

// master reads the master key; errNoMaster when it is ours to make and not made yet.
func (k *Keyring) master() (*[32]byte, error) {
	path, own := k.masterPath()
	text, _, err := readPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && own:
		return nil, errNoMaster
	case err != nil:
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	defer clear(text)
	key, ok := parseMaster(text)
	if !ok {
		return nil, fmt.Errorf("master key %s: want 32 bytes, as they are, in hex or in base64; make one: openssl rand -hex 32", path)
	}
	return key, nil
}

// parseMaster reads 32 bytes: raw, 64 hexadecimal digits, or base64.
func parseMaster(text []byte) (*[32]byte, bool) {
	if len(text) == 32 {
		return (*[32]byte)(bytes.Clone(text)), true
	}
	word := string(bytes.TrimSpace(text))
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(word); err == nil && len(b) == 32 {
			return (*[32]byte)(b), true
		}
	}
	return nil, false
}

// makeMaster writes a new master key, whole or not at all: a truncated one would
// lock the stored key away.
func (k *Keyring) makeMaster() (*[32]byte, error) {
	path, _ := k.masterPath()
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	if err := writeNew(path, []byte(hex.EncodeToString(key[:])+"\n")); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return k.master() // another process was quicker
		}
		return nil, fmt.Errorf("make the master key %s: %w", path, err)
	}
	crash.Point("keystore.master")
	return &key, nil
}

// writeNew makes a file of mode 0600 that did not exist; fs.ErrExist when it does. After it
// returns, the file survives a power cut.
func writeNew(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
