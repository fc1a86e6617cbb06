package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"issuetrail/internal/model"
)

// fence fails with model.ErrFenced unless the job is still ours, and keeps it so until
// the transaction ends.
func fence(t *tx, j model.Job) error {
	var one int
	err := t.row(`SELECT 1 FROM job j WHERE j.id = $1 AND j.node = $2 AND j.attempt = $3 AND j.state = 1`+t.sql.forUpdate,
		j.ID, j.Node, int64(j.Attempt)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return model.ErrFenced
	}
	return err
}

// Renew holds the job for another lease and notes how far it is; p may be nil. A lease of 0
// gives the job back: it waits again, for any node. The error is model.ErrFenced when the job
// was given to another.
func (s *Store) Renew(ctx context.Context, j model.Job, lease time.Duration, p *model.Progress) error {
	var progress string
	if p != nil {
		b, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("renew job %d: %w", j.ID, err)
		}
		progress = string(b)
	}
	err := s.db.write(ctx, "renew", func(t *tx) error {
		now, err := t.now()
		if err != nil {
			return err
		}
		if lease <= 0 {
			if err := fence(t, j); err != nil {
				return err
			}
			return putBack(t, j.ID, j.RepoID, now, 0)
		}
		n, err := t.exec(`UPDATE job SET lease_until = $1, progress = CASE WHEN $2 = '' THEN progress ELSE $2 END
			WHERE id = $3 AND node = $4 AND attempt = $5 AND state = 1`, micros(now.Add(lease)), progress, j.ID, j.Node, int64(j.Attempt))
		if err == nil && n == 0 {
			return model.ErrFenced
		}
		return err
	})
	if lease <= 0 || errors.Is(err, model.ErrFenced) {
		s.adding.drop(j)
	}
	if err != nil {
		return fmt.Errorf("renew job %d: %w", j.ID, err)
	}
	if lease <= 0 {
		s.db.wake()
	}
	return nil
}

// Fail ends a job that did not work and notes why. With a retryAt it waits again
// until then, or merges into the job that waits already; without, the schedule
// comes. What it added goes in the background, for that may take long.
func (s *Store) Fail(ctx context.Context, j model.Job, f *model.Failure, retryAt time.Time) error {
	defer s.adding.drop(j)
	err := s.db.write(ctx, "fail", func(t *tx) error {
		if err := fence(t, j); err != nil {
			return err
		}
		now, err := t.now()
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE repo SET failure_code = $1, failure_detail = $2, failure_hint = $3, failed_at = $4, failures = failures + 1 WHERE id = $5`,
			f.Code, sane(f.Detail), sane(f.Hint), micros(now), j.RepoID)
		if err != nil {
			return err
		}
		if retryAt.IsZero() {
			_, err = t.exec(`DELETE FROM job WHERE id = $1`, j.ID)
			return err
		}
		at, err := t.due(retryAt)
		if err != nil {
			return err
		}
		return putBack(t, j.ID, j.RepoID, at, 0)
	})
	if err != nil {
		return fmt.Errorf("note the failure of job %d: %w", j.ID, err)
	}
	s.sweepLater(j.RepoID)
	s.db.wake()
	return nil
}

// quiet is how long a delivery waits after another's sync that found nothing new, so that a
// thousand deliveries of one push cost a handful of syncs. After a sync that found
// something the next one waits for nothing.
const quiet = 200 * time.Millisecond

// Finish ends a job that found nothing new. One that did not fetch, because it only made
// links anew, says nothing of the server: it leaves the last failure and sync time.
func (s *Store) Finish(ctx context.Context, j model.Job) error {
	defer s.adding.drop(j)
	err := s.db.write(ctx, "finish", func(t *tx) error {
		if err := fence(t, j); err != nil {
			return err
		}
		if !j.Fetch {
			_, err := t.exec(`DELETE FROM job WHERE id = $1`, j.ID)
			return err
		}
		if j.Priority != model.PriorityWebhook {
			return endJob(t, j, "")
		}
		now, err := t.now()
		if err != nil {
			return err
		}
		return endJob(t, j, `, quiet_until = $3`, micros(now.Add(quiet)))
	})
	if err != nil {
		return fmt.Errorf("finish job %d: %w", j.ID, err)
	}
	s.db.wake()
	return nil
}

// endJob removes the job and notes that the sync worked; set holds further
// assignments of the repo.
func endJob(t *tx, j model.Job, set string, args ...any) error {
	now, err := t.now()
	if err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM job WHERE id = $1`, j.ID); err != nil {
		return err
	}
	if set != "" {
		set = ", " + strings.TrimPrefix(set, ", ")
	}
	_, err = t.exec(`UPDATE repo SET last_synced_at = $1, failure_code = '', failure_detail = '', failure_hint = '', failed_at = 0, failures = 0`+
		set+` WHERE id = $2`, append([]any{micros(now), j.RepoID}, args...)...)
	return err
}
