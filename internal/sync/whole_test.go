package sync_test

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/hosts"
	"issuetrail/internal/issuekey"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/sync"
	"issuetrail/internal/testpg"
	"issuetrail/internal/testssh"
)

// These tests join the real parts: git and sshd, the mirror, the store on both engines.

// pool makes a History of a mirror.Pool, as cmd/daemon does.
type pool struct {
	*mirror.Pool
	beforeFetch func() // may be nil
}

func (p pool) Open(ctx context.Context, a model.Address) (sync.Session, error) {
	s, err := p.Pool.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	return session{s, p.beforeFetch}, nil
}

type session struct {
	*mirror.Session
	beforeFetch func()
}

func (s session) Fetch(ctx context.Context, wants, haves []model.Hash, progress func(model.Progress),
	emit func(model.RawCommit) error,
) (map[model.Hash]model.Hash, error) {
	if s.beforeFetch != nil {
		s.beforeFetch()
	}
	got, err := s.Session.Fetch(ctx, mirror.FetchRequest{Wants: wants, Haves: haves, Progress: progress}, emit)
	return got.Tags, err
}

type oneKey struct{ signer ssh.Signer }

func (k oneKey) Signers(context.Context) ([]ssh.Signer, error) {
	return []ssh.Signer{k.signer}, nil
}

type anyHost struct{}

func (anyHost) Check(string, ssh.PublicKey) error { return nil }
func (anyHost) Algorithms(string) []string        { return nil }
func (anyHost) Generation() uint64                { return 1 }

func TestMain(m *testing.M) { testpg.Main(m) }

// A house is a running Runner on real parts with one repository.
type house struct {
	*testing.T
	server *testssh.Server
	dir    string // the repository at the server
	store  *store.Store
	runner *sync.Runner
	repo   model.Repo
	opts   sync.Options
}

func newHouse(t *testing.T, o testssh.Options, db store.Options, beforeFetch func(h *house)) *house {
	t.Helper()
	server := testssh.Start(t, o)
	h := &house{T: t, server: server, dir: server.InitRepo("acme/app.git")}
	h.opts = sync.Options{Schedule: "@daily", Issues: issuekey.Options{Projects: []string{"APP", "OPS"}}}
	if db.URL == "" {
		db.DataDir = t.TempDir()
	}
	db.Moved = func(r model.Repo, name string) string { return hosts.Moved(r.Host, h.address(r.URL), name) }
	var err error
	h.store, err = store.Open(t.Context(), db)
	h.ok(err)
	p := mirror.NewPool(mirror.Options{
		Keys: oneKey{server.Signer}, HostKeys: anyHost{},
		Allow: func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} },
	})
	h.runner, err = sync.New(sync.Parts{
		Node: "test", Queue: h.store, Planner: h.store, Ledger: h.store, Relinker: h.store, Mover: h.store,
		History: pool{p, func() { beforeFetch(h) }},
	}, h.opts)
	h.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.Close()
		h.store.Close()
	})
	h.repo, err = h.store.AddRepo(t.Context(), model.RepoSpec{URL: server.URL("acme/app.git"), Host: "git", Mirror: model.MirrorCommits, Source: model.SourceAPI})
	h.ok(err)
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) address(url string) model.Address {
	a, err := model.ParseAddress(url)
	h.ok(err)
	return a
}

func (h *house) git(args ...string) string {
	h.Helper()
	return testssh.Git(h, h.dir, args...)
}

// until waits for a condition with the real clock.
func (h *house) until(what string, ok func() bool) {
	h.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			status, err := h.store.RepoStatus(h.Context(), h.repo.ID)
			h.Fatalf("never: %s; %+v, %+v, %v", what, status, status.LastFailure, err)
		}
	}
}

// settled waits until no job is left.
func (h *house) settled() {
	h.Helper()
	h.until("all jobs are done", func() bool {
		s, err := h.store.Stats(h.Context())
		h.ok(err)
		return s.JobsWaiting+s.JobsRunning == 0
	})
}

// sync rings the bell, waits for the end and compares with git.
func (h *house) sync() {
	h.Helper()
	h.ok(h.store.Enqueue(h.Context(), model.Request{RepoID: h.repo.ID, Priority: model.PriorityWebhook, Fetch: true}))
	h.settled()
	h.check(`\b(APP|OPS)-[1-9][0-9]*\b`)
}

// check compares the links of commits and branches with a search over git log, by a
// regular expression that is enough for the messages of these tests.
func (h *house) check(keys string) {
	h.Helper()
	status, err := h.store.RepoStatus(h.Context(), h.repo.ID)
	h.ok(err)
	if status.LastFailure != nil {
		h.Fatalf("the sync failed: %+v", status.LastFailure)
	}
	pattern := regexp.MustCompile(keys)
	want := map[string][]string{} // key → commits and branches
	for _, entry := range strings.Split(h.git("log", "--branches", "--tags", "--format=%H%n%B%x01"), "\x01") {
		hash, message, _ := strings.Cut(strings.TrimSpace(entry), "\n")
		for _, key := range pattern.FindAllString(message, -1) {
			want[key] = append(want[key], hash)
		}
	}
	for _, name := range strings.Fields(h.git("for-each-ref", "--format=%(refname:short)", "refs/heads")) {
		for _, key := range pattern.FindAllString(name, -1) {
			want[key] = append(want[key], "branch "+name)
		}
	}
	got := map[string][]string{}
	for cursor := ""; ; {
		page, next, err := h.store.Issues(h.Context(), "", 3, cursor)
		h.ok(err)
		for _, s := range page {
			if links := h.issue(s.Key); links != nil {
				got[string(s.Key)] = links
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	for key, links := range want {
		slices.Sort(links)
		want[key] = slices.Compact(links)
		if !slices.Equal(want[key], got[key]) {
			h.Errorf("%s: linked %v, git has %v", key, got[key], want[key])
		}
	}
	for key := range got {
		if want[key] == nil {
			h.Errorf("%s is linked to %v, git knows it not", key, got[key])
		}
	}
}

// issue gives the commits and branches of a key, sorted.
func (h *house) issue(key model.IssueKey) []string {
	h.Helper()
	var out []string
	for q := (model.IssueQuery{Limit: 100}); ; {
		issue, err := h.store.Issue(h.Context(), key, q)
		h.ok(err)
		for _, c := range issue.Commits {
			out = append(out, c.Commit.Hash.String())
		}
		if q.Cursor == "" {
			for _, b := range issue.Branches {
				out = append(out, "branch "+b.Name)
			}
		}
		if q.Cursor = issue.Next; q.Cursor == "" {
			break
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestWhole takes one repository through its life, on servers of both protocols.
func TestWhole(t *testing.T) {
	for name, c := range map[string]struct {
		server   testssh.Options
		postgres bool
	}{
		"protocol 2":             {},
		"protocol 2, PostgreSQL": {postgres: true},
		"protocol 0":             {server: testssh.Options{NoProtocolV2: true, NoFilter: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var db store.Options
			if c.postgres {
				db.URL = testpg.New(t)
			}
			h := newHouse(t, c.server, db, func(*house) {})
			h.settled() // empty
			h.check("APP")

			testssh.AddCommits(h, h.dir, "main", 120, nil)
			testssh.AddCommits(h, h.dir, "OPS-4-side/x", 3, func(i int) string { return "Merge OPS-9 and APP-5\n" })
			h.git("tag", "-a", "-m", "first", "v1", "main~5")
			h.git("tag", "light", "main~7")
			h.sync()

			h.Log("one commit more")
			testssh.AddCommits(h, h.dir, "main", 1, func(int) string { return "APP-500 one more\n" })
			h.sync()

			h.Log("a force-push")
			h.git("update-ref", "refs/heads/main", "main~30")
			testssh.AddCommits(h, h.dir, "main", 2, func(int) string { return "OPS-77 rewritten\n" })
			h.sync()

			h.Log("a branch on a known commit")
			h.git("branch", "feature/APP-900-login", "main~50")
			h.sync()

			h.Log("a/b becomes a")
			h.git("branch", "APP-901/b", "main~3")
			h.sync()
			h.git("branch", "-m", "APP-901/b", "tmp")
			h.git("branch", "-m", "tmp", "APP-901")
			h.sync()

			h.Log("a branch is deleted, with commits of its own")
			h.git("branch", "-D", "OPS-4-side/x")
			h.sync()

			h.Log("other projects, an alias")
			h.opts.Issues.Projects = []string{"OPS"}
			h.ok(h.runner.SetOptions(h.opts))
			h.until("no APP link is left", func() bool { return h.issue("APP-900") == nil && h.issue("APP-5") == nil })
			h.settled()
			h.check(`\bOPS-[1-9][0-9]*\b`)
			h.opts.Issues = issuekey.Options{Projects: []string{"APP", "OPS"}}
			h.ok(h.runner.SetOptions(h.opts))
			h.until("the APP links are back", func() bool { return h.issue("APP-900") != nil })
			h.sync()

			h.Log("emptied, then filled again")
			h.git("update-ref", "-d", "refs/heads/main")
			for _, ref := range strings.Fields(h.git("for-each-ref", "--format=%(refname)")) {
				h.git("update-ref", "-d", ref)
			}
			h.sync()
			testssh.AddCommits(h, h.dir, "main", 4, func(int) string { return "APP-1000 anew\n" })
			h.sync()
		})
	}
}

// TestMovedRef: between list and fetch the tip that was listed disappears for good.
func TestMovedRef(t *testing.T) {
	for name, o := range map[string]testssh.Options{
		"protocol 2": {},
		"protocol 0": {NoProtocolV2: true, NoFilter: true},
	} {
		t.Run(name, func(t *testing.T) {
			var move atomic.Bool
			h := newHouse(t, o, store.Options{}, func(h *house) {
				if move.CompareAndSwap(true, false) {
					h.git("update-ref", "refs/heads/main", "main~1")
					testssh.AddCommits(h, h.dir, "main", 1, func(int) string { return "OPS-2 in its place\n" })
					h.git("gc", "-q", "--prune=now")
				}
			})
			testssh.AddCommits(h, h.dir, "main", 3, nil)
			h.sync()
			testssh.AddCommits(h, h.dir, "main", 1, func(int) string { return "OPS-1 gone soon\n" })
			move.Store(true)
			h.sync()
			if move.Load() || h.issue("OPS-2") == nil || h.issue("OPS-1") != nil {
				t.Errorf("OPS-1 %v, OPS-2 %v", h.issue("OPS-1"), h.issue("OPS-2"))
			}
		})
	}
}
