package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"issuetrail/internal/model"
)

// Enqueue makes sure that a job of the repo waits: a new one, or the one that waits
// already, which then gets the better priority, the earlier time and, if
// either asked for it, the fetch. RunAt is by this node's clock. A suspended or unknown repo
// gets none.
func (s *Store) Enqueue(ctx context.Context, r model.Request) error {
	err := s.db.write(ctx, "enqueue", func(t *tx) error {
		at, err := t.due(r.RunAt)
		if err != nil {
			return err
		}
		return enqueue(t, model.Request{RepoID: r.RepoID, Priority: r.Priority, Fetch: r.Fetch, RunAt: at})
	})
	if err != nil {
		return fmt.Errorf("queue repository %d: %w", r.RepoID, err)
	}
	s.db.wake()
	return nil
}

// webhookPriority is model.PriorityWebhook as SQL.
var webhookPriority = strconv.Itoa(int(model.PriorityWebhook))

// enqueue is Enqueue with a time of the database's clock.
func enqueue(t *tx, r model.Request) error {
	now, err := t.now()
	if err != nil {
		return err
	}
	if r.RunAt.IsZero() {
		r.RunAt = now
	}
	_, err = t.exec(enqueueOne, r.RepoID, int64(r.Priority), flag(r.Fetch), micros(r.RunAt), micros(now))
	return err
}

// enqueueHost queues a sync of every repo of a hosts entry, as a delivery does.
func enqueueHost(t *tx, host string) error {
	now, err := t.now()
	if err != nil {
		return err
	}
	_, err = t.exec(enqueueOfHost, host, int64(model.PriorityWebhook), flag(true), micros(now), micros(now))
	return err
}

var (
	enqueueOne    = enqueueWhere(`r.id = $1`)
	enqueueOfHost = enqueueWhere(`r.host = $1`)
)

func enqueueWhere(which string) string {
	return `INSERT INTO job (repo_id, priority, fetches, run_at, created_at)
		SELECT r.id, CAST($2 AS BIGINT), CAST($3 AS BIGINT),
			CASE WHEN r.quiet_until > CAST($4 AS BIGINT) AND CAST($2 AS BIGINT) = ` + webhookPriority + ` THEN r.quiet_until ELSE CAST($4 AS BIGINT) END,
			CAST($5 AS BIGINT) FROM repo r WHERE ` + which + ` AND r.suspended = 0 AND r.deleted = 0 ORDER BY r.id
		ON CONFLICT (repo_id) WHERE state = 0 DO UPDATE SET
			priority = CASE WHEN excluded.priority < job.priority THEN excluded.priority ELSE job.priority END,
			run_at = CASE WHEN excluded.run_at < job.run_at AND NOT ` + held(`job.deaths`, `excluded.priority`) + ` THEN excluded.run_at ELSE job.run_at END,
			fetches = CASE WHEN excluded.fetches > job.fetches THEN excluded.fetches ELSE job.fetches END`
}

// EnqueueTick queues the repo's scheduled sync if its next tick is still expect, and
// sets the one after. Of several nodes that try it, one wins.
func (s *Store) EnqueueTick(ctx context.Context, repoID int64, expect, next time.Time) (won bool, err error) {
	err = s.db.write(ctx, "tick", func(t *tx) error {
		won = false
		n, err := t.exec(`UPDATE repo SET next_sync_at = $1 WHERE id = $2 AND next_sync_at = $3 AND suspended = 0 AND deleted = 0`,
			micros(next), repoID, micros(expect))
		if err != nil || n == 0 {
			return err
		}
		won = true
		return enqueue(t, model.Request{RepoID: repoID, Priority: model.PrioritySchedule, Fetch: true})
	})
	if err != nil {
		return false, fmt.Errorf("queue the scheduled sync of repository %d: %w", repoID, err)
	}
	if won {
		s.db.wake()
	}
	return won, nil
}

// PlanTick sets the repo's next tick, as after a change of its schedule.
func (s *Store) PlanTick(ctx context.Context, repoID int64, next time.Time) error {
	err := s.db.write(ctx, "plan", func(t *tx) error {
		_, err := t.exec(`UPDATE repo SET next_sync_at = $1 WHERE id = $2`, micros(next), repoID)
		return err
	})
	if err != nil {
		return fmt.Errorf("plan the next sync of repository %d: %w", repoID, err)
	}
	return nil
}

// EnqueueAll queues every repo that is not suspended, spread evenly from now on.
func (s *Store) EnqueueAll(ctx context.Context, p model.Priority, fetch bool, spread time.Duration) error {
	err := s.db.write(ctx, "enqueue_all", func(t *tx) error {
		now, err := t.now()
		if err != nil {
			return err
		}
		var ids []int64
		err = t.each(`SELECT id FROM repo WHERE suspended = 0 AND deleted = 0 ORDER BY id`, nil, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		for i, id := range ids {
			if err != nil {
				break
			}
			at := now.Add(spread * time.Duration(i) / time.Duration(len(ids)))
			err = enqueue(t, model.Request{RepoID: id, Priority: p, Fetch: fetch, RunAt: at})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("queue all repositories: %w", err)
	}
	s.db.wake()
	return nil
}

// NextRunAt is when, by this node's clock, the next job may become due: the earliest time of
// a waiting one whose repo has none running, or the end of a lease; zero when there is none.
// It may lie in the past while a limit holds the job back: then wait for Wake.
func (s *Store) NextRunAt(ctx context.Context) (at time.Time, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		var us int64
		err := t.row(`SELECT COALESCE(min(CASE WHEN j.state = 1 THEN j.lease_until ELSE j.run_at END), 0) FROM job j JOIN repo r ON r.id = j.repo_id
			WHERE j.state = 1 OR (r.suspended = 0 AND NOT EXISTS (SELECT 1 FROM job x WHERE x.repo_id = j.repo_id AND x.state = 1))`).Scan(&us)
		at = fromMicros(us)
		if err != nil || t.clock != nil || at.IsZero() {
			return err
		}
		now, err := t.now()
		at = time.Now().Add(at.Sub(now))
		return err
	})
	return at, err
}

// freeLeases makes the jobs of a dead process wait again.
func (s *Store) freeLeases(ctx context.Context) error {
	return s.db.write(ctx, "free_leases", func(t *tx) error {
		return releaseJobs(t, `j.state = 1`)
	})
}
