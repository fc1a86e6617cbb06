package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"issuetrail/internal/model"
)

var errKilled = errors.New("killed")

// A killing engine stops for good at its nth transaction: before its commit, or
// after it. Its bulk slices hold one step each, so that every step can be the last.
type killing struct {
	engine
	left  int
	after bool
	names *[]string
}

func (k *killing) write(ctx context.Context, name string, f func(*tx) error) error {
	return k.run(ctx, name, f, k.engine.write)
}

func (k *killing) bulk(ctx context.Context, name string, f func(*tx) error) error {
	return k.run(ctx, name, func(t *tx) error {
		t.until = time.Time{}
		return f(t)
	}, k.engine.bulk)
}

func (k *killing) run(ctx context.Context, name string, f func(*tx) error, do func(context.Context, string, func(*tx) error) error) error {
	if k.left--; k.left > 0 {
		return do(ctx, name, f)
	}
	if k.left == 0 {
		*k.names = append(*k.names, name)
	}
	if k.left < 0 || !k.after {
		return errKilled
	}
	if err := do(ctx, name, f); err != nil {
		return err
	}
	return errKilled
}

// A sync is killed at each of its transactions in turn; the next start, and one more sync,
// leave what an unharmed one leaves.
func TestAKillAtAnyStepLosesNothing(t *testing.T) {
	root := commit("R-1 root", 1)
	lost := commit("R-1 lost", 2, root.Hash)
	side := commit("R-2 side", 3, root.Hash)
	kept := commit("R-1 kept", 4, root.Hash)
	merge := commit("R-2 merge", 5, kept.Hash, side.Hash)
	before := map[string]model.Hash{"refs/heads/main": lost.Hash, "refs/heads/R-1-old": root.Hash, "refs/heads/side": side.Hash}
	after := map[string]model.Hash{"refs/heads/main": merge.Hash, "refs/heads/R-2-new": kept.Hash, "refs/tags/v1": root.Hash}
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		var names []string
		for n := 1; ; n++ {
			for _, late := range []bool{false, true} {
				repo := addRepo(t, s, fmt.Sprintf("acme/app%d%v", n, late)).ID
				ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
				record(t, s, syncJob(t, s, repo), []model.BatchCommit{lost, side, root}, maps.Clone(before))
				job := syncJob(t, s, repo)
				k := &killing{s.db, n, late, &names}
				s.db = k
				killed := s.Add(t.Context(), job, []model.BatchCommit{merge, kept})
				if killed == nil {
					s.db = k.engine
					r := resultOf(t, s, repo, maps.Clone(after))
					s.db = k
					killed = s.Record(t.Context(), job, r)
				}
				s.db = k.engine
				ok(t, s.Close())
				s = b.open()
				if killed == nil {
					t.Logf("killed at %q", names)
					if n < 8 {
						t.Fatalf("only %d transactions: %q", n-1, names)
					}
					return
				}
				wantErr(t, killed, errKilled)
				checkHalf(t, s)
				expire(t, s)
				ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual, Fetch: true}))
				c := claimJob(t, s)
				record(t, s, c.Job, []model.BatchCommit{merge, kept}, maps.Clone(after))
				checkWhole(t, s, repo, fmt.Sprintf("killed at %s (%d, after: %v)", names[len(names)-1], n, late))
				ok(t, s.DeleteRepo(t.Context(), repo))
				purged(t, s)
			}
		}
	})
}

// checkHalf says what must hold even between two steps: nothing is listed twice, and what is
// listed can be read.
func checkHalf(t *testing.T, s *Store) {
	t.Helper()
	for _, key := range []model.IssueKey{"R-1", "R-2"} {
		seen := map[model.Hash]bool{}
		for _, c := range must(s.Issue(t.Context(), key, model.IssueQuery{Unreachable: true}))(t).Commits {
			if seen[c.Commit.Hash] || c.Commit.Subject() == "" {
				t.Errorf("%s lists %+v", key, c)
			}
			seen[c.Commit.Hash] = true
		}
		for _, c := range issue(t, s, key).Commits {
			if c.BranchCount == 0 {
				t.Errorf("%s lists %q ahead of its branches", key, c.Commit.Subject())
			}
		}
	}
}

// expire ends the leases of dead nodes, as their end of time would.
func expire(t *testing.T, s *Store) {
	t.Helper()
	ok(t, s.db.write(t.Context(), "test", func(x *tx) error {
		_, err := x.exec(`UPDATE job SET lease_until = 1 WHERE state = 1`)
		return err
	}))
}

func checkWhole(t *testing.T, s *Store, repo int64, when string) {
	t.Helper()
	until(t, s.sweeps.idle)
	one, two := issue(t, s, "R-1"), issue(t, s, "R-2")
	if got := fmt.Sprint(subjects(one), subjects(two)); got != "[R-1 kept R-1 root] [R-2 merge R-2 side]" {
		t.Errorf("%s: commits are %s", when, got)
	}
	if len(one.Branches) != 0 || len(two.Branches) != 1 || two.Branches[0].Name != "R-2-new" || len(one.Tags) != 1 {
		t.Errorf("%s: branches are %v and %v, tags %v", when, one.Branches, two.Branches, one.Tags)
	}
	if b := one.Commits[1].Branches; fmt.Sprint(b) != "[main R-2-new]" {
		t.Errorf("%s: branches of the root are %v", when, b)
	}
	st := must(s.RepoStatus(t.Context(), repo))(t)
	if st.Refs != 3 || st.Commits != 5 || st.LinkedCommits != 4 || st.LinkedBranches != 1 || st.State != model.StateIdle {
		t.Errorf("%s: status is %+v", when, st)
	}
	if n := countRows(t, s, "link"); n != 5 {
		t.Errorf("%s: %d links, want 5", when, n)
	}
}
