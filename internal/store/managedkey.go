package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// Keys lists the sealed managed keys by role: at most one of each, maybe none.
func (s *Store) Keys(ctx context.Context) (list []model.SealedKey, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		list, err = t.keys()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the managed keys: %w", err)
	}
	return list, nil
}

// ChangeKeys hands the managed keys to change and stores what it gives in their place, all of it or
// nothing; no other change, on any node, comes in between. change may be called more than once,
// must not keep what an earlier call found, and must not ask the store. An error of change is
// given as it is. A key that comes or goes has no checks after that.
func (s *Store) ChangeKeys(ctx context.Context, change func([]model.SealedKey) ([]model.SealedKey, error)) error {
	var refused error
	err := s.db.write(ctx, "change_keys", func(t *tx) error {
		refused = nil
		if t.sql.lockKeys != "" {
			if _, err := t.exec(t.sql.lockKeys); err != nil {
				return err
			}
		}
		old, err := t.keys()
		if err != nil {
			return err
		}
		list, err := change(slices.Clone(old))
		if err != nil {
			refused = err
			return err
		}
		return t.replaceKeys(old, list)
	})
	switch {
	case err == nil:
		return nil
	case refused != nil:
		return refused
	}
	return fmt.Errorf("store the managed keys: %w", err)
}

func (t *tx) keys() (list []model.SealedKey, err error) {
	err = t.each(`SELECT role, cipher, public_key, installed_at FROM managed_key ORDER BY role`, nil, func(rows *sql.Rows) error {
		var k model.SealedKey
		var at int64
		err := rows.Scan(&k.Role, &k.Cipher, &k.PublicKey, &at)
		k.InstalledAt = fromMicros(at)
		list = append(list, k)
		return err
	})
	return list, err
}

func (t *tx) replaceKeys(old, list []model.SealedKey) error {
	for _, k := range old {
		if slices.ContainsFunc(list, func(n model.SealedKey) bool { return n.Role == k.Role }) {
			continue
		}
		if _, err := t.exec(`DELETE FROM managed_key WHERE role = $1`, string(k.Role)); err != nil {
			return err
		}
	}
	for _, k := range list {
		if slices.ContainsFunc(old, func(o model.SealedKey) bool { return sameKey(o, k) }) {
			continue
		}
		_, err := t.exec(`INSERT INTO managed_key (role, cipher, public_key, installed_at) VALUES ($1,$2,$3,$4)
			ON CONFLICT (role) DO UPDATE SET cipher = excluded.cipher, public_key = excluded.public_key, installed_at = excluded.installed_at`,
			string(k.Role), k.Cipher, k.PublicKey, micros(k.InstalledAt))
		if err != nil {
			return err
		}
	}
	for _, k := range slices.Concat(without(old, list), without(list, old)) {
		if _, err := t.exec(`DELETE FROM key_check WHERE fingerprint = $1`, fingerprint(k.PublicKey)); err != nil {
			return err
		}
	}
	return nil
}

// without gives those of list whose key is not among others.
func without(list, others []model.SealedKey) (left []model.SealedKey) {
	for _, k := range list {
		if !slices.ContainsFunc(others, func(o model.SealedKey) bool { return o.PublicKey == k.PublicKey }) {
			left = append(left, k)
		}
	}
	return left
}

func sameKey(a, b model.SealedKey) bool {
	return a.Role == b.Role && bytes.Equal(a.Cipher, b.Cipher) && a.PublicKey == b.PublicKey && micros(a.InstalledAt) == micros(b.InstalledAt)
}

// fingerprint is that of the key of an authorized_keys line as ssh-keygen -lf writes it:
// "SHA256:" and the base64 of the hash of the key. A line that is none has "".
func fingerprint(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return ""
	}
	key, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(key)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
