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
)

// A linkRow is a row of the link table, with its place in the repo's graph.
type linkRow struct {
	key     model.IssueKey
	segment int64
	pos     int
	repo    int64
	at      int64
	gone    bool

	hash     model.Hash
	node     int // -1 = the history changed since
	branches []string
	count    int
}

// newestFirst orders links; cursors hold the same keys.
func newestFirst(a, b *linkRow) int {
	return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.repo, b.repo), cmp.Compare(b.segment, a.segment), cmp.Compare(a.pos, b.pos))
}

// Issue gives what is linked to a key; one without links gives empty lists. Commits
// are paged; branches and tags are all there on every page.
func (s *Store) Issue(ctx context.Context, key model.IssueKey, q model.IssueQuery) (model.Issue, error) {
	out := model.Issue{Key: key, Repos: map[int64]model.Repo{}}
	at, err := readCursor(q.Cursor, 4)
	if err != nil {
		return out, err
	}
	rows, err := s.issueRows(ctx, &out, q.Unreachable)
	if err != nil {
		return out, fmt.Errorf("read issue %s: %w", key, err)
	}
	slices.SortFunc(rows, newestFirst)
	page := rows
	if at != nil {
		after := linkRow{at: at.number(0), repo: at.number(1), segment: at.number(2), pos: int(at.number(3))}
		n, found := slices.BinarySearchFunc(rows, &after, newestFirst)
		page = rows[n+int(flag(found)):]
	}
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[q.Limit-1]
		out.Next = cursor(last.at, last.repo, last.segment, last.pos)
	}
	for id, repo := range out.Repos {
		err := s.withGraph(ctx, id, func(g *graph, refs []model.Ref, tips []int) {
			g.locate(ofRepo(page, id))
			g.contained(ofRepo(page, id), refs, tips, repo.DefaultBranch)
			out.Tags = append(out.Tags, g.tagsOf(ofRepo(rows, id), id, refs, tips)...)
		})
		if err != nil && !errors.Is(err, model.ErrNotFound) {
			return out, fmt.Errorf("read issue %s: %w", key, err)
		}
	}
	slices.SortFunc(out.Tags, func(a, b model.TagLink) int {
		return cmp.Or(cmp.Compare(a.RepoID, b.RepoID), cmp.Compare(a.Name, b.Name))
	})
	out.Commits, err = s.commitLinks(ctx, page)
	if err != nil {
		return out, fmt.Errorf("read issue %s: %w", key, err)
	}
	return out, nil
}

// issueRows reads the links of an issue, its branches and the repos of both.
func (s *Store) issueRows(ctx context.Context, out *model.Issue, unreachable bool) (rows []*linkRow, err error) {
	err = s.db.page(ctx, func(t *tx) error {
		err := t.each(`SELECT l.segment_id, l.pos, l.repo_id, l.committed_at, l.gone FROM link l
			JOIN segment s ON s.id = l.segment_id AND s.done = 1
			JOIN repo r ON r.id = l.repo_id AND r.deleted = 0
			WHERE l.issue_key = $1 AND (l.gone = 0 OR $2 = 1)`, []any{string(out.Key), flag(unreachable)}, func(r *sql.Rows) error {
			l := &linkRow{key: out.Key, node: -1}
			rows = append(rows, l)
			return r.Scan(&l.segment, &l.pos, &l.repo, &l.at, &l.gone)
		})
		if err != nil {
			return err
		}
		err = t.each(`SELECT b.repo_id, b.name, f.tip FROM branch_link b
			JOIN repo r ON r.id = b.repo_id AND r.deleted = 0
			JOIN ref f ON f.repo_id = b.repo_id AND f.name = b.name
			WHERE b.issue_key = $1 ORDER BY b.repo_id, b.name`, []any{string(out.Key)}, func(r *sql.Rows) error {
			b, err := scanBranchLink(r, out.Key)
			out.Branches = append(out.Branches, b)
			return err
		})
		if err != nil {
			return err
		}
		for _, l := range rows {
			out.Repos[l.repo] = model.Repo{}
		}
		for _, b := range out.Branches {
			out.Repos[b.RepoID] = model.Repo{}
		}
		for id := range out.Repos {
			r, err := repoByID(t, id)
			if errors.Is(err, model.ErrNotFound) {
				delete(out.Repos, id) // removed just now
				continue
			}
			if err != nil {
				return err
			}
			out.Repos[id] = r
		}
		return nil
	})
	return rows, err
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
