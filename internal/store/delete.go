package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/model"
)

// purgeRetry is how long after a failure, such as of a full disk, the removal of rows goes on.
const purgeRetry = time.Minute

// DeleteRepo removes a repo with all that is linked to it: one transaction, after which
// the repo is gone for everybody and its addresses and its HostID are free. Its rows go after that in the
// background, in short transactions, and Open goes on where Close or a kill stopped
// that. The error is model.ErrNotFound when there is none.
func (s *Store) DeleteRepo(ctx context.Context, id int64) error {
	err := s.db.write(ctx, "delete_repo", func(t *tx) error {
		if err := t.lockNames(); err != nil {
			return err
		}
		n, err := t.exec(`UPDATE repo SET deleted = 1, address_key = 'deleted ' || CAST(id AS TEXT), host_id = '', moved_to = '' WHERE id = $1 AND deleted = 0`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return model.ErrNotFound
		}
		if _, err = t.exec(`DELETE FROM repo_alias WHERE repo_id = $1`, id); err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM job WHERE repo_id = $1`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove repository %d: %w", id, err)
	}
	select {
	case s.deletes <- struct{}{}:
	default: // the purge is told already
	}
	return nil
}

// purgeDeleted removes the rows of removed repos until ctx ends: first those that the
// run before left, then whenever DeleteRepo tells it.
func (s *Store) purgeDeleted(ctx context.Context) {
	for {
		var again <-chan time.Time
		if err := s.resumeDeletes(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errClosed) {
			s.log.Warn("rows of removed repositories are left; the next try is in a minute", zap.Error(err))
			again = time.After(purgeRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.deletes:
		case <-again:
		}
	}
}

// resumeDeletes removes the rows of repos that are marked as deleted. Several nodes may
// be at it.
func (s *Store) resumeDeletes(ctx context.Context) error {
	ids, err := s.segmentIDs(ctx, `SELECT id FROM repo WHERE deleted = 1`)
	for _, id := range ids {
		err = errors.Join(err, s.purge(ctx, id))
	}
	return err
}

func (s *Store) purge(ctx context.Context, id int64) error {
	defer s.graphs.drop(id)
	if err := s.dropSegments(ctx, nil, `SELECT id FROM segment WHERE repo_id = $1 ORDER BY id`, id); err != nil {
		return err
	}
	// The links of a pull request go with it.
	for table, key := range map[string]string{"ref": "name", "branch_link": "name", "pull_request": "number"} {
		query := fmt.Sprintf(`DELETE FROM %[1]s WHERE repo_id = $1 AND %[3]s IN (SELECT %[3]s FROM %[1]s WHERE repo_id = $1 LIMIT %[2]d)`, table, rowsAtOnce, key)
		for n := int64(1); n > 0; {
			err := s.db.bulk(ctx, "purge", func(t *tx) (err error) {
				n, err = t.exec(query, id)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return s.db.write(ctx, "purged", func(t *tx) error {
		_, err := t.exec(`DELETE FROM repo WHERE id = $1`, id)
		return err
	})
}
