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

// Claim takes the best job that is due: by priority, then by time, with regard to
// the limit of its SSH host. Jobs whose lease ran out wait again first. What an
// earlier attempt left behind is swept before Claim returns. The error is
// model.ErrNotFound when nothing is due.
func (s *Store) Claim(ctx context.Context, o model.ClaimOptions) (c model.Claimed, err error) {
	var leftover bool
	err = s.db.write(ctx, "claim", func(t *tx) error {
		c, leftover, err = claim(t, o)
		return err
	})
	if err != nil {
		if errors.Is(err, model.ErrNotFound) {
			return c, model.ErrNotFound
		}
		return c, fmt.Errorf("claim a job: %w", err)
	}
	if leftover {
		if err := s.sweep(ctx, c.Job); err != nil {
			return c, fmt.Errorf("sweep what an earlier sync of %s left: %w", c.Repo.Name, err)
		}
	}
	return c, nil
}

func claim(t *tx, o model.ClaimOptions) (c model.Claimed, leftover bool, err error) {
	if t.sql.lockClaims != "" {
		if _, err := t.exec(t.sql.lockClaims); err != nil {
			return c, false, err
		}
	}
	now, err := t.now()
	if err != nil {
		return c, false, err
	}
	if _, err := releaseJobs(t, `j.state = 1 AND j.lease_until <= $1`, micros(now)); err != nil {
		return c, false, err
	}
	if c.ID, err = dueJob(t, o, now); err != nil {
		return c, false, err
	}
	c.Node, c.LeaseUntil = o.Node, now.Add(o.Lease)
	_, err = t.exec(`UPDATE job SET state = 1, attempt = attempt + 1, node = $1, lease_until = $2, progress = '' WHERE id = $3`,
		o.Node, micros(c.LeaseUntil), c.ID)
	if err != nil {
		return c, false, err
	}
	if err := loadClaimed(t, &c); err != nil {
		return c, false, err
	}
	err = t.row(`SELECT EXISTS (SELECT 1 FROM segment WHERE repo_id = $1 AND done = 0)`, c.RepoID).Scan(&leftover)
	return c, leftover, err
}

func dueJob(t *tx, o model.ClaimOptions, now time.Time) (id int64, err error) {
	args := []any{micros(now), int64(o.PerHost)}
	skip := ""
	for _, hostport := range o.Skip {
		args = append(args, hostport)
		skip += fmt.Sprintf(" AND r.server <> $%d", len(args))
	}
	err = t.row(`SELECT j.id FROM job j JOIN repo r ON r.id = j.repo_id
		WHERE j.state = 0 AND j.run_at <= $1
		AND NOT EXISTS (SELECT 1 FROM job x WHERE x.repo_id = j.repo_id AND x.state = 1)
		AND (CAST($2 AS BIGINT) = 0 OR (SELECT count(*) FROM job x JOIN repo y ON y.id = x.repo_id WHERE x.state = 1 AND y.server = r.server) < $2)`+skip+`
		ORDER BY j.priority, j.run_at, j.id LIMIT 1`+t.sql.skipLocked, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, model.ErrNotFound
	}
	return id, err
}

func loadClaimed(t *tx, c *model.Claimed) error {
	var digest []byte
	var runAt, created int64
	repo, err := scanRepo(t.row(`SELECT `+repoColumns+`, j.repo_id, j.priority, j.fetches, j.attempt, j.run_at, j.created_at,
		r.digest, r.rules, r.failures, r.indexed FROM job j JOIN repo r ON r.id = j.repo_id WHERE j.id = $1`, c.ID),
		&c.RepoID, &c.Priority, &c.Fetch, &c.Attempt, &runAt, &created, &digest, &c.Rules, &c.Failures, &c.Indexed)
	c.Repo = repo
	c.RunAt, c.CreatedAt = fromMicros(runAt), fromMicros(created)
	copy(c.Digest[:], digest)
	return err
}

// releaseJobs makes running jobs wait again, at once. One that meets a waiting
// job of its repo merges into it.
func releaseJobs(t *tx, which string, args ...any) (n int, err error) {
	type held struct{ id, repo, priority, fetch, attempt int64 }
	var jobs []held
	err = t.each(`SELECT j.id, j.repo_id, j.priority, j.fetches, j.attempt FROM job j WHERE `+which+t.sql.skipLocked, args, func(rows *sql.Rows) error {
		var h held
		err := rows.Scan(&h.id, &h.repo, &h.priority, &h.fetch, &h.attempt)
		jobs = append(jobs, h)
		return err
	})
	for _, h := range jobs {
		if err != nil {
			break
		}
		var now time.Time
		if now, err = t.now(); err == nil {
			err = putBack(t, h.id, h.repo, now)
		}
	}
	return len(jobs), err
}

// putBack makes the running job wait until runAt, or merges it into the one that waits.
func putBack(t *tx, id, repoID int64, runAt time.Time) error {
	n, err := t.exec(`UPDATE job SET
		priority = CASE WHEN o.priority < job.priority THEN o.priority ELSE job.priority END,
		run_at = CASE WHEN $2 < job.run_at THEN $2 ELSE job.run_at END,
		fetches = CASE WHEN o.fetches > job.fetches THEN o.fetches ELSE job.fetches END,
		attempt = CASE WHEN o.attempt > job.attempt THEN o.attempt ELSE job.attempt END
		FROM job o WHERE o.id = $1 AND job.repo_id = $3 AND job.state = 0`, id, micros(runAt), repoID)
	if err != nil {
		return err
	}
	if n > 0 {
		_, err = t.exec(`DELETE FROM job WHERE id = $1`, id)
		return err
	}
	_, err = t.exec(`UPDATE job SET state = 0, node = '', lease_until = 0, run_at = $2, progress = '' WHERE id = $1`, id, micros(runAt))
	return err
}

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

// Renew holds the job for another lease and notes how far it is; p may be nil. The
// error is model.ErrFenced when the job was given to another.
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
		n, err := t.exec(`UPDATE job SET lease_until = $1, progress = CASE WHEN $2 = '' THEN progress ELSE $2 END
			WHERE id = $3 AND node = $4 AND attempt = $5 AND state = 1`, micros(now.Add(lease)), progress, j.ID, j.Node, int64(j.Attempt))
		if err == nil && n == 0 {
			return model.ErrFenced
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("renew job %d: %w", j.ID, err)
	}
	return nil
}

// Fail ends a job that did not work and notes why. With a retryAt it waits again
// until then, or merges into the job that waits already; without, the schedule
// comes. What it added is swept.
func (s *Store) Fail(ctx context.Context, j model.Job, f *model.Failure, retryAt time.Time) error {
	defer s.adding.drop(j)
	if err := s.sweep(ctx, j); err != nil && !errors.Is(err, model.ErrFenced) {
		s.log.Sugar().Warnf("sweep job %d: %v; its next claim does it", j.ID, err)
	}
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
		return putBack(t, j.ID, j.RepoID, retryAt)
	})
	if err != nil {
		return fmt.Errorf("note the failure of job %d: %w", j.ID, err)
	}
	s.db.wake()
	return nil
}

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
		return endJob(t, j, "")
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
