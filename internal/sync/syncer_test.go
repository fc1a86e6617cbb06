package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// A stage is a syncer between a fake server and a fake store, with one repo of id 1.
type stage struct {
	t *testing.T
	*fakeHistory
	store  *fakeStore
	runner *Runner
	seen   []model.Progress
}

// TestRelinkAfterHalfAFirstSync: a first sync that was killed while it recorded left links; other
// rules, at the next try, do not leave them as they are.
func TestRelinkAfterHalfAFirstSync(t *testing.T) {
	s := newStage(t, appOptions)
	s.commit("main", "APP-1 NEW-2")
	s.onFetch = func(context.Context, int) error { return errors.New("killed") }
	for range 2 {
		if _, err := s.run(true, model.PrioritySchedule); err == nil || len(s.store.relinks) != 1 {
			t.Fatalf("the rules are to be noted once: %q, %v", s.store.relinks, err)
		}
	}
	o := appOptions
	o.Issues.Projects = []string{"NEW"}
	if err := s.runner.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	s.onFetch = nil
	s.sync(resultChanged)
	if n := len(s.store.relinks); n != 2 || s.store.repos[1].rules != s.store.relinks[1] {
		t.Errorf("relinked %d times", n)
	}
}

var appOptions = Options{Schedule: "@daily", Issues: issuekey.Options{Projects: []string{"APP", "OPS"}}}

func newStage(t *testing.T, o Options) *stage {
	t.Helper()
	s := &stage{t: t, fakeHistory: newFakeHistory(), store: newFakeStore()}
	s.store.addRepo(1, "git@host:acme/app.git", "")
	var err error
	s.runner, err = New(Parts{Node: "n", Queue: s.store, Planner: s.store, Ledger: s.store, Relinker: s.store, Mover: s.store, History: s.fakeHistory}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run claims and runs one job of repo 1.
func (s *stage) run(fetch bool, p model.Priority) (outcome, error) {
	s.t.Helper()
	if err := s.store.Enqueue(s.t.Context(), model.Request{RepoID: 1, Fetch: fetch, Priority: p}); err != nil {
		s.t.Fatal(err)
	}
	job, err := s.store.Claim(s.t.Context(), model.ClaimOptions{PerHost: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := s.runner.workers.syncer.sync(s.t.Context(), job, func(p model.Progress) { s.seen = append(s.seen, p) })
	if err != nil {
		_ = s.store.Fail(s.t.Context(), job.Job, model.AsFailure(err), job.RunAt)
	} else if s.store.running[1] != nil {
		s.t.Error("the job still runs after a sync that worked")
	}
	return out, err
}

func (s *stage) sync(want string) outcome {
	s.t.Helper()
	out, err := s.run(true, model.PrioritySchedule)
	if err != nil || out.result != want {
		s.t.Fatalf("sync: %+v, %v, want %s", out, err, want)
	}
	return out
}

// check compares the store's refs and commits with the server's.
func (s *stage) check() {
	s.t.Helper()
	repo := s.store.repos[1]
	list, _ := (&fakeSession{fakeHistory: s.fakeHistory}).Refs(s.t.Context(), [32]byte{})
	if !slices.Equal(repo.refs, list.Refs) {
		s.t.Errorf("refs %v, the server has %v", repo.refs, list.Refs)
	}
	for h, c := range repo.commits {
		if string(c.Raw) != s.commits[h].raw || !slices.Equal(c.Parents, s.commits[h].parents) {
			s.t.Errorf("commit %s is stored as %q %v", h, c.Raw, c.Parents)
		}
	}
	for _, r := range list.Refs {
		for queue := []model.Hash{r.Commit()}; len(queue) > 0; queue = queue[1:] {
			if _, ok := repo.commits[queue[0]]; !ok {
				s.t.Errorf("commit %s of %s is not stored", queue[0], r.Name)
			}
			queue = append(queue, s.commits[queue[0]].parents...)
		}
	}
}

func (s *stage) lastFetch() fakeFetch { return s.fetches[len(s.fetches)-1] }

func (s *stage) lastResult() model.SyncResult {
	r := s.store.repos[1].results
	return r[len(r)-1]
}

func TestFirstSyncAndMore(t *testing.T) {
	s := newStage(t, appOptions)
	first := s.commit("main", "APP-1 first")
	second := s.commit("main", "APP-2, ops-3: second")
	s.set("refs/tags/v1", hash(77), first)
	out := s.sync(resultChanged)
	if out.commits != 2 || out.links != 3 {
		t.Errorf("first index: %+v", out)
	}
	s.check()
	if got := s.store.repos[1].commits[second].Keys; !slices.Equal(got, []model.IssueKey{"APP-2", "OPS-3"}) {
		t.Errorf("keys of the second commit: %v", got)
	}
	if f := s.lastFetch(); len(f.haves) != 0 {
		t.Errorf("haves of the first index: %v", f.haves)
	}
	if r := s.lastResult(); r.Default != "refs/heads/main" || r.Rules == "" || r.Updates[len(r.Updates)-1].Peeled != first {
		t.Errorf("recorded %+v", r)
	}
	if p := s.seen[len(s.seen)-1]; p.Stage != "history" || p.Commits != 2 {
		t.Errorf("progress %+v", p)
	}

	s.sync(resultUnchanged)
	if len(s.fetches) != 1 {
		t.Error("a sync with nothing new fetched")
	}
	s.commit("main", "more")
	if out := s.sync(resultChanged); out.commits != 1 || !slices.Equal(s.lastFetch().haves, []model.Hash{second}) {
		t.Errorf("+1 commit: %+v with haves %v", out, s.lastFetch().haves)
	}
	s.check()
}

// TestShapes walks through what happens to refs on servers.
func TestShapes(t *testing.T) {
	s := newStage(t, appOptions)
	base := s.commit("main", "base")
	old := s.commit("main", "old")
	s.commit("a/b", "side")
	s.sync(resultChanged)

	s.set("refs/heads/feature/app-7-login", old, model.Hash{})
	out := s.sync(resultChanged)
	if len(s.fetches) != 1 || out.links != 1 {
		t.Errorf("a branch on a known commit: %d fetches, %+v", len(s.fetches), out)
	}
	if b := s.lastResult().Branches; len(b) != 1 || b[0] != (model.BranchLink{Key: "APP-7", RepoID: 1, Name: "feature/app-7-login", Tip: old}) {
		t.Errorf("branch links %+v", b)
	}

	s.set("refs/heads/main", base, model.Hash{}) // git push --force, back to the base
	s.commit("main", "APP-8 rewritten")
	s.sync(resultChanged)
	s.check()
	if u := s.lastResult().Updates; len(u) != 1 || u[0].Old != old {
		t.Errorf("force-push: %+v", u)
	}

	tip := s.refs["refs/heads/a/b"].Tip
	s.set("refs/heads/a/b", model.Hash{}, model.Hash{})
	s.set("refs/heads/a", tip, model.Hash{})
	s.sync(resultChanged)
	s.check()
	if u := s.lastResult().Updates; len(u) != 2 || u[0].Name != "refs/heads/a" || !u[1].New.IsZero() {
		t.Errorf("a/b → a: %+v", u)
	}

	s.head = "refs/heads/a"
	s.sync(resultChanged)
	if r := s.lastResult(); r.Default != "refs/heads/a" || len(r.Updates) != 0 {
		t.Errorf("another default branch: %+v", r)
	}

	for name := range s.refs {
		s.set(name, model.Hash{}, model.Hash{})
	}
	s.sync(resultChanged)
	s.check()
	s.sync(resultUnchanged)
	s.commit("main", "APP-9 a new beginning")
	s.sync(resultChanged)
	s.check()
}

func TestEmptyRepository(t *testing.T) {
	s := newStage(t, appOptions)
	s.sync(resultChanged)
	if !s.store.repos[1].indexed || len(s.fetches) != 0 {
		t.Error("an empty repository is not indexed, or was fetched")
	}
	s.sync(resultUnchanged)
}

// TestUnpeeledTag: where the list does not peel a tag, the fetch does.
func TestUnpeeledTag(t *testing.T) {
	s := newStage(t, appOptions)
	tip := s.commit("main", "one")
	updates := []model.RefUpdate{{Name: "refs/tags/v1", New: hash(5)}, {Name: "refs/tags/v2", New: hash(6), Peeled: tip}}
	peel(updates, map[model.Hash]model.Hash{hash(5): tip, hash(6): hash(7)})
	if updates[0].Peeled != tip || updates[1].Peeled != tip {
		t.Errorf("peeled: %+v", updates)
	}
}

func TestGlobsChange(t *testing.T) {
	s := newStage(t, appOptions)
	s.commit("main", "one")
	s.commit("wip/app-1", "APP-2 two")
	s.sync(resultChanged)
	o := appOptions
	o.Exclude = []string{"wip/**"}
	if err := s.runner.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	s.sync(resultChanged)
	if u := s.lastResult().Updates; len(u) != 1 || u[0].Name != "refs/heads/wip/app-1" || !u[0].New.IsZero() {
		t.Errorf("after the exclusion: %+v", u)
	}
	s.sync(resultUnchanged)
	if err := s.runner.SetOptions(appOptions); err != nil {
		t.Fatal(err)
	}
	s.sync(resultChanged)
	s.check()
}

func TestRelinkJobs(t *testing.T) {
	s := newStage(t, appOptions)
	tip := s.commit("main", "APP-1 NEW-2")
	s.sync(resultChanged)
	lists := s.lists
	s.store.relinks = nil
	if out, err := s.run(false, model.PriorityBackfill); err != nil || out.result != resultUnchanged || len(s.store.relinks) != 0 {
		t.Errorf("relink with the same rules: %+v, %v", out, err)
	}
	if out, err := s.run(false, model.PriorityManual); err != nil || out.result != resultRelinked || len(s.store.relinks) != 1 {
		t.Errorf("relink by hand: %+v, %v", out, err)
	}
	o := appOptions
	o.Issues.Projects = []string{"NEW"}
	if err := s.runner.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	var changes []model.LinkChange
	if err := s.runner.RelinkDryRun(t.Context(), s.store.repos[1].Repo, func(c model.LinkChange) { changes = append(changes, c) }); err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 || changes[0] != (model.LinkChange{Key: "NEW-2", Commit: tip, Added: true}) || len(s.store.relinks) != 1 {
		t.Errorf("dry run: %+v", changes)
	}
	if out, err := s.run(false, model.PriorityBackfill); err != nil || out.result != resultRelinked || s.lists != lists {
		t.Errorf("relink with other rules: %+v, %v, %d lists", out, err, s.lists-lists)
	}
	o.Issues.Aliases = map[string]string{"OLD": "NEW"}
	if err := s.runner.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	s.sync(resultUnchanged) // and relinks on its way
	if len(s.store.relinks) != 3 || s.store.repos[1].rules != s.store.relinks[2] {
		t.Errorf("relinked %d times", len(s.store.relinks))
	}
}

// TestRefMovedMeanwhile: the tip that was listed is gone when it is asked for.
func TestRefMovedMeanwhile(t *testing.T) {
	s := newStage(t, appOptions)
	base := s.commit("main", "base")
	s.sync(resultChanged)
	s.commit("main", "gone soon")
	s.onFetch = func(_ context.Context, n int) error {
		if n == 2 {
			s.set("refs/heads/main", base, model.Hash{})
			s.commit("main", "in its place")
		}
		return nil
	}
	s.sync(resultChanged)
	s.check()
	if len(s.fetches) != 3 || len(s.fetches[2].haves) == 0 {
		t.Errorf("fetches: %v", s.fetches)
	}
}

// TestNegotiationRefused: a server that chokes on haves gets a fetch without.
func TestNegotiationRefused(t *testing.T) {
	s := newStage(t, appOptions)
	s.commit("main", "base")
	s.sync(resultChanged)
	s.commit("main", "more")
	refuse := &model.Failure{Code: model.CodeProtocol, Detail: "empty git-upload-pack given"}
	s.onFetch = func(_ context.Context, n int) error {
		if n == 2 {
			return refuse
		}
		return nil
	}
	if out := s.sync(resultChanged); out.commits != 2 || len(s.lastFetch().haves) != 0 {
		t.Errorf("%+v, haves %v", out, s.lastFetch().haves)
	}
	s.check()
	s.commit("main", "still more")
	s.onFetch = func(context.Context, int) error { return refuse }
	n := len(s.fetches)
	if _, err := s.run(true, model.PrioritySchedule); !errors.Is(err, refuse) || len(s.fetches) != n+2 {
		t.Errorf("a server that always refuses: %v after %d fetches", err, len(s.fetches)-n)
	}
}

// TestStream sends more than the pipe holds, with giants among it.
func TestStream(t *testing.T) {
	s := newStage(t, appOptions)
	for i := range 3*batchCommits + 7 {
		message := fmt.Sprintf("APP-%d", i+1)
		if i%2000 == 5 {
			message += strings.Repeat(" long", batchBytes/4)
		}
		s.commit("main", message)
	}
	out := s.sync(resultChanged)
	if want := int64(3*batchCommits + 7); out.commits != want || out.links != want {
		t.Errorf("%+v, want %d", out, want)
	}
	s.check()
}

func TestStoreFails(t *testing.T) {
	full := &model.Failure{Code: model.CodeDiskFull, Detail: "no space"}
	for name, c := range map[string]struct {
		break_ func(*fakeStore)
		code   string
	}{
		"an error": {func(s *fakeStore) { s.addErr = full }, model.CodeDiskFull},
		"a panic":  {func(s *fakeStore) { s.addPanic = true }, model.CodeInternal},
	} {
		s := newStage(t, appOptions)
		for range 3 * batchCommits {
			s.commit("main", "APP-1")
		}
		c.break_(s.store)
		if _, err := s.run(true, model.PrioritySchedule); model.AsFailure(err).Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
