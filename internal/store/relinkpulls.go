package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"issuetrail/internal/model"
)

// pullsAtOnce is how many pull requests Relink reads by one statement.
const pullsAtOnce = 1000

// pullRequests compares the links of the pull requests with those they should have, and makes
// anew those of the ones that differ.
func (r *relinking) pullRequests(ctx context.Context) error {
	repo, err := r.s.Repo(ctx, r.job.RepoID)
	if err != nil {
		return err
	}
	for from, more := int64(0), true; more; {
		var page []model.PullRequestLink
		var have map[int64][]model.IssueKey
		err := r.s.db.page(ctx, func(t *tx) (err error) {
			page, have, err = pullsAfter(t, r.job.RepoID, from)
			return err
		})
		if err != nil {
			return err
		}
		var stale []int64
		for _, p := range page {
			from = p.Number
			if r.compare(p.Number, have[p.Number], r.s.naming.keysOf(repo, p.PullRequest)) {
				stale = append(stale, p.Number)
			}
		}
		if more = len(page) == pullsAtOnce; r.dry {
			continue
		}
		err = r.s.inSlices(ctx, "relink_pulls", &r.job, 0, len(stale), func(t *tx, i int) (int, error) {
			return i + 1, r.s.relinkPullRequest(t, repo, stale[i])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pullsAfter reads the pull requests from a number on, and their links.
func pullsAfter(t *tx, repoID, number int64) (page []model.PullRequestLink, have map[int64][]model.IssueKey, err error) {
	page, have = nil, map[int64][]model.IssueKey{}
	err = t.each(`SELECT `+pullRequestColumns+` FROM pull_request p WHERE p.repo_id = $1 AND p.number > $2 ORDER BY p.number LIMIT $3`,
		[]any{repoID, number, int64(pullsAtOnce)}, func(rows *sql.Rows) error {
			p, err := scanPullRequest(rows)
			page = append(page, p)
			return err
		})
	if err != nil || len(page) == 0 {
		return page, have, err
	}
	err = t.each(`SELECT number, issue_key FROM pull_request_link WHERE repo_id = $1 AND number > $2 AND number <= $3 ORDER BY issue_key`,
		[]any{repoID, number, page[len(page)-1].Number}, func(rows *sql.Rows) error {
			var n int64
			var key model.IssueKey
			err := rows.Scan(&n, &key)
			have[n] = append(have[n], key)
			return err
		})
	return page, have, err
}

// compare tells the differences of one pull request, and says whether there are any.
func (r *relinking) compare(number int64, have, want []model.IssueKey) bool {
	n := 0
	tell := func(these, those []model.IssueKey, added bool) {
		for _, k := range these {
			if !slices.Contains(those, k) {
				n++
				r.changed(model.LinkChange{Key: k, PullRequest: number, Added: added})
			}
		}
	}
	tell(have, want, false)
	tell(want, have, true)
	return n > 0
}

// relinkPullRequest reads the pull request again: a delivery may have changed it meanwhile.
func (s *Store) relinkPullRequest(t *tx, repo model.Repo, number int64) error {
	p, err := scanPullRequest(t.row(`SELECT `+pullRequestColumns+` FROM pull_request p WHERE p.repo_id = $1 AND p.number = $2`+t.sql.forUpdate, repo.ID, number))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return linkPullRequest(t, repo.ID, p.PullRequest, s.naming.keysOf(repo, p.PullRequest))
}
