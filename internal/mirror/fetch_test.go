package mirror

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// kinds are the ways a server may offer history.
var kinds = map[string]testssh.Options{
	"v2 filtered": {},
	"v2 plain":    {NoFilter: true},
	"v0 filtered": {NoProtocolV2: true},
	"v0 plain":    {NoProtocolV2: true, NoFilter: true},
	"v2 refused":  {GitConfig: []string{"uploadpackfilter.tree.allow=false"}},
	"v0 refused":  {NoProtocolV2: true, GitConfig: []string{"uploadpackfilter.tree.allow=false"}},
}

// forEachKind runs f on a server of each kind.
func forEachKind(t *testing.T, f func(t *testing.T, s *testssh.Server, p *Pool, filtered bool)) {
	for name, o := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testssh.Start(t, o)
			f(t, s, newPool(t, options(s)), !o.NoFilter && len(o.GitConfig) == 0)
		})
	}
}

func TestFetch(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, filtered bool) {
		checkWhole(t, p, s.InitRepo("app.git"), s.URL("app.git"), filtered)
	})
}

// checkWhole fills an empty repository, fetches all of it, and then what is pushed.
func checkWhole(t *testing.T, p *Pool, dir, url string, filtered bool) {
	git := func(args ...string) string { return testssh.Git(t, dir, args...) }
	testssh.AddCommits(t, dir, "main", 30, nil)
	first := git("rev-parse", "main~20")
	git("branch", "feature/x", first)
	testssh.AddCommits(t, dir, "feature/x", 5, nil)
	merge(t, dir, "main", "feature/x")
	git("update-ref", "refs/pull/7/head", testssh.AddCommits(t, dir, "refs/pull/7/head", 3, nil))
	git("tag", "-a", "-m", "one", "v1", "main~3")
	git("tag", "-a", "-m", "nested", "v1-again", "v1")
	git("tag", "light", "main~5")
	git("tag", "-a", "-m", "tree", "tree", "main^{tree}")
	git("tag", "blob", "main:file1")

	h := fetchHistory(t, p, url, nil, nil)
	checkHistory(t, dir, h, "--branches", "--tags")
	if h.Filtered != filtered || len(h.Boundary) != 0 {
		t.Errorf("filtered %v, boundary %v", h.Filtered, h.Boundary)
	}
	target := id(t, git("rev-parse", "v1^{commit}"))
	for _, name := range []string{"v1", "v1-again"} {
		if got := h.Tags[id(t, git("rev-parse", name))]; got != target {
			t.Errorf("%s leads to %s", name, got)
		}
	}
	if len(h.Tags) != 2 {
		t.Errorf("tags %v", h.Tags)
	}
	checkIncrement(t, p, dir, url)
}

// checkIncrement pushes this and that and fetches only the difference.
func checkIncrement(t *testing.T, p *Pool, dir, url string) {
	old := testssh.Git(t, dir, "rev-parse", "main")
	tip := testssh.AddCommits(t, dir, "main", 1, nil)
	h := fetchHistory(t, p, url, []model.Hash{id(t, tip)}, []model.Hash{id(t, old)})
	checkHistory(t, dir, h, old+"..main")

	// A force-push: the old tip is gone at the server, which knows an older commit.
	testssh.Git(t, dir, "update-ref", "refs/heads/main", "main~10")
	base := testssh.Git(t, dir, "rev-parse", "main")
	forced := testssh.AddCommits(t, dir, "main", 2, nil)
	gone := model.Hash{1, 2, 3}
	h = fetchHistory(t, p, url, []model.Hash{id(t, forced)}, []model.Hash{gone, id(t, tip)})
	checkHistory(t, dir, h, tip+"..main")
	if !slices.Equal(h.Boundary, []model.Hash{id(t, base)}) {
		t.Errorf("boundary %v, want %s", h.Boundary, base)
	}
	// A branch on what is known brings nothing.
	testssh.Git(t, dir, "branch", "old", base)
	h = fetchHistory(t, p, url, []model.Hash{id(t, base)}, []model.Hash{id(t, forced)})
	checkHistory(t, dir, h, forced+".."+base)
	if h = fetchHistory(t, p, url, []model.Hash{}, nil); h.Objects != 0 {
		t.Errorf("%d objects for no want", h.Objects)
	}
}

// merge makes a merge commit of other into branch.
func merge(t *testing.T, dir, branch, other string) {
	t.Helper()
	c := testssh.Git(t, dir, "commit-tree", "-m", "APP-99 merge", "-p", branch, "-p", other, branch+"^{tree}")
	testssh.Git(t, dir, "update-ref", "refs/heads/"+branch, c)
}

// TestFetchDeltas has commits that are deltas of others, in chains.
func TestFetchDeltas(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, _ bool) {
		dir := s.InitRepo("app.git")
		long := make([]byte, 4000)
		for i := range long {
			long[i] = byte('a' + i*i%23)
		}
		message := func(i int) string { return fmt.Sprintf("APP-%d %s %d\n", i, long, i) }
		testssh.AddCommits(t, dir, "main", 400, message)
		testssh.Git(t, dir, "repack", "-q", "-adf", "--depth=50", "--window=50")
		checkHistory(t, dir, fetchHistory(t, p, s.URL("app.git"), nil, nil), "--all")
	})
}

// TestFetchOddCommits has commits that git itself would not write.
func TestFetchOddCommits(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	dir := s.InitRepo("app.git")
	tree := testssh.Git(t, dir, "hash-object", "-t", "tree", "-w", "/dev/null")
	raw := []string{
		"tree " + tree + "\n\nno author\n",
		"tree " + tree + "\nauthor x <x> 99999999999999999999 +0000\ncommitter y\n\n\x00\xff\x1b[2J APP-1",
		"",
		"garbage",
	}
	for i, r := range raw {
		c := testssh.GitInput(t, dir, strings.NewReader(r), "hash-object", "-t", "commit", "--literally", "-w", "--stdin")
		loose := "refs/heads/odd" + fmt.Sprint(i)
		if i < 2 {
			testssh.Git(t, dir, "update-ref", loose, c)
		}
	}
	testssh.AddCommits(t, dir, "main", 3, nil)
	h := fetchHistory(t, newPool(t, options(s)), s.URL("app.git"), nil, nil)
	checkHistory(t, dir, h, "--all")
}

// TestFetchShallow reads a repository whose own history is cut off.
func TestFetchShallow(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, _ bool) {
		full := s.InitRepo("full.git")
		testssh.AddCommits(t, full, "main", 20, nil)
		testssh.Git(t, s.Root, "clone", "-q", "--bare", "--depth=5", "file://"+full, "cut.git")
		h := fetchHistory(t, p, s.URL("cut.git"), nil, nil)
		if len(h.commits) != 5 || len(h.Boundary) != 1 {
			t.Errorf("%d commits, boundary %v", len(h.commits), h.Boundary)
		}
	})
}

func TestFetchEmit(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	dir := s.InitRepo("app.git")
	tip := testssh.AddCommits(t, dir, "main", 3000, nil)
	p := newPool(t, options(s))
	se := open(t, p, s.URL("app.git"))
	var last model.Progress
	r := FetchRequest{Wants: []model.Hash{id(t, tip)}, Progress: func(g model.Progress) { last = g }}
	if _, err := se.Fetch(t.Context(), r, func(model.RawCommit) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if last.Commits != 3000 || last.Objects != last.Total || last.Bytes == 0 {
		t.Errorf("progress %+v", last)
	}
	se = open(t, p, s.URL("app.git"))
	n := 0
	_, err := se.Fetch(t.Context(), r, func(model.RawCommit) error {
		if n++; n == 10 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || n != 10 {
		t.Errorf("error %v after %d commits", err, n)
	}
}
