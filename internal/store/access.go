package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"issuetrail/internal/model"
)

// CreateToken stores the record of a token under the SHA-256 of it. The error is
// model.ErrExists when the name is taken.
func (s *Store) CreateToken(ctx context.Context, name string, role model.Role, hash [32]byte) error {
	err := s.db.write(ctx, "create_token", func(t *tx) error {
		now, err := t.now()
		if err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO token (name, role, hash, created_at) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`, name, string(role), hash[:], micros(now))
		if err == nil && n == 0 {
			return model.ErrExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create token %q: %w", name, err)
	}
	return nil
}

const tokenColumns = `name, role, created_at, last_used_at`

func scanToken(row scanner) (k model.Token, err error) {
	var created, used int64
	err = row.Scan(&k.Name, &k.Role, &created, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return k, model.ErrNotFound
	}
	k.CreatedAt, k.LastUsedAt = fromMicros(created), fromMicros(used)
	return k, err
}

// Tokens lists all tokens by name.
func (s *Store) Tokens(ctx context.Context) (list []model.Token, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		return t.each(`SELECT `+tokenColumns+` FROM token ORDER BY name`, nil, func(rows *sql.Rows) error {
			k, err := scanToken(rows)
			list = append(list, k)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// RevokeToken removes a token, or gives model.ErrNotFound.
func (s *Store) RevokeToken(ctx context.Context, name string) error {
	err := s.db.write(ctx, "revoke_token", func(t *tx) error {
		n, err := t.exec(`DELETE FROM token WHERE name = $1`, name)
		if err == nil && n == 0 {
			return model.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke token %q: %w", name, err)
	}
	return nil
}

// TokenByHash gives the token of that SHA-256, or model.ErrNotFound, and notes
// its use, to the hour.
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (k model.Token, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		k, err = scanToken(t.row(`SELECT `+tokenColumns+` FROM token WHERE hash = $1`, hash[:]))
		return err
	})
	hour := time.Now().UTC().Truncate(time.Hour)
	if err != nil || !k.LastUsedAt.Before(hour) {
		return k, err
	}
	k.LastUsedAt = hour
	err = s.db.write(ctx, "use_token", func(t *tx) error {
		_, err := t.exec(`UPDATE token SET last_used_at = $1 WHERE name = $2`, micros(hour), k.Name)
		return err
	})
	if err != nil {
		s.log.Sugar().Warnf("note the use of token %q: %v", k.Name, err) // no reason to refuse it
	}
	return k, nil
}
