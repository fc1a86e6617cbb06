package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// Record makes a sync's result visible, in short transactions that each leave a
// consistent store:
//
//  1. the segments that Add wrote are done,
//  2. refs and the links of branches, slice by slice,
//  3. which commits no ref reaches any more, if a ref moved other than forward,
//  4. digest, rules, default branch and counts; the job ends.
//
// From the first step on the repo has no digest: a kill between the steps costs a sync of
// what is missing. The error is
// model.ErrFenced when the job is no longer ours.
func (s *Store) Record(ctx context.Context, j model.Job, r model.SyncResult) error {
	defer s.adding.drop(j)
	err := s.record(ctx, j, r)
	if err != nil {
		return fmt.Errorf("record the sync of repository %d: %w", j.RepoID, err)
	}
	s.db.wake()
	return nil
}

// A leftover is what an earlier Record left undone.
type leftover struct {
	recheck bool // reachability must be found anew: it was cut short, or unreached commits may be reached again
	torn    bool // it was cut short among the links: their marks may differ from the segments'
	recount bool // it was cut short before it counted, or there was none
}

func (s *Store) record(ctx context.Context, j model.Job, r model.SyncResult) error {
	left, err := s.finishSegments(ctx, j)
	if err != nil {
		return err
	}
	if !left.recheck {
		if left.recheck, err = s.rewound(ctx, j.RepoID, r.Updates); err != nil {
			return err
		}
	}
	if err := s.recordRefs(ctx, j, r, left.recheck); err != nil {
		return err
	}
	if left.recheck {
		if err := s.recordReach(ctx, j, left.torn); err != nil {
			return err
		}
	}
	return s.db.write(ctx, "record", func(t *tx) error {
		if err := fence(t, j); err != nil {
			return err
		}
		set := `, digest = $3, rules = $4, default_branch = $5, indexed = 1, stale_reach = 0`
		if left.recount || reshaped(r.Updates) {
			set += `, refs = (SELECT count(*) FROM ref WHERE repo_id = $2),
				linked_branches = (SELECT count(DISTINCT name) FROM branch_link WHERE repo_id = $2)`
		}
		return endJob(t, j, set, r.Digest[:], r.Rules, sane(strings.TrimPrefix(r.Default, model.HeadPrefix)))
	})
}

// reshaped says whether refs came or went.
func reshaped(updates []model.RefUpdate) bool {
	return slices.ContainsFunc(updates, func(u model.RefUpdate) bool { return u.Old.IsZero() || u.New.IsZero() })
}

// finishSegments makes the job's commits visible. Until the last step of Record
// the repo is marked by stale_reach: 1 because a commit whose ref was not recorded might
// never be reached, 2 while links are marked ahead of their segment. The digest goes with
// the first change: should a kill come and the server return to its old list, that would
// else pass for the recorded one.
func (s *Store) finishSegments(ctx context.Context, j model.Job) (left leftover, err error) {
	var version int64
	moved := false
	err = s.db.bulk(ctx, "record_segments", func(t *tx) error {
		if err := fence(t, j); err != nil {
			return err
		}
		var unreached, stale, commits, linked, bytes int64
		err := t.row(`SELECT version, unreached, stale_reach, digest IS NULL FROM repo WHERE id = $1`, j.RepoID).
			Scan(&version, &unreached, &stale, &left.recount)
		if err != nil {
			return err
		}
		left.recheck, left.torn = unreached > 0 || stale > 0, stale == staleLinks
		const ours = ` WHERE repo_id = $1 AND done = 0 AND job_id = $2 AND attempt = $3`
		args := []any{j.RepoID, j.ID, int64(j.Attempt)}
		err = t.row(`SELECT COALESCE(sum(commits), 0), COALESCE(sum(linked), 0), COALESCE(sum(bytes), 0) FROM segment`+ours, args...).
			Scan(&commits, &linked, &bytes)
		if err != nil {
			return err
		}
		if moved = commits > 0; !moved {
			return nil
		}
		if _, err := t.exec(`UPDATE segment SET done = 1`+ours, args...); err != nil {
			return err
		}
		_, err = t.exec(`UPDATE repo SET version = version + 1, digest = NULL,
			stale_reach = CASE WHEN stale_reach = 0 THEN 1 ELSE stale_reach END, commits = commits + $2, linked_commits = linked_commits + $3,
			history_bytes = history_bytes + $4 WHERE id = $1`, j.RepoID, commits, linked, bytes)
		return err
	})
	if err == nil && moved {
		s.graphs.patch(j.RepoID, version, nil)
	}
	return left, err
}

// rewound says whether some update took commits away from its ref, or might have.
func (s *Store) rewound(ctx context.Context, repoID int64, updates []model.RefUpdate) (bool, error) {
	var moved []model.RefUpdate
	for _, u := range updates {
		if u.Old.IsZero() {
			continue
		}
		if u.New.IsZero() || !strings.HasPrefix(u.Name, model.HeadPrefix) {
			return true, nil
		}
		moved = append(moved, u)
	}
	if len(moved) == 0 {
		return false, nil
	}
	rewound := false
	err := s.withGraph(ctx, repoID, func(g *graph, _ []model.Ref, _ []int) {
		budget := g.len() // a look at everything costs no more
		for _, u := range moved {
			if !g.ancestor(g.node(u.Old), g.node(u.New), &budget) {
				rewound = true
				return
			}
		}
	})
	return rewound, err
}

// recordRefs writes refs, and the links of the branches that came or went.
func (s *Store) recordRefs(ctx context.Context, j model.Job, r model.SyncResult, recheck bool) error {
	keys := map[string][]model.IssueKey{}
	for _, b := range r.Branches {
		keys[b.Name] = append(keys[b.Name], b.Key)
	}
	for at := 0; at < len(r.Updates); {
		var version int64
		next := at
		err := s.db.bulk(ctx, "record_refs", func(t *tx) error {
			next = at
			if err := fence(t, j); err != nil {
				return err
			}
			err := t.row(`UPDATE repo SET version = version + 1, digest = NULL,
				stale_reach = CASE WHEN stale_reach < $2 THEN $2 ELSE stale_reach END WHERE id = $1 RETURNING version`,
				j.RepoID, flag(recheck)).Scan(&version)
			if err != nil {
				return err
			}
			for ; next < len(r.Updates) && (next == at || !t.spent()); next++ {
				if err := recordRef(t, j.RepoID, r.Updates[next], keys); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.graphs.patch(j.RepoID, version-1, r.Updates[at:next])
		at = next
	}
	return nil
}

func recordRef(t *tx, repoID int64, u model.RefUpdate, keys map[string][]model.IssueKey) error {
	name, isBranch := model.Ref{Name: u.Name}.Branch()
	if u.New.IsZero() {
		if _, err := t.exec(`DELETE FROM ref WHERE repo_id = $1 AND name = $2`, repoID, []byte(u.Name)); err != nil || !isBranch {
			return err
		}
		_, err := t.exec(`DELETE FROM branch_link WHERE repo_id = $1 AND name = $2`, repoID, []byte(u.Name))
		return err
	}
	var peeled []byte
	if !u.Peeled.IsZero() {
		peeled = u.Peeled[:]
	}
	_, err := t.exec(`INSERT INTO ref (repo_id, name, tip, peeled) VALUES ($1,$2,$3,$4)
		ON CONFLICT (repo_id, name) DO UPDATE SET tip = excluded.tip, peeled = excluded.peeled`, repoID, []byte(u.Name), u.New[:], peeled)
	if err != nil || !isBranch {
		return err
	}
	for _, k := range keys[name] {
		if err := linkBranch(t, k, repoID, u.Name); err != nil {
			return err
		}
	}
	return nil
}

// linkBranch links a branch by its full name.
func linkBranch(t *tx, key model.IssueKey, repoID int64, name string) error {
	now, err := t.now()
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO branch_link (issue_key, repo_id, name, created_at) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`,
		string(key), repoID, []byte(name), micros(now))
	return err
}
