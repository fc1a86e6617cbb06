package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"issuetrail/internal/model"
)

// A job whose daemon died deadly times in a row may be what kills it, by its size for one. It then
// waits before it runs again, longer after each death, so that others get their turn.
const (
	deadly    = 3
	deathWait = 30 * time.Second
	deathMost = 15 * time.Minute
)

// Claim takes the best job that is due: by priority, then by time, with regard to
// the limit of its SSH host, if it fetches. Jobs whose lease ran out wait again first. What an
// earlier attempt left behind goes in the background. The error is
// model.ErrNotFound when nothing is due.
func (s *Store) Claim(ctx context.Context, o model.ClaimOptions) (c model.Claimed, err error) {
	var rest bool
	err = s.db.write(ctx, "claim", func(t *tx) (err error) {
		c, rest, err = claim(t, o)
		return err
	})
	if err != nil {
		return c, fmt.Errorf("claim a job: %w", err)
	}
	if c.ID == 0 {
		return c, model.ErrNotFound
	}
	s.adding.dropRepo(c.RepoID)
	if rest {
		s.sweepLater(c.RepoID)
	}
	return c, nil
}

// claim says also whether segments of an earlier attempt are left. Without a job, id 0, it is
// no error, for what it released must stay so.
func claim(t *tx, o model.ClaimOptions) (c model.Claimed, rest bool, err error) {
	if t.sql.lockClaims != "" {
		if _, err := t.exec(t.sql.lockClaims); err != nil {
			return c, false, err
		}
	}
	now, err := t.now()
	if err != nil {
		return c, false, err
	}
	if err := releaseJobs(t, `j.state = 1 AND j.lease_until <= $1`, micros(now)); err != nil {
		return c, false, err
	}
	if c.ID, err = dueJob(t, o, now); err != nil || c.ID == 0 {
		return c, false, err
	}
	c.Node, c.LeaseUntil = o.Node, now.Add(o.Lease)
	_, err = t.exec(`UPDATE job SET state = 1, attempt = attempt + 1, node = $1, lease_until = $2, progress = '',
		moved_to = (SELECT r.moved_to FROM repo r WHERE r.id = job.repo_id) WHERE id = $3`,
		o.Node, micros(c.LeaseUntil), c.ID)
	if err != nil {
		return c, false, err
	}
	if err := loadClaimed(t, &c); err != nil {
		return c, false, err
	}
	err = t.row(`SELECT EXISTS (SELECT 1 FROM segment WHERE repo_id = $1 AND done = 0)`, c.RepoID).Scan(&rest)
	return c, rest, err
}

// dueJob finds the job to claim, 0 if there is none. Servers hold back only jobs that talk to them.
func dueJob(t *tx, o model.ClaimOptions, now time.Time) (id int64, err error) {
	closed, err := fullServers(t, o.PerHost)
	if err != nil {
		return 0, err
	}
	closed = append(closed, o.Skip...)
	args, open := []any{micros(now)}, ""
	if len(closed) > 0 {
		marks := make([]string, len(closed))
		for i, server := range closed {
			args = append(args, server)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		open = ` AND (j.fetches = 0 OR r.server NOT IN (` + strings.Join(marks, ",") + `))`
	}
	err = t.row(`SELECT j.id FROM job j JOIN repo r ON r.id = j.repo_id
		WHERE j.state = 0 AND j.run_at <= $1 AND r.suspended = 0`+open+`
		AND NOT EXISTS (SELECT 1 FROM job x WHERE x.repo_id = j.repo_id AND x.state = 1)
		ORDER BY j.priority, j.run_at, j.id LIMIT 1`+t.sql.skipLocked, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// fullServers gives the servers that as many running jobs talk to as may; 0 = any number.
func fullServers(t *tx, most int) (full []string, err error) {
	if most == 0 {
		return nil, nil
	}
	err = t.each(`SELECT r.server FROM job j JOIN repo r ON r.id = j.repo_id WHERE j.state = 1 AND j.fetches = 1
		GROUP BY r.server HAVING count(*) >= $1`, []any{int64(most)}, func(rows *sql.Rows) error {
		var server string
		err := rows.Scan(&server)
		full = append(full, server)
		return err
	})
	slices.Sort(full)
	return full, err
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

// releaseJobs makes the running jobs of nodes that died wait again. One that meets a waiting
// job of its repo merges into it.
func releaseJobs(t *tx, which string, args ...any) error {
	type held struct{ id, repo, deaths int64 }
	var jobs []held
	err := t.each(`SELECT j.id, j.repo_id, j.deaths FROM job j WHERE `+which+` ORDER BY j.id`+t.sql.skipLocked, args, func(rows *sql.Rows) error {
		var h held
		err := rows.Scan(&h.id, &h.repo, &h.deaths)
		jobs = append(jobs, h)
		return err
	})
	if err != nil || len(jobs) == 0 {
		return err
	}
	now, err := t.now()
	for _, h := range jobs {
		if err != nil {
			break
		}
		err = putBack(t, h.id, h.repo, now.Add(afterDeath(h.deaths+1)), h.deaths+1)
	}
	return err
}

// afterDeath is how long a job waits whose daemon died that many times in a row.
func afterDeath(deaths int64) time.Duration {
	if deaths < deadly {
		return 0
	}
	return min(deathMost, deathWait<<min(deaths-deadly, 10))
}

// putBack makes the running job wait until runAt, or merges it into the one that waits. That of
// a repo that was suspended meanwhile is dropped.
func putBack(t *tx, id, repoID int64, runAt time.Time, deaths int64) error {
	n, err := t.exec(`DELETE FROM job WHERE id = $1 AND EXISTS (SELECT 1 FROM repo WHERE id = $2 AND (suspended = 1 OR deleted = 1))`, id, repoID)
	if err != nil || n > 0 {
		return err
	}
	n, err = t.exec(`UPDATE job SET
		priority = CASE WHEN o.priority < job.priority THEN o.priority ELSE job.priority END,
		run_at = CASE WHEN $2 < job.run_at OR `+held(`$4`, `job.priority`)+` THEN $2 ELSE job.run_at END,
		fetches = CASE WHEN o.fetches > job.fetches THEN o.fetches ELSE job.fetches END,
		attempt = CASE WHEN o.attempt > job.attempt THEN o.attempt ELSE job.attempt END,
		deaths = $4
		FROM job o WHERE o.id = $1 AND job.repo_id = $3 AND job.state = 0`, id, micros(runAt), repoID, deaths)
	if err != nil {
		return err
	}
	if n > 0 {
		_, err = t.exec(`DELETE FROM job WHERE id = $1`, id)
		return err
	}
	_, err = t.exec(`UPDATE job SET state = 0, node = '', lease_until = 0, run_at = $2, progress = '', deaths = $3 WHERE id = $1`,
		id, micros(runAt), deaths)
	return err
}

// held is a condition: after that many deaths a request of that priority does not shorten the
// wait. Pushes and people do.
func held(deaths, priority string) string {
	return fmt.Sprintf(`(CAST(%s AS BIGINT) >= %d AND %s > %d)`, deaths, deadly, priority, model.PriorityManual)
}
