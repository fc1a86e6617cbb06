package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// What became of a pull request that a delivery told of.
const (
	noted   = "is noted"
	removed = "is removed"
	outdone = "was told of in a newer state before"
)

// wordsOf says what became of a pull request.
func wordsOf(p model.PullRequest, what string) string {
	switch {
	case p.Number <= 0:
		return "the pull request has no number"
	case p.Status == model.PullRequestRemoved:
		what = removed
	}
	return fmt.Sprintf("pull request %d %s", p.Number, what)
}

// join makes one sentence of the parts that say something.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// notePullRequest stores what a delivery tells of a pull request, and its links. What is older
// than what is stored changes nothing, and what is not told stays. A delivery that tells no
// time has that of its receipt.
func (s *Store) notePullRequest(t *tx, repoID int64, p model.PullRequest, d *model.Delivery) error {
	if p.Number <= 0 {
		return nil
	}
	if p.UpdatedAt.IsZero() {
		p.UpdatedAt = d.ReceivedAt
	}
	if p.Status == model.PullRequestRemoved {
		_, err := t.exec(`DELETE FROM pull_request WHERE repo_id = $1 AND number = $2`, repoID, p.Number)
		return err
	}
	err := t.row(`INSERT INTO pull_request (repo_id, number, title, status, source, target, updated_at) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (repo_id, number) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at,
			title = CASE WHEN excluded.title = '' THEN pull_request.title ELSE excluded.title END,
			source = CASE WHEN excluded.source = '' THEN pull_request.source ELSE excluded.source END,
			target = CASE WHEN excluded.target = '' THEN pull_request.target ELSE excluded.target END
		WHERE excluded.updated_at >= pull_request.updated_at RETURNING title, source, target`,
		repoID, p.Number, sane(p.Title), string(p.Status), sane(p.Source), sane(p.Target), micros(p.UpdatedAt)).Scan(&p.Title, &p.Source, &p.Target)
	if errors.Is(err, sql.ErrNoRows) {
		d.Reason = strings.Replace(d.Reason, wordsOf(p, noted), wordsOf(p, outdone), 1)
		return nil
	}
	if err != nil {
		return err
	}
	repo, err := repoByID(t, repoID)
	if errors.Is(err, model.ErrNotFound) {
		return nil // removed just now; its rows go with it
	}
	if err != nil {
		return err
	}
	return linkPullRequest(t, repoID, p, s.naming.keysOf(repo, p))
}

// mostPullRequestKeys bounds the issues of one pull request.
const mostPullRequestKeys = 256

// keysOf gives the keys of a pull request, sorted, each once.
func (n naming) keysOf(r model.Repo, p model.PullRequest) []model.IssueKey {
	list := slices.Compact(slices.Sorted(slices.Values(n.keys(r, p))))
	return list[:min(len(list), mostPullRequestKeys)]
}

// linkPullRequest makes the links of a stored pull request those to the keys.
func linkPullRequest(t *tx, repoID int64, p model.PullRequest, keys []model.IssueKey) error {
	if _, err := t.exec(`DELETE FROM pull_request_link WHERE repo_id = $1 AND number = $2`, repoID, p.Number); err != nil {
		return err
	}
	for _, k := range keys {
		_, err := t.exec(`INSERT INTO pull_request_link (issue_key, repo_id, number, updated_at) VALUES ($1,$2,$3,$4)`,
			string(k), repoID, p.Number, micros(p.UpdatedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

const pullRequestColumns = `p.repo_id, p.number, p.title, p.status, p.source, p.target, p.updated_at`

func scanPullRequest(row scanner) (l model.PullRequestLink, err error) {
	var updated int64
	err = row.Scan(&l.RepoID, &l.Number, &l.Title, &l.Status, &l.Source, &l.Target, &updated)
	l.UpdatedAt = fromMicros(updated)
	return l, err
}

// issuePullRequests reads the newest pull requests of an issue.
func issuePullRequests(t *tx, out *model.Issue, limit int) error {
	return t.each(`SELECT `+pullRequestColumns+` FROM pull_request_link l
		JOIN pull_request p ON p.repo_id = l.repo_id AND p.number = l.number
		JOIN repo r ON r.id = l.repo_id AND r.deleted = 0
		WHERE l.issue_key = $1 ORDER BY l.updated_at + 0 DESC, l.repo_id, l.number DESC LIMIT $2`,
		[]any{string(out.Key), int64(limit)}, func(rows *sql.Rows) error {
			l, err := scanPullRequest(rows)
			out.PullRequests = append(out.PullRequests, l)
			return err
		})
}
