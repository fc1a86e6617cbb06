package store

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/testpg"
)

func TestMain(m *testing.M) { testpg.Main(m) }

// A bed is one database that a test may open more than once.
type bed struct {
	t    testing.TB
	opts Options
}

// open opens the database of the bed; it is closed when the test ends.
func (b *bed) open() *Store {
	b.t.Helper()
	s, err := Open(context.Background(), b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { s.Close() })
	return s
}

// onBoth runs a test on each engine.
func onBoth(t *testing.T, f func(t *testing.T, b *bed)) {
	t.Run("sqlite", func(t *testing.T) { f(t, &bed{t, Options{DataDir: t.TempDir()}}) })
	t.Run("postgres", func(t *testing.T) { f(t, &bed{t, Options{URL: testpg.New(t)}}) })
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

var spec = model.RepoSpec{URL: "git@example.com:acme/app.git", Host: "h", Mirror: model.MirrorCommits, Source: model.SourceAPI}

func addRepo(t testing.TB, s *Store, name string) model.Repo {
	t.Helper()
	sp := spec
	sp.URL = "git@example.com:" + name + ".git"
	return must(s.AddRepo(t.Context(), sp))(t)
}

var node1 = model.ClaimOptions{Node: "n1", Lease: time.Minute}

// claim takes a job of the repo, whatever else is due is not expected.
func claimJob(t testing.TB, s *Store) model.Claimed {
	t.Helper()
	return must(s.Claim(t.Context(), node1))(t)
}

// syncJob queues a sync of the repo and claims it.
func syncJob(t testing.TB, s *Store, repo int64) model.Job {
	t.Helper()
	ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual, Fetch: true}))
	c := claimJob(t, s)
	if c.RepoID != repo {
		t.Fatalf("claimed repo %d, want %d", c.RepoID, repo)
	}
	return c.Job
}

var keyPattern = regexp.MustCompile(`[A-Z][A-Z0-9]*-[0-9]+`)

func keysIn(text string) (keys []model.IssueKey) {
	for _, k := range keyPattern.FindAllString(text, -1) {
		keys = append(keys, model.IssueKey(k))
	}
	return keys
}

// commit makes a commit object as git does.
func commit(message string, at int64, parents ...model.Hash) model.BatchCommit {
	raw := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
	for _, p := range parents {
		raw += "parent " + p.String() + "\n"
	}
	raw += fmt.Sprintf("author A U Thor <a@example.com> %d +0000\ncommitter C <c@example.com> %d +0000\n\n%s\n", at, at, message)
	h := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(raw), raw))
	return model.BatchCommit{
		RawCommit: model.RawCommit{Hash: h, Raw: []byte(raw)}, Parents: parents, CommittedAt: at, Keys: keysIn(message),
	}
}

// record adds commits and records refs, name → tip, against what the store has.
func record(t testing.TB, s *Store, j model.Job, commits []model.BatchCommit, refs map[string]model.Hash) {
	t.Helper()
	ok(t, s.Add(t.Context(), j, commits))
	ok(t, s.Record(t.Context(), j, resultOf(t, s, j.RepoID, refs)))
}

func resultOf(t testing.TB, s *Store, repo int64, refs map[string]model.Hash) model.SyncResult {
	t.Helper()
	r := model.SyncResult{Default: "refs/heads/main", Rules: "rules"}
	for _, ref := range must(s.Refs(t.Context(), repo))(t) {
		if refs[ref.Name] != ref.Tip {
			r.Updates = append(r.Updates, model.RefUpdate{Name: ref.Name, Old: ref.Tip, New: refs[ref.Name]})
		}
		delete(refs, ref.Name)
	}
	for name, tip := range refs {
		r.Updates = append(r.Updates, model.RefUpdate{Name: name, New: tip})
		if short, isBranch := (model.Ref{Name: name}).Branch(); isBranch {
			for _, k := range keysIn(short) {
				r.Branches = append(r.Branches, model.BranchLink{Key: k, RepoID: repo, Name: short, Tip: tip})
			}
		}
	}
	return r
}

func issue(t testing.TB, s *Store, key model.IssueKey) model.Issue {
	t.Helper()
	return must(s.Issue(t.Context(), key, model.IssueQuery{}))(t)
}

func subjects(i model.Issue) (list []string) {
	for _, c := range i.Commits {
		list = append(list, c.Commit.Subject())
	}
	return list
}

func nowOf(s *Store) (at time.Time, err error) {
	err = s.db.read(context.Background(), func(t *tx) error {
		at, err = t.now()
		return err
	})
	return at, err
}

func countRows(t testing.TB, s *Store, table string) (n int) {
	t.Helper()
	ok(t, s.db.read(t.Context(), func(x *tx) error { return x.row(`SELECT count(*) FROM ` + table).Scan(&n) }))
	return n
}

func claimAgain(t testing.TB, s *Store, repo int64) model.Claimed {
	t.Helper()
	ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual}))
	return claimJob(t, s)
}

// until waits for a condition that another goroutine brings about.
func until(t testing.TB, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition never came")
		}
	}
}
