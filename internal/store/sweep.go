package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"issuetrail/internal/model"
)

// rowsAtOnce is how many small rows one statement removes.
const rowsAtOnce = 200

// sweep removes the segments of the job's repo that are not done, with their links:
// what this job, or an attempt before it, added in vain.
func (s *Store) sweep(ctx context.Context, j model.Job) error {
	return s.dropSegments(ctx, &j, `SELECT id FROM segment WHERE repo_id = $1 AND done = 0 ORDER BY id`, j.RepoID)
}

func (s *Store) dropSegments(ctx context.Context, j *model.Job, query string, repoID int64) error {
	ids, err := s.segmentIDs(ctx, query, repoID)
	for _, id := range ids {
		if err != nil {
			break
		}
		err = s.dropSegment(ctx, j, repoID, id)
	}
	return err
}

func (s *Store) dropSegment(ctx context.Context, j *model.Job, repoID, id int64) error {
	x, err := s.readIndex(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // another node removed it just now
	}
	if err != nil {
		return err
	}
	err = s.inSlices(ctx, "drop_links", j, 0, len(x.linked), func(t *tx, i int) (int, error) {
		pos := x.linked[i]
		_, err := t.exec(`DELETE FROM link WHERE repo_id = $1 AND committed_at = $2 AND segment_id = $3 AND pos = $4`,
			repoID, x.time(pos), id, int64(pos))
		return i + 1, err
	})
	if err != nil {
		return err
	}
	return s.db.bulk(ctx, "drop_segment", func(t *tx) error {
		if j != nil {
			if err := fence(t, *j); err != nil {
				return err
			}
		}
		for _, query := range []string{
			`DELETE FROM segment_block WHERE segment_id = $1`,
			`DELETE FROM segment_index WHERE segment_id = $1`,
			`DELETE FROM segment WHERE id = $1`,
		} {
			if _, err := t.exec(query, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ResetHistory drops the history, refs and links of a repo, so that the next sync
// is a first one. Once it has begun nothing of the old history is seen, even after
// a kill: the next claim sweeps the rest.
func (s *Store) ResetHistory(ctx context.Context, j model.Job) error {
	s.adding.drop(j)
	err := s.db.write(ctx, "reset", func(t *tx) error {
		if err := fence(t, j); err != nil {
			return err
		}
		for _, query := range []string{
			`UPDATE segment SET done = 0, job_id = 0 WHERE repo_id = $1`,
			`DELETE FROM ref WHERE repo_id = $1`,
			`DELETE FROM branch_link WHERE repo_id = $1`,
			`UPDATE repo SET version = version + 1, epoch = epoch + 1, indexed = 0, digest = NULL, refs = 0, commits = 0, linked_commits = 0,
				linked_branches = 0, history_bytes = 0, unreached = 0, stale_reach = 0 WHERE id = $1`,
		} {
			if _, err := t.exec(query, j.RepoID); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.graphs.drop(j.RepoID)
		err = s.sweep(ctx, j)
	}
	if err != nil {
		return fmt.Errorf("drop the history of repository %d: %w", j.RepoID, err)
	}
	return nil
}

// DeleteRepo removes a repo with all that is linked to it. From its first transaction on
// the repo is gone for everybody; its rows go in short ones after that, and Open goes on where
// a kill stopped it. The error is model.ErrNotFound when there is none.
func (s *Store) DeleteRepo(ctx context.Context, id int64) error {
	err := s.db.write(ctx, "delete_repo", func(t *tx) error {
		n, err := t.exec(`UPDATE repo SET deleted = 1, address_key = 'deleted ' || CAST(id AS TEXT) WHERE id = $1 AND deleted = 0`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return model.ErrNotFound
		}
		_, err = t.exec(`DELETE FROM job WHERE repo_id = $1`, id)
		return err
	})
	if err == nil {
		err = s.purge(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("remove repository %d: %w", id, err)
	}
	return nil
}

func (s *Store) purge(ctx context.Context, id int64) error {
	defer s.graphs.drop(id)
	if err := s.dropSegments(ctx, nil, `SELECT id FROM segment WHERE repo_id = $1 ORDER BY id`, id); err != nil {
		return err
	}
	for _, table := range []string{"ref", "branch_link"} {
		query := fmt.Sprintf(`DELETE FROM %[1]s WHERE repo_id = $1 AND name IN (SELECT name FROM %[1]s WHERE repo_id = $1 LIMIT %[2]d)`, table, rowsAtOnce)
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

// resumeDeletes removes the rest of repos whose removal was cut short. Several nodes
// may be at it.
func (s *Store) resumeDeletes(ctx context.Context) {
	ids, err := s.segmentIDs(ctx, `SELECT id FROM repo WHERE deleted = 1`)
	for _, id := range ids {
		err = errors.Join(err, s.purge(ctx, id))
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errClosed) {
		s.log.Warn("rows of removed repositories are left; the next start goes on", zap.Error(err))
	}
}
