package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"issuetrail/internal/model"
)

// KeyChecks lists by repo what servers said to the key of this fingerprint, "SHA256:…": for each
// repo where it was tried what they said last.
func (s *Store) KeyChecks(ctx context.Context, fingerprint string) (list []model.KeyCheck, err error) {
	err = s.db.page(ctx, func(t *tx) error {
		list = nil
		return t.each(`SELECT c.repo_id, c.fingerprint, c.accepted, c.code, c.detail, c.checked_at
			FROM key_check c JOIN repo r ON r.id = c.repo_id
			WHERE c.fingerprint = $1 AND r.deleted = 0 ORDER BY c.repo_id`, []any{fingerprint}, func(rows *sql.Rows) error {
			var k model.KeyCheck
			var accepted, at int64
			err := rows.Scan(&k.RepoID, &k.Fingerprint, &accepted, &k.Code, &k.Detail, &at)
			k.OK, k.CheckedAt = accepted != 0, fromMicros(at)
			list = append(list, k)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list the checks of key %s: %w", fingerprint, err)
	}
	return list, nil
}

// PutKeyChecks notes what servers said, in place of what is noted from before. One of a repo
// that is removed, or older than what is noted, is passed over.
func (s *Store) PutKeyChecks(ctx context.Context, checks []model.KeyCheck) error {
	checks = slices.Clone(checks)
	slices.SortStableFunc(checks, func(a, b model.KeyCheck) int { // the same order on all nodes: no deadlock
		return cmp.Or(cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.RepoID, b.RepoID))
	})
	err := s.db.write(ctx, "put_key_checks", func(t *tx) error {
		for _, k := range checks {
			_, err := t.exec(`INSERT INTO key_check (fingerprint, repo_id, accepted, code, detail, checked_at)
				SELECT $1, id, $2, $3, $4, $5 FROM repo WHERE id = $6 AND deleted = 0
				ON CONFLICT (fingerprint, repo_id) DO UPDATE SET accepted = excluded.accepted, code = excluded.code,
				detail = excluded.detail, checked_at = excluded.checked_at WHERE excluded.checked_at >= key_check.checked_at`,
				k.Fingerprint, flag(k.OK), k.Code, k.Detail, micros(k.CheckedAt), k.RepoID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the checks of a key: %w", err)
	}
	return nil
}

// DropKeyChecks forgets what servers said to the key of this fingerprint. For a managed key
// ChangeKeys does it.
func (s *Store) DropKeyChecks(ctx context.Context, fingerprint string) error {
	err := s.db.write(ctx, "drop_key_checks", func(t *tx) error {
		_, err := t.exec(`DELETE FROM key_check WHERE fingerprint = $1`, fingerprint)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget the checks of key %s: %w", fingerprint, err)
	}
	return nil
}
