package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"issuetrail/internal/model"
)

// An activity is a row of one of the two streams that the issue list is made of.
type activity struct {
	key model.IssueKey
	at  int64
}

// newer orders activities as the list has them: newest first, then by key.
func (a activity) newer(b activity) bool { return a.at > b.at || a.at == b.at && a.key < b.key }

// streamPage is how many rows of a stream are read at once.
const streamPage = 512

// Issues lists the issues that have links and whose keys begin with prefix, the one
// with the newest commit or branch first.
func (s *Store) Issues(ctx context.Context, prefix string, limit int, cur string) (out []model.IssueSummary, next string, err error) {
	at, err := readCursor(cur, 2)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 {
		limit = defaultPage
	}
	err = s.db.page(ctx, func(t *tx) error {
		var found []activity
		// A prefix that goes into the number is rare in the streams, and its keys are few.
		if _, number, _ := strings.Cut(prefix, "-"); number != "" {
			found, err = issuesByKey(t, prefix, at, limit+1)
		} else {
			found, err = issuesByTime(t, prefix, at, limit+1)
		}
		if err != nil {
			return err
		}
		if len(found) > limit {
			found = found[:limit]
			next = cursor(found[limit-1].at, string(found[limit-1].key))
		}
		for _, a := range found {
			sum := model.IssueSummary{Key: a.key, ActivityAt: fromMicros(a.at)}
			err := t.row(`SELECT (SELECT count(*) `+visibleLinks+` AND l.issue_key = $1), (SELECT count(*) `+visibleBranches+` AND b.issue_key = $1)`, string(a.key)).
				Scan(&sum.Commits, &sum.Branches)
			if err != nil {
				return err
			}
			out = append(out, sum)
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list issues: %w", err)
	}
	return out, next, nil
}

const (
	visibleLinks    = doneLinks + ` WHERE l.gone = 0`
	visibleBranches = `FROM branch_link b JOIN repo r ON r.id = b.repo_id AND r.deleted = 0 WHERE 1 = 1`
)

// after is the end of the range of keys that begin with prefix. No key holds a "~".
func after(prefix string) string { return prefix + "~" }

func issuesByKey(t *tx, prefix string, from place, limit int) (out []activity, err error) {
	top := from.number(0)
	if from == nil {
		top = 1<<63 - 1
	}
	err = t.each(`SELECT issue_key, max(at) FROM (
			SELECT l.issue_key, l.committed_at AS at `+visibleLinks+` AND l.issue_key >= $1 AND l.issue_key < $2
			UNION ALL SELECT b.issue_key, b.created_at AS at `+visibleBranches+` AND b.issue_key >= $1 AND b.issue_key < $2) x
		GROUP BY issue_key HAVING max(at) < $3 OR (max(at) = $3 AND issue_key > $4) ORDER BY 2 DESC, 1 LIMIT $5`,
		[]any{prefix, after(prefix), top, from.text(1), int64(limit)}, func(rows *sql.Rows) error {
			var a activity
			err := rows.Scan(&a.key, &a.at)
			out = append(out, a)
			return err
		})
	return out, err
}

// issuesByTime walks the links and the branches from the newest on. A key counts where
// it comes first; one that has something newer than the page's start was on a page before.
func issuesByTime(t *tx, prefix string, from place, limit int) (out []activity, err error) {
	start := activity{model.IssueKey(from.text(1)), from.number(0)}
	if from == nil {
		start.at = 1<<63 - 1
	}
	links := &stream{t: t, prefix: prefix, last: start, same: sameTimeLinks, older: olderLinks}
	branches := &stream{t: t, prefix: prefix, last: start, same: sameTimeBranches, older: olderBranches}
	seen := map[model.IssueKey]bool{}
	for len(out) < limit {
		a, more, err := newest(links, branches)
		if err != nil || !more {
			return out, err
		}
		if seen[a.key] {
			continue
		}
		seen[a.key] = true
		if from != nil {
			had, err := activeAfter(t, a)
			if err != nil {
				return nil, err
			}
			if had {
				continue
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// activeAfter says whether the key has a link or branch newer than a.
func activeAfter(t *tx, a activity) (had bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 `+visibleLinks+` AND l.issue_key = $1 AND l.committed_at > $2)
		OR EXISTS (SELECT 1 `+visibleBranches+` AND b.issue_key = $1 AND b.created_at > $2)`, string(a.key), a.at).Scan(&had)
	return had, err
}

// A stream reads activities, newest first, a page at a time. In imported history many
// have the same time; those after a key of that time are found by the index.
type stream struct {
	t           *tx
	prefix      string
	same, older string   // queries: of the time of last and keys after its key; of times before it
	last        activity // that was read
	rows        []activity
	ended       bool
}

// "|| ”" keeps the engines from reading all keys of the prefix and sorting them by time.
const (
	sameTimeLinks = `SELECT l.issue_key, l.committed_at ` + visibleLinks +
		` AND l.committed_at = $1 AND l.issue_key > $2 AND l.issue_key >= $3 AND l.issue_key < $4 ORDER BY l.issue_key LIMIT $5`
	olderLinks = `SELECT l.issue_key, l.committed_at ` + visibleLinks +
		` AND l.committed_at < $1 AND l.issue_key || '' >= $2 AND l.issue_key || '' < $3 ORDER BY l.committed_at DESC, l.issue_key LIMIT $4`
	sameTimeBranches = `SELECT b.issue_key, b.created_at ` + visibleBranches +
		` AND b.created_at = $1 AND b.issue_key > $2 AND b.issue_key >= $3 AND b.issue_key < $4 ORDER BY b.issue_key LIMIT $5`
	olderBranches = `SELECT b.issue_key, b.created_at ` + visibleBranches +
		` AND b.created_at < $1 AND b.issue_key || '' >= $2 AND b.issue_key || '' < $3 ORDER BY b.created_at DESC, b.issue_key LIMIT $4`
)

// peek gives the next activity without taking it.
func (s *stream) peek() (activity, bool, error) {
	if len(s.rows) == 0 && !s.ended {
		if err := s.fill(); err != nil {
			return activity{}, false, err
		}
	}
	if len(s.rows) == 0 {
		return activity{}, false, nil
	}
	return s.rows[0], true, nil
}

// fill reads a page. Of what has the key and time of last, the rest is passed over: it says nothing new.
func (s *stream) fill() error {
	err := s.read(s.same, s.last.at, string(s.last.key), s.prefix, after(s.prefix), int64(streamPage))
	if err == nil && len(s.rows) < streamPage {
		had := len(s.rows)
		err = s.read(s.older, s.last.at, s.prefix, after(s.prefix), int64(streamPage))
		s.ended = len(s.rows)-had < streamPage
	}
	if len(s.rows) > 0 {
		s.last = s.rows[len(s.rows)-1]
	}
	return err
}

func (s *stream) read(query string, args ...any) error {
	return s.t.each(query, args, func(rows *sql.Rows) error {
		var a activity
		err := rows.Scan(&a.key, &a.at)
		s.rows = append(s.rows, a)
		return err
	})
}

func (s *stream) take() { s.rows = s.rows[1:] }

// newest takes the next activity of both streams together.
func newest(a, b *stream) (activity, bool, error) {
	x, okX, err := a.peek()
	if err != nil {
		return x, false, err
	}
	y, okY, err := b.peek()
	switch {
	case err != nil:
		return y, false, err
	case !okX && !okY:
		return x, false, nil
	case !okY || okX && x.newer(y):
		a.take()
		return x, true, nil
	}
	b.take()
	return y, true, nil
}
