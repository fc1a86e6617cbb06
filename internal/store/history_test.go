package store

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

func TestARecordedSyncIsReadable(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app")
		j := syncJob(t, s, repo.ID)
		root := commit("APP-1 start", 1000)
		fix := commit("APP-1, OPS-2: fix", 2000, root.Hash)
		side := commit("side of APP-1", 3000, root.Hash)
		ok(t, s.Add(t.Context(), j, []model.BatchCommit{fix, side, root}))
		if got := issue(t, s, "APP-1"); len(got.Commits) != 0 {
			t.Fatalf("before Record the issue shows %v", subjects(got))
		}
		record(t, s, j, nil, map[string]model.Hash{
			"refs/heads/main": fix.Hash, "refs/heads/APP-1-side": side.Hash, "refs/heads/a": side.Hash, "refs/tags/v1": root.Hash,
			"refs/heads/bad-\xff-APP-1": root.Hash,
		})
		got := issue(t, s, "APP-1")
		if want := []string{"side of APP-1", "APP-1, OPS-2: fix", "APP-1 start"}; !cmp.Equal(subjects(got), want) {
			t.Errorf("commits are %q, want %q", subjects(got), want)
		}
		start := got.Commits[2]
		if want := []string{"main", "APP-1-side", "a", "bad-\xff-APP-1"}; !cmp.Equal(start.Branches, want) || start.BranchCount != 4 {
			t.Errorf("branches of the root are %q (%d), want %q", start.Branches, start.BranchCount, want)
		}
		if want := []model.TagLink{{RepoID: repo.ID, Name: "v1", Commits: 1}}; !cmp.Equal(got.Tags, want) {
			t.Errorf("tags are %v, want %v", got.Tags, want)
		}
		want := []model.BranchLink{{Key: "APP-1", RepoID: repo.ID, Name: "APP-1-side", Tip: side.Hash}, {Key: "APP-1", RepoID: repo.ID, Name: "bad-\xff-APP-1", Tip: root.Hash}}
		if !cmp.Equal(got.Branches, want) {
			t.Errorf("branch links are %v, want %v", got.Branches, want)
		}
		st := must(s.RepoStatus(t.Context(), repo.ID))(t)
		if st.Refs != 5 || st.Commits != 3 || st.LinkedCommits != 3 || st.LinkedBranches != 2 || st.State != model.StateIdle || st.DefaultBranch != "main" || st.HistoryBytes == 0 {
			t.Errorf("status is %+v", st)
		}
		c := must(s.CommitByHash(t.Context(), repo.ID, fix.Hash))(t)
		if c.Subject() != "APP-1, OPS-2: fix" || !slices.Equal(c.Parents, []model.Hash{root.Hash}) {
			t.Errorf("commit by hash is %+v", c)
		}
		_, err := s.CommitByHash(t.Context(), repo.ID, model.Hash{1})
		wantErr(t, err, model.ErrNotFound)
		known := must(s.Known(t.Context(), repo.ID, []model.Hash{fix.Hash, {2}}))(t)
		if !known[0] || known[1] {
			t.Errorf("known is %v", known)
		}
	})
}

func TestForcePushHidesAndShowsAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		root, lost, other := commit("APP-1 root", 1), model.BatchCommit{}, model.BatchCommit{}
		lost = commit("APP-1 lost", 2, root.Hash)
		other = commit("APP-1 other", 3, root.Hash)
		record(t, s, syncJob(t, s, repo), []model.BatchCommit{lost, root}, map[string]model.Hash{"refs/heads/main": lost.Hash})
		record(t, s, syncJob(t, s, repo), []model.BatchCommit{other}, map[string]model.Hash{"refs/heads/main": other.Hash})
		if got := subjects(issue(t, s, "APP-1")); !cmp.Equal(got, []string{"APP-1 other", "APP-1 root"}) {
			t.Errorf("after the force-push: %q", got)
		}
		all := must(s.Issue(t.Context(), "APP-1", model.IssueQuery{Unreachable: true}))(t)
		if len(all.Commits) != 3 || all.Commits[1].Reachable || all.Commits[1].BranchCount != 0 {
			t.Errorf("with unreachable ones: %+v", all.Commits)
		}
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.LinkedCommits != 2 || st.Commits != 3 {
			t.Errorf("counts are %d linked of %d", st.LinkedCommits, st.Commits)
		}
		// The server sends a commit again that is known: it is not stored twice.
		record(t, s, syncJob(t, s, repo), []model.BatchCommit{lost}, map[string]model.Hash{"refs/heads/main": other.Hash, "refs/heads/back": lost.Hash})
		if got := subjects(issue(t, s, "APP-1")); len(got) != 3 {
			t.Errorf("after the commit came back: %q", got)
		}
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.LinkedCommits != 3 || st.Commits != 3 {
			t.Errorf("counts are %d linked of %d, want 3 of 3", st.LinkedCommits, st.Commits)
		}
		// An emptied repository.
		record(t, s, syncJob(t, s, repo), nil, map[string]model.Hash{})
		if got := issue(t, s, "APP-1"); len(got.Commits) != 0 {
			t.Errorf("of an empty repository: %q", subjects(got))
		}
	})
}

func TestWhatADeadJobAddedIsSwept(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("APP-1 one", 1)
		j := syncJob(t, s, repo)
		ok(t, s.Add(t.Context(), j, []model.BatchCommit{c}))
		ok(t, s.Fail(t.Context(), j, &model.Failure{Code: model.CodeTimeout}, must(nowOf(s))(t)))
		swept := func() bool {
			return countRows(t, s, "segment")+countRows(t, s, "link")+countRows(t, s, "segment_block") == 0
		}
		until(t, swept)
		// A node dies: its lease runs out, another claims.
		short := node1
		short.Lease = 0
		dead := must(s.Claim(t.Context(), short))(t)
		ok(t, s.Add(t.Context(), dead.Job, []model.BatchCommit{c}))
		next := claimJob(t, s)
		if next.RepoID != repo || next.Attempt != dead.Attempt+1 {
			t.Errorf("claimed %+v after %+v", next.Job, dead.Job)
		}
		until(t, swept)
		wantErr(t, s.Add(t.Context(), dead.Job, []model.BatchCommit{commit("x", 2)}), model.ErrFenced)
		wantErr(t, s.Record(t.Context(), dead.Job, model.SyncResult{}), model.ErrFenced)
		wantErr(t, s.Renew(t.Context(), dead.Job, 1, nil), model.ErrFenced)
		wantErr(t, s.Finish(t.Context(), dead.Job), model.ErrFenced)
		wantErr(t, s.Fail(t.Context(), dead.Job, &model.Failure{}, must(nowOf(s))(t)), model.ErrFenced)
		wantErr(t, s.ResetHistory(t.Context(), dead.Job), model.ErrFenced)
		record(t, s, next.Job, []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/main": c.Hash})
		if got := issue(t, s, "APP-1"); len(got.Commits) != 1 {
			t.Errorf("got %q", subjects(got))
		}
	})
}

func TestRelinkFollowsTheRules(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		one := commit("APP-1 one", 1)
		two := commit("OLD-2 two", 2, one.Hash)
		record(t, s, syncJob(t, s, repo), []model.BatchCommit{two, one}, map[string]model.Hash{"refs/heads/main": two.Hash, "refs/heads/OLD-3": one.Hash})
		alias := func(keys []model.IssueKey) (out []model.IssueKey) {
			for _, k := range keys {
				if k.Project() == "OLD" {
					out = append(out, "NEW"+k[3:])
				}
			}
			return out
		}
		keys := func(c model.RawCommit) []model.IssueKey { return alias(keysIn(string(c.Raw))) }
		branch := func(name string) []model.IssueKey { return alias(keysIn(name)) }
		want := []model.LinkChange{
			{Key: "APP-1", Commit: one.Hash},
			{Key: "OLD-2", Commit: two.Hash},
			{Key: "NEW-2", Commit: two.Hash, Added: true},
			{Key: "NEW-3", Branch: "OLD-3", Added: true},
			{Key: "OLD-3", Branch: "OLD-3"},
		}
		j := syncJob(t, s, repo)
		for _, dry := range []bool{true, false} {
			var got []model.LinkChange
			ok(t, s.Relink(t.Context(), j, "new rules", keys, branch, dry, func(c model.LinkChange) { got = append(got, c) }))
			if !cmp.Equal(got, want) {
				t.Errorf("dry %v: changes are %v, want %v", dry, got, want)
			}
			if n := len(issue(t, s, "APP-1").Commits); n != int(flag(dry)) {
				t.Errorf("dry %v: %d commits of APP-1", dry, n)
			}
		}
		ok(t, s.Finish(t.Context(), j))
		if c := claimAgain(t, s, repo); c.Rules != "new rules" {
			t.Errorf("rules are %q", c.Rules)
		}
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.LinkedCommits != 1 || st.LinkedBranches != 1 {
			t.Errorf("counts are %+v", st)
		}
	})
}

func TestResetAndDeleteLeaveNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("APP-1 one", 1)
		fill := func() {
			record(t, s, syncJob(t, s, repo), []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/APP-1": c.Hash})
		}
		fill()
		j := syncJob(t, s, repo)
		ok(t, s.ResetHistory(t.Context(), j))
		if got := issue(t, s, "APP-1"); len(got.Commits)+len(got.Branches) != 0 || len(must(s.Refs(t.Context(), repo))(t)) != 0 {
			t.Errorf("after the reset: %+v", got)
		}
		ok(t, s.Finish(t.Context(), j))
		fill()
		if got := issue(t, s, "APP-1"); len(got.Commits) != 1 || len(got.Branches) != 1 {
			t.Errorf("after the next sync: %+v", got)
		}
		ok(t, s.DeleteRepo(t.Context(), repo))
		purged(t, s)
		for _, table := range []string{"repo", "job", "ref", "segment", "segment_index", "segment_block", "link", "branch_link"} {
			if n := countRows(t, s, table); n != 0 {
				t.Errorf("%d rows left in %s", n, table)
			}
		}
		wantErr(t, s.DeleteRepo(t.Context(), repo), model.ErrNotFound)
		_, err := s.Refs(t.Context(), repo)
		wantErr(t, err, model.ErrNotFound)
		addRepo(t, s, "acme/app")
	})
}

func TestAnnotatedTagsLeadToTheirCommit(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("APP-1 one", 1)
		j := syncJob(t, s, repo)
		ok(t, s.Add(t.Context(), j, []model.BatchCommit{c}))
		ok(t, s.Record(t.Context(), j, model.SyncResult{Updates: []model.RefUpdate{{Name: "refs/tags/v1", New: model.Hash{9}, Peeled: c.Hash}}}))
		if got := issue(t, s, "APP-1"); len(got.Tags) != 1 || got.Tags[0].Name != "v1" {
			t.Errorf("tags are %v", got.Tags)
		}
		refs := must(s.Refs(t.Context(), repo))(t)
		if want := []model.Ref{{Name: "refs/tags/v1", Tip: model.Hash{9}, Peeled: c.Hash}}; !cmp.Equal(refs, want) {
			t.Errorf("refs are %v, want %v", refs, want)
		}
	})
}

// A cache that is too small for even one graph costs time, and nothing else.
func TestASmallCacheIsRightToo(t *testing.T) {
	b := &bed{t, Options{DataDir: t.TempDir(), GraphBytes: 1}}
	s := b.open()
	for round := range 3 {
		for _, name := range []string{"acme/a", "acme/b"} {
			c := commit("APP-1 "+name, int64(round))
			r, err := s.FindRepo(t.Context(), name)
			if err != nil {
				r = addRepo(t, s, name)
			}
			record(t, s, syncJob(t, s, r.ID), []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/main": c.Hash})
		}
		if got := issue(t, s, "APP-1"); len(got.Commits) != 2 || got.Commits[0].BranchCount != 1 {
			t.Errorf("round %d: %+v", round, got.Commits)
		}
	}
	if len(s.graphs.views) > 1 {
		t.Errorf("%d graphs are kept", len(s.graphs.views))
	}
	s.graphs.shrink(time.Now().Add(time.Hour))
	if len(s.graphs.views) != 0 {
		t.Error("idle graphs are kept")
	}
}
