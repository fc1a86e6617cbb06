package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"issuetrail/internal/model"
)

const statusQuery = `SELECT ` + repoColumns + `,
	r.last_synced_at, r.next_sync_at, r.failure_code, r.failure_detail, r.failure_hint, r.failed_at,
	r.refs, r.commits, r.linked_commits, r.linked_branches, r.history_bytes,
	CASE WHEN w.id IS NULL THEN 0 ELSE 1 END,
	COALESCE(x.progress, ''), CASE WHEN x.id IS NULL THEN 0 ELSE 1 END
	FROM repo r
	LEFT JOIN job w ON w.repo_id = r.id AND w.state = 0
	LEFT JOIN job x ON x.repo_id = r.id AND x.state = 1
	WHERE r.deleted = 0 `

// RepoStatus gives one repo with what is known of its syncs, or model.ErrNotFound. Its NextSyncAt
// is what EnqueueTick compares with: a retry may come before it.
func (s *Store) RepoStatus(ctx context.Context, id int64) (st model.RepoStatus, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		st, err = scanStatus(t.row(statusQuery+`AND r.id = $1`, id))
		return err
	})
	return st, err
}

// RepoStatuses lists the repos by name, limit at a time; the cursor is "" for the first
// page, else what the page before gave. The last page gives "".
func (s *Store) RepoStatuses(ctx context.Context, limit int, cur string) (list []model.RepoStatus, next string, err error) {
	at, err := readCursor(cur, 2)
	if err != nil {
		return nil, "", err
	}
	err = s.db.page(ctx, func(t *tx) error {
		return t.each(statusQuery+`AND (r.name > $1 OR (r.name = $1 AND r.id > $2)) ORDER BY r.name, r.id LIMIT $3`,
			[]any{at.text(0), at.number(1), int64(limit) + 1}, func(rows *sql.Rows) error {
				st, err := scanStatus(rows)
				list = append(list, st)
				return err
			})
	})
	if err != nil {
		return nil, "", fmt.Errorf("list repositories: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = cursor(last.Name, last.ID)
	}
	return list, next, nil
}

func scanStatus(row scanner) (st model.RepoStatus, err error) {
	var synced, planned, failedAt int64
	var waits, runs bool
	var progress string
	var f model.Failure
	st.Repo, err = scanRepo(row, &synced, &planned, &f.Code, &f.Detail, &f.Hint, &failedAt,
		&st.Refs, &st.Commits, &st.LinkedCommits, &st.LinkedBranches, &st.HistoryBytes,
		&waits, &progress, &runs)
	if err != nil {
		return st, err
	}
	st.LastSyncedAt, st.NextSyncAt, st.FailedAt = fromMicros(synced), fromMicros(planned), fromMicros(failedAt)
	if f.Code != "" {
		st.LastFailure = &f
	}
	if runs {
		st.Progress = &model.Progress{}
		if progress != "" {
			err = json.Unmarshal([]byte(progress), st.Progress)
		}
	}
	st.State = state(st, waits, runs)
	return st, err
}

func state(st model.RepoStatus, waits, runs bool) model.RepoState {
	switch {
	case st.Suspended:
		return model.StateSuspended
	case runs:
		return model.StateSyncing
	case st.LastFailure != nil && st.LastFailure.Attention():
		return model.StateAttention
	case st.LastFailure != nil:
		return model.StateFailing
	case waits:
		return model.StateQueued
	case st.LastSyncedAt.IsZero():
		return model.StateNew
	}
	return model.StateIdle
}

// Ping writes a row, and so proves that the database takes writes.
func (s *Store) Ping(ctx context.Context) error {
	err := s.db.write(ctx, "ping", func(t *tx) error {
		_, err := t.exec(`INSERT INTO heartbeat (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, time.Now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// Stats counts repos, jobs, deliveries and links. Deliveries is the range of their ids, and Links the sum of the
// repos' counts: both tables are too big to be counted for every scrape.
func (s *Store) Stats(ctx context.Context) (st model.Stats, err error) {
	st.Repos = map[model.RepoState]int{}
	err = s.db.page(ctx, func(t *tx) error {
		err := t.each(statusQuery, nil, func(rows *sql.Rows) error {
			one, err := scanStatus(rows)
			st.Repos[one.State]++
			return err
		})
		if err != nil {
			return err
		}
		now, err := t.now()
		if err != nil {
			return err
		}
		var oldest int64
		err = t.row(`SELECT COALESCE(sum(CASE WHEN state = 0 THEN 1 ELSE 0 END), 0), COALESCE(sum(state), 0),
			COALESCE(min(CASE WHEN state = 0 AND run_at <= $1 THEN run_at END), 0) FROM job`, micros(now)).
			Scan(&st.JobsWaiting, &st.JobsRunning, &oldest)
		if err != nil {
			return err
		}
		st.OldestWaiting = fromMicros(oldest)
		return t.row(`SELECT (SELECT COALESCE(max(id), 0) - COALESCE(min(id), 1) + 1 FROM delivery),
			(SELECT COALESCE(sum(linked_commits), 0) + COALESCE(sum(linked_branches), 0) FROM repo WHERE deleted = 0)`).
			Scan(&st.Deliveries, &st.Links)
	})
	if err != nil {
		return st, fmt.Errorf("count: %w", err)
	}
	return st, nil
}

// sane makes a text of others fit for PostgreSQL: UTF-8 without NUL.
func sane(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}
