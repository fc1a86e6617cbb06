package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"issuetrail/internal/model"
)

// LinkedBranches lists the branches of a repo whose names hold an issue key, by name; a branch with
// two keys comes twice.
func (s *Store) LinkedBranches(ctx context.Context, repoID int64, limit int, cur string) (out []model.BranchLink, next string, err error) {
	at, err := readCursor(cur, 2)
	if err != nil {
		return nil, "", err
	}
	name, err := hex.DecodeString(at.text(0)) // names need not be UTF-8
	if err != nil {
		return nil, "", ErrCursor
	}
	err = s.db.page(ctx, func(t *tx) error {
		return t.each(`SELECT b.repo_id, b.name, f.tip, b.issue_key FROM branch_link b
			JOIN ref f ON f.repo_id = b.repo_id AND f.name = b.name
			WHERE b.repo_id = $1 AND (b.name > $2 OR (b.name = $2 AND b.issue_key > $3)) ORDER BY b.name, b.issue_key LIMIT $4`,
			[]any{repoID, notNil(name), at.text(1), int64(limit) + 1}, func(rows *sql.Rows) error {
				var b model.BranchLink
				var tip []byte
				err := rows.Scan(&b.RepoID, &b.Name, &tip, &b.Key)
				copy(b.Tip[:], tip)
				b.Name = strings.TrimPrefix(b.Name, model.HeadPrefix)
				out = append(out, b)
				return err
			})
	})
	if err != nil {
		return nil, "", fmt.Errorf("list branches of repository %d: %w", repoID, err)
	}
	if len(out) > limit {
		out = out[:limit]
		next = cursor(hex.EncodeToString([]byte(model.HeadPrefix+out[limit-1].Name)), string(out[limit-1].Key))
	}
	return out, next, nil
}

// LinkedCommits lists the commits of a repo that are linked to an issue and reachable, newest first;
// one with two keys comes twice.
func (s *Store) LinkedCommits(ctx context.Context, repoID int64, limit int, cur string) (out []model.CommitLink, next string, err error) {
	at, err := readCursor(cur, 4)
	if err != nil {
		return nil, "", err
	}
	from := []any{at.number(0), at.number(1), at.number(2), at.text(3)}
	if at == nil {
		from[0] = int64(1<<63 - 1)
	}
	var rows []*linkRow
	var repo model.Repo
	err = s.db.page(ctx, func(t *tx) error {
		if repo, err = repoByID(t, repoID); err != nil {
			return err
		}
		return t.each(`SELECT l.issue_key, l.segment_id, l.pos, l.repo_id, l.committed_at FROM link l
			JOIN segment s ON s.id = l.segment_id AND s.done = 1
			WHERE l.repo_id = $1 AND l.gone = 0 AND l.committed_at <= $2 AND (l.committed_at < $2 OR l.segment_id < $3
				OR (l.segment_id = $3 AND (l.pos < $4 OR (l.pos = $4 AND l.issue_key > $5))))
			ORDER BY l.committed_at DESC, l.segment_id DESC, l.pos DESC, l.issue_key LIMIT $6`,
			append(append([]any{repoID}, from...), int64(limit)+1), func(r *sql.Rows) error {
				l := &linkRow{node: -1}
				rows = append(rows, l)
				return r.Scan(&l.key, &l.segment, &l.pos, &l.repo, &l.at)
			})
	})
	if err != nil {
		return nil, "", fmt.Errorf("list commits of repository %d: %w", repoID, err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = cursor(last.at, last.segment, last.pos, string(last.key))
	}
	err = s.withGraph(ctx, repoID, func(g *graph, refs []model.Ref, tips []int) {
		g.locate(rows)
		g.contained(rows, refs, tips, repo.DefaultBranch)
	})
	if err == nil {
		out, err = s.commitLinks(ctx, rows)
	}
	if err != nil {
		return nil, "", fmt.Errorf("list commits of repository %d: %w", repoID, err)
	}
	return out, next, nil
}

// Refs gives the refs that the last sync recorded, sorted by name.
func (s *Store) Refs(ctx context.Context, repoID int64) (refs []model.Ref, err error) {
	err = s.withRefs(ctx, repoID, func(r []model.Ref) { refs = append(refs, r...) })
	if errors.Is(err, model.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read the refs of repository %d: %w", repoID, err)
	}
	return refs, nil
}

// Known says which of the commits the repo has recorded.
func (s *Store) Known(ctx context.Context, repoID int64, hashes []model.Hash) ([]bool, error) {
	out := make([]bool, len(hashes))
	err := s.withGraph(ctx, repoID, func(g *graph, _ []model.Ref, _ []int) {
		for i, h := range hashes {
			out[i] = g.index.find(h) >= 0
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look for commits of repository %d: %w", repoID, err)
	}
	return out, nil
}

// CommitByHash gives one commit, linked or not, or model.ErrNotFound.
func (s *Store) CommitByHash(ctx context.Context, repoID int64, h model.Hash) (model.Commit, error) {
	var segment int64
	pos := -1
	err := s.withGraph(ctx, repoID, func(g *graph, _ []model.Ref, _ []int) {
		if n := g.node(h); n >= 0 {
			segment, pos = g.place(n)
		}
	})
	if err == nil && pos < 0 {
		err = model.ErrNotFound
	}
	if err != nil {
		return model.Commit{}, err
	}
	reader := rawReader{s: s}
	raw, err := reader.read(ctx, segment, pos)
	if err != nil {
		return model.Commit{}, fmt.Errorf("read commit %s: %w", h, err)
	}
	return model.RawCommit{Hash: h, Raw: raw}.Parse(), nil
}
