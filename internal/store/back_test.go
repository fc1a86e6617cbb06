package store

import (
	"fmt"
	"maps"
	"testing"

	"issuetrail/internal/model"
)

// A sync of a force-push is killed at each of its transactions in turn, and then the server goes
// back to what it had before. Its list has the old digest again, so that a digest that outlived the
// first changed ref made the next sync pass for done; and the bitmaps of the segments were
// those of the old refs, so that links which were hidden by then stayed so for good.
func TestAServerThatGoesBackAfterAKill(t *testing.T) {
	root := commit("R-1 root", 1)
	tip := commit("R-1 tip", 2, root.Hash)
	side := commit("R-1 side", 3, root.Hash)
	before := map[string]model.Hash{"refs/heads/main": tip.Hash, "refs/heads/R-1-x": root.Hash}
	after := map[string]model.Hash{"refs/heads/main": side.Hash, "refs/tags/v1": root.Hash}
	sent := []model.BatchCommit{tip, root}
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		var names []string
		for n := 1; ; n++ {
			repo := addRepo(t, s, fmt.Sprint("acme/app", n)).ID
			ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
			recordDigest(t, s, syncJob(t, s, repo), sent, before, 1)
			job := syncJob(t, s, repo)
			ok(t, s.Add(t.Context(), job, []model.BatchCommit{side}))
			result := resultOf(t, s, repo, maps.Clone(after))
			result.Digest = [32]byte{2}
			until(t, s.sweeps.idle)
			k := &killing{s.db, n, false, &names}
			s.db = k
			killed := s.Record(t.Context(), job, result)
			s.db = k.engine
			if killed == nil {
				if n < 7 {
					t.Fatalf("only %d transactions: %q", n-1, names)
				}
				return
			}
			wantErr(t, killed, errKilled)
			expire(t, s)
			ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual, Fetch: true}))
			c := claimJob(t, s)
			if c.Digest == [32]byte{1} {
				ok(t, s.Finish(t.Context(), c.Job)) // as a sync does that finds the list it knows
			} else {
				recordDigest(t, s, c.Job, nil, before, 1)
			}
			when := "killed before " + names[len(names)-1]
			if got := fmt.Sprint(subjects(issue(t, s, "R-1"))); got != "[R-1 tip R-1 root]" {
				t.Errorf("%s: commits are %s", when, got)
			}
			st := must(s.RepoStatus(t.Context(), repo))(t)
			if st.Refs != 2 || st.LinkedBranches != 1 || st.LinkedCommits != 2 {
				t.Errorf("%s: %d refs, %d linked branches, %d linked commits", when, st.Refs, st.LinkedBranches, st.LinkedCommits)
			}
			ok(t, s.DeleteRepo(t.Context(), repo))
			purged(t, s)
		}
	})
}

// A first sync is killed before its last step, which counts. The next one finds the refs recorded
// and nothing that came or went: it counted only then, and the repo showed no refs for good.
func TestCountsAfterAKillBeforeTheLastStep(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		root := commit("R-1 root", 1)
		refs := map[string]model.Hash{"refs/heads/R-1-x": root.Hash}
		var names []string
		for n := 1; len(names) < n; n++ {
			job := syncJob(t, s, repo)
			ok(t, s.Add(t.Context(), job, []model.BatchCommit{root}))
			result := resultOf(t, s, repo, maps.Clone(refs))
			until(t, s.sweeps.idle)
			k := &killing{s.db, n, false, &names}
			s.db = k
			err := s.Record(t.Context(), job, result)
			s.db = k.engine
			if err == nil {
				break
			}
			expire(t, s)
		}
		if names[len(names)-1] != "record" {
			t.Fatalf("killed at %q", names)
		}
		st := must(s.RepoStatus(t.Context(), repo))(t)
		if st.Refs != 1 || st.LinkedBranches != 1 || st.Commits != 1 {
			t.Errorf("%d refs, %d linked branches, %d commits", st.Refs, st.LinkedBranches, st.Commits)
		}
	})
}

func recordDigest(t *testing.T, s *Store, j model.Job, commits []model.BatchCommit, refs map[string]model.Hash, digest byte) {
	t.Helper()
	ok(t, s.Add(t.Context(), j, commits))
	r := resultOf(t, s, j.RepoID, maps.Clone(refs))
	r.Digest = [32]byte{digest}
	ok(t, s.Record(t.Context(), j, r))
}
