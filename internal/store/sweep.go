package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
