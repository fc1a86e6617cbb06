package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// An activity is a row of one of the three streams that the issue list is made of.
type activity struct {
	key model.IssueKey
	at  int64
}

// newer orders activities as the list has them: newest first, then by key.
func (a activity) newer(b activity) bool { return a.at > b.at || a.at == b.at && a.key < b.key }

// fewRows is up to how many links, branches or pull requests of a prefix are read whole.
const fewRows = 4096

// Issues lists the issues that have links and whose keys begin with prefix, the one
// with the newest commit, branch or pull request first.
func (s *Store) Issues(ctx context.Context, prefix string, limit int, cur string) (out []model.IssueSummary, next string, err error) {
	at, err := readCursor(cur, 2)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 {
		limit = defaultPage
	}
	err = s.db.page(ctx, func(t *tx) error {
		rare, err := isRare(t, prefix)
		if err != nil {
			return err
		}
		list := issuesByTime
		if rare {
			list = issuesByKey
		}
		found, err := list(t, prefix, at, limit+1)
		if err != nil {
			return err
		}
		if len(found) > limit {
			found = found[:limit]
			next = cursor(found[limit-1].at, string(found[limit-1].key))
		}
		out, err = summaries(t, found)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list issues: %w", err)
	}
	return out, next, nil
}

const (
	visibleLinks    = doneLinks + ` WHERE l.gone = 0`
	visibleBranches = `FROM branch_link b JOIN repo r ON r.id = b.repo_id AND r.deleted = 0 WHERE 1 = 1`
	visiblePulls    = `FROM pull_request_link p JOIN repo r ON r.id = p.repo_id AND r.deleted = 0 WHERE 1 = 1`
)

// after is the end of the range of keys that begin with prefix. No key holds a "~".
func after(prefix string) string { return prefix + "~" }

// isRare says that little has a key of the prefix: the streams would be read for long to find it.
func isRare(t *tx, prefix string) (bool, error) {
	if prefix == "" {
		return false, nil
	}
	if _, number, _ := strings.Cut(prefix, "-"); number != "" {
		return true, nil // its keys are few
	}
	var n int64
	err := t.row(`SELECT (SELECT count(*) FROM (SELECT 1 FROM link WHERE issue_key >= $1 AND issue_key < $2 LIMIT $3) x)
		+ (SELECT count(*) FROM (SELECT 1 FROM branch_link WHERE issue_key >= $1 AND issue_key < $2 LIMIT $3) y)
		+ (SELECT count(*) FROM (SELECT 1 FROM pull_request_link WHERE issue_key >= $1 AND issue_key < $2 LIMIT $3) z)`,
		prefix, after(prefix), int64(fewRows)).Scan(&n)
	return n < fewRows, err
}

func issuesByKey(t *tx, prefix string, from place, limit int) (out []activity, err error) {
	top := from.number(0)
	if from == nil {
		top = 1<<63 - 1
	}
	err = t.each(`SELECT issue_key, max(at) FROM (
			SELECT l.issue_key, l.committed_at AS at `+visibleLinks+` AND l.issue_key >= $1 AND l.issue_key < $2
			UNION ALL SELECT b.issue_key, b.created_at AS at `+visibleBranches+` AND b.issue_key >= $1 AND b.issue_key < $2
			UNION ALL SELECT p.issue_key, p.updated_at AS at `+visiblePulls+` AND p.issue_key >= $1 AND p.issue_key < $2) x
		GROUP BY issue_key HAVING max(at) < $3 OR (max(at) = $3 AND issue_key > $4) ORDER BY 2 DESC, 1 LIMIT $5`,
		[]any{prefix, after(prefix), top, from.text(1), int64(limit)}, func(rows *sql.Rows) error {
			var a activity
			err := rows.Scan(&a.key, &a.at)
			out = append(out, a)
			return err
		})
	return out, err
}

// issuesByTime walks the links, the branches and the pull requests from the newest on. A key counts where
// it comes first; one that has something newer than the page's start was on a page before.
func issuesByTime(t *tx, prefix string, from place, limit int) (out []activity, err error) {
	start := activity{model.IssueKey(from.text(1)), from.number(0)}
	if from == nil {
		start.at = 1<<63 - 1
	}
	streams := []*stream{linkStream(t, prefix, start), branchStream(t, prefix, start), pullStream(t, prefix, start)}
	seen := map[model.IssueKey]bool{}
	for len(out) < limit {
		var some []activity
		for more := true; more && len(some) < keysAtOnce; {
			var a activity
			if a, more, err = newest(streams); err != nil {
				return nil, err
			}
			if more && !seen[a.key] {
				seen[a.key] = true
				some = append(some, a)
			}
		}
		if len(some) == 0 {
			break
		}
		if from != nil {
			if some, err = unlisted(t, some); err != nil {
				return nil, err
			}
		}
		out = append(out, some...)
	}
	return out[:min(len(out), limit)], nil
}

// unlisted leaves those that have nothing newer, and so were on no page before.
func unlisted(t *tx, some []activity) (out []activity, err error) {
	listed := map[model.IssueKey]bool{}
	err = t.each(listedQuery, keyArgs(some), func(rows *sql.Rows) error {
		var key model.IssueKey
		err := rows.Scan(&key)
		listed[key] = true
		return err
	})
	for _, a := range some {
		if !listed[a.key] {
			out = append(out, a)
		}
	}
	return out, err
}

// summaries counts what is linked to issues.
func summaries(t *tx, found []activity) (out []model.IssueSummary, err error) {
	for some := range slices.Chunk(found, keysAtOnce) {
		counts := map[model.IssueKey]model.IssueSummary{}
		err := t.each(countQuery, keyArgs(some), func(rows *sql.Rows) error {
			var sum model.IssueSummary
			err := rows.Scan(&sum.Key, &sum.Commits, &sum.Branches, &sum.PullRequests)
			counts[sum.Key] = sum
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, a := range some {
			sum := counts[a.key]
			sum.ActivityAt = fromMicros(a.at)
			out = append(out, sum)
		}
	}
	return out, nil
}

// keysAtOnce is how many keys one statement asks for.
const keysAtOnce = 64

var (
	askedKeys   = askKeys()
	listedQuery = askedKeys + `SELECT k.issue_key FROM k WHERE EXISTS (SELECT 1 ` + visibleLinks + ` AND l.issue_key = k.issue_key AND l.committed_at > k.at)
		OR EXISTS (SELECT 1 ` + visibleBranches + ` AND b.issue_key = k.issue_key AND b.created_at > k.at)
		OR EXISTS (SELECT 1 ` + visiblePulls + ` AND p.issue_key = k.issue_key AND p.updated_at > k.at)`
	countQuery = askedKeys + `SELECT k.issue_key, (SELECT count(*) ` + visibleLinks + ` AND l.issue_key = k.issue_key),
		(SELECT count(*) ` + visibleBranches + ` AND b.issue_key = k.issue_key),
		(SELECT count(*) ` + visiblePulls + ` AND p.issue_key = k.issue_key) FROM k`
)

func askKeys() string {
	var b strings.Builder
	for i := range keysAtOnce {
		fmt.Fprintf(&b, ",(CAST($%d AS TEXT),CAST($%d AS BIGINT))", 2*i+1, 2*i+2)
	}
	return `WITH k(issue_key, at) AS (VALUES ` + b.String()[1:] + `) `
}

// keyArgs fills up with the last key.
func keyArgs(some []activity) []any {
	args := make([]any, 0, 2*keysAtOnce)
	for i := range keysAtOnce {
		a := some[min(i, len(some)-1)]
		args = append(args, string(a.key), a.at)
	}
	return args
}
