package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

const (
	defaultPage   = 100
	namedBranches = 10 // of a commit
	// countedCommits bounds the commits of an issue that the counts of its tags cover.
	countedCommits = 1 << 16
)

// doneLinks are links that can be seen, reachable or not.
const doneLinks = `FROM link l JOIN segment s ON s.id = l.segment_id AND s.done = 1 JOIN repo r ON r.id = l.repo_id AND r.deleted = 0`

// A linkRow is a row of the link table, with its place in the repo's graph.
type linkRow struct {
	key     model.IssueKey
	segment int64
	pos     int
	repo    int64
	at      int64
	gone    bool
	fresh   bool // the repo's refs are just being recorded: the commit may be ahead of its ref

	hash     model.Hash
	node     int // -1 = the history changed since
	branches []string
	count    int
}

// A linkPlace is where a commit is stored, in place of a linkRow where there may be many.
type linkPlace struct {
	segment int64
	pos     int
}

// Issue gives what is linked to a key; one without links gives empty lists. Commits
// are paged. Branches and the newest pull requests are there on every page, tags on the first one
// alone: they are those of all the issue's commits.
func (s *Store) Issue(ctx context.Context, key model.IssueKey, q model.IssueQuery) (model.Issue, error) {
	out := model.Issue{Key: key, Repos: map[int64]model.Repo{}}
	at, err := readCursor(q.Cursor, 4)
	if err != nil {
		return out, err
	}
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	var page []*linkRow
	var counted map[int64][]linkPlace // by repo
	err = s.db.page(ctx, func(t *tx) error {
		if page, err = issuePage(t, &out, q, at); err != nil {
			return err
		}
		if at == nil {
			if counted, err = issuePlaces(t, &out, page); err != nil {
				return err
			}
		}
		if err := issueBranches(t, &out); err != nil {
			return err
		}
		if err := issuePullRequests(t, &out, q.Limit); err != nil {
			return err
		}
		return issueRepos(t, &out, page, counted)
	})
	if err == nil {
		err = s.containIssue(ctx, &out, page, counted)
	}
	if err == nil {
		// Commits are recorded a moment before their refs; nobody should see them without.
		page = slices.DeleteFunc(page, func(l *linkRow) bool { return l.fresh && l.count == 0 && !q.Unreachable })
		out.Commits, err = s.commitLinks(ctx, page)
	}
	if err != nil {
		return out, fmt.Errorf("read issue %s: %w", key, err)
	}
	return out, nil
}

// issuePage reads a page of links, newest first, and sets the cursor of the next.
func issuePage(t *tx, out *model.Issue, q model.IssueQuery, at place) (page []*linkRow, err error) {
	top := at.number(0)
	if at == nil {
		top = 1<<63 - 1
	}
	// "+ 0" keeps PostgreSQL from walking all links by time to find those of one issue.
	err = t.each(`SELECT l.repo_id, l.segment_id, l.pos, l.committed_at, l.gone, CASE WHEN r.stale_reach > 0 THEN 1 ELSE 0 END `+doneLinks+`
		WHERE l.issue_key = $1 AND (l.gone = 0 OR $2 = 1) AND (l.committed_at < $3 OR (l.committed_at = $3
			AND (l.repo_id > $4 OR (l.repo_id = $4 AND (l.segment_id < $5 OR (l.segment_id = $5 AND l.pos > $6))))))
		ORDER BY l.committed_at + 0 DESC, l.repo_id, l.segment_id DESC, l.pos LIMIT $7`,
		[]any{string(out.Key), flag(q.Unreachable), top, at.number(1), at.number(2), at.number(3), int64(q.Limit) + 1}, func(r *sql.Rows) error {
			l := &linkRow{key: out.Key, node: -1}
			page = append(page, l)
			return r.Scan(&l.repo, &l.segment, &l.pos, &l.at, &l.gone, &l.fresh)
		})
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[q.Limit-1]
		out.Next = cursor(last.at, last.repo, last.segment, last.pos)
	}
	return page, err
}

// issuePlaces gives where the issue's reachable commits are, countedCommits of them at most: those
// that were recorded last.
func issuePlaces(t *tx, out *model.Issue, page []*linkRow) (map[int64][]linkPlace, error) {
	places := map[int64][]linkPlace{}
	if out.Next == "" { // they are all here
		for _, l := range page {
			if !l.gone {
				places[l.repo] = append(places[l.repo], linkPlace{l.segment, l.pos})
			}
		}
		return places, nil
	}
	err := t.each(`SELECT l.repo_id, l.segment_id, l.pos `+doneLinks+`
		WHERE l.issue_key = $1 AND l.gone = 0 ORDER BY l.segment_id DESC, l.pos DESC LIMIT $2`,
		[]any{string(out.Key), int64(countedCommits)}, func(r *sql.Rows) error {
			var repo int64
			var p linkPlace
			err := r.Scan(&repo, &p.segment, &p.pos)
			places[repo] = append(places[repo], p)
			return err
		})
	return places, err
}

func issueBranches(t *tx, out *model.Issue) error {
	return t.each(`SELECT b.repo_id, b.name, f.tip FROM branch_link b
		JOIN repo r ON r.id = b.repo_id AND r.deleted = 0
		JOIN ref f ON f.repo_id = b.repo_id AND f.name = b.name
		WHERE b.issue_key = $1 ORDER BY b.repo_id, b.name`, []any{string(out.Key)}, func(r *sql.Rows) error {
		b, err := scanBranchLink(r, out.Key)
		out.Branches = append(out.Branches, b)
		return err
	})
}

// issueRepos reads the repos of all that was found.
func issueRepos(t *tx, out *model.Issue, page []*linkRow, counted map[int64][]linkPlace) error {
	ids := map[int64]bool{}
	for _, l := range page {
		ids[l.repo] = true
	}
	for _, b := range out.Branches {
		ids[b.RepoID] = true
	}
	for _, p := range out.PullRequests {
		ids[p.RepoID] = true
	}
	for id := range counted {
		ids[id] = true
	}
	for id := range ids {
		r, err := repoByID(t, id)
		if errors.Is(err, model.ErrNotFound) {
			continue // removed just now
		}
		if err != nil {
			return err
		}
		out.Repos[id] = r
	}
	return nil
}

// containIssue finds which branches contain the commits of the page, and which tags
// those that count.
func (s *Store) containIssue(ctx context.Context, out *model.Issue, page []*linkRow, counted map[int64][]linkPlace) error {
	for id, repo := range out.Repos {
		rows, places := ofRepo(page, id), counted[id]
		if len(rows)+len(places) == 0 {
			continue // its branches alone
		}
		err := s.withGraph(ctx, id, func(g *graph, refs []model.Ref, tips []int) {
			g.locate(rows)
			g.contained(rows, refs, tips, repo.DefaultBranch)
			commits := make([]int, len(places))
			for i, p := range places {
				commits[i] = g.at(p.segment, p.pos)
			}
			out.Tags = append(out.Tags, g.tagsOf(commits, id, refs, tips)...)
		})
		if err != nil && !errors.Is(err, model.ErrNotFound) {
			return err
		}
	}
	slices.SortFunc(out.Tags, func(a, b model.TagLink) int {
		return cmp.Or(cmp.Compare(a.RepoID, b.RepoID), cmp.Compare(a.Name, b.Name))
	})
	return nil
}

func scanBranchLink(row scanner, key model.IssueKey) (model.BranchLink, error) {
	b := model.BranchLink{Key: key}
	var tip []byte
	err := row.Scan(&b.RepoID, &b.Name, &tip)
	copy(b.Tip[:], tip)
	b.Name = strings.TrimPrefix(b.Name, model.HeadPrefix)
	return b, err
}

func ofRepo(rows []*linkRow, repo int64) (out []*linkRow) {
	for _, l := range rows {
		if l.repo == repo {
			out = append(out, l)
		}
	}
	return out
}

// commitLinks reads and parses the commits of a page.
func (s *Store) commitLinks(ctx context.Context, page []*linkRow) ([]model.CommitLink, error) {
	out := make([]model.CommitLink, 0, len(page))
	reader := rawReader{s: s}
	for _, l := range page {
		if l.node < 0 {
			continue
		}
		raw, err := reader.read(ctx, l.segment, l.pos)
		if errors.Is(err, model.ErrNotFound) {
			continue // the history was dropped just now
		}
		if err != nil {
			return nil, err
		}
		out = append(out, model.CommitLink{
			Key: l.key, RepoID: l.repo, Commit: model.RawCommit{Hash: l.hash, Raw: raw}.Parse(),
			Reachable: !l.gone, Branches: l.branches, BranchCount: l.count,
		})
	}
	return out, nil
}
