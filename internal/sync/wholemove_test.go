package sync_test

import (
	"os"
	"path/filepath"
	"testing"

	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/testpg"
	"issuetrail/internal/testssh"
)

// ring accepts a delivery of repository 42 that calls it by an address, and waits for the syncs.
func (h *house) ring(id, url string) {
	h.Helper()
	_, err := h.store.Accept(h.Context(), model.Delivery{Host: "git", Push: model.Push{
		DeliveryID: id, Event: "push", RepoID: "42", RepoName: h.address(url).Name(), URLs: []string{url},
	}})
	h.ok(err)
	h.settled()
}

// TestWholeMove has deliveries that call a known repository by another address, with this and
// that at the new place.
func TestWholeMove(t *testing.T) {
	one := func(h *house, dir, message string) {
		testssh.AddCommits(h, dir, "main", 1, func(int) string { return message + "\n" })
	}
	clone := func(h *house, to string) { testssh.Git(h, h.server.Root, "clone", "-q", "--bare", h.dir, to) }
	for name, c := range map[string]struct {
		there func(h *house, to string) // to is the new place
		moves bool
	}{
		"the folder was renamed": {func(h *house, to string) {
			h.ok(os.Rename(h.dir, to))
		}, true},
		"renamed, and every branch moved on": {func(h *house, to string) {
			h.ok(os.Rename(h.dir, to))
			testssh.Git(h, to, "branch", "-D", "OPS-4-side")
			one(h, to, "APP-700 at the new place")
		}, true},
		"renamed, and one branch is left, set back and rewritten": {func(h *house, to string) {
			h.ok(os.Rename(h.dir, to))
			testssh.Git(h, to, "branch", "-D", "OPS-4-side")
			testssh.Git(h, to, "update-ref", "refs/heads/main", "main~9")
			one(h, to, "APP-701 rewritten")
			testssh.Git(h, to, "gc", "-q", "--prune=now")
		}, true},
		// The id in the delivery says that it is none: a host gives a fork another one.
		"a fork of equal history": {func(h *house, to string) {
			clone(h, to)
			one(h, to, "APP-702 of the fork")
		}, true},
		"another repository": {func(h *house, to string) {
			h.server.InitRepo(filepath.Base(to))
			testssh.AddCommits(h, to, "main", 300, func(int) string { return "APP-666 of another\n" })
		}, false},
		"an empty one": {func(h *house, to string) { h.server.InitRepo(filepath.Base(to)) }, false},
		"nothing":      {func(*house, string) {}, false},
	} {
		for kind, o := range map[string]testssh.Options{"protocol 2": {}, "protocol 0": {NoProtocolV2: true, NoFilter: true}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				checkMove(newHouse(t, o, store.Options{}, func(*house) {}), c.there, c.moves)
			})
		}
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		h := newHouse(t, testssh.Options{}, store.Options{URL: testpg.New(t)}, func(*house) {})
		checkMove(h, func(h *house, to string) { h.ok(os.Rename(h.dir, to)) }, true)
	})
}

func checkMove(h *house, there func(h *house, to string), moves bool) {
	testssh.AddCommits(h, h.dir, "main", 40, nil)
	testssh.AddCommits(h, h.dir, "OPS-4-side", 3, nil)
	h.sync()
	old := h.repo.URL
	h.ring("1", old) // the id is learnt
	to, next := filepath.Join(h.server.Root, "new.git"), h.server.URL("new.git")
	there(h, to)
	h.ring("2", next)
	status, err := h.store.RepoStatus(h.Context(), h.repo.ID)
	h.ok(err)
	if status.HostID != "42" || status.MovedTo != "" {
		h.Fatalf("id %q, suspected at %q", status.HostID, status.MovedTo)
	}
	want := old
	if moves {
		want, h.dir = next, to
	}
	if status.URL != want {
		h.Fatalf("at %s, want %s; %+v", status.URL, want, status.LastFailure)
	}
	h.check(`\b(APP|OPS)-[1-9][0-9]*\b`) // of where it is now, the links kept
	testssh.AddCommits(h, h.dir, "main", 2, nil)
	h.sync()
	if repo, err := h.store.FindRepo(h.Context(), old); err != nil || repo.ID != h.repo.ID {
		h.Errorf("by its old address: %+v, %v", repo, err)
	}
}

// TestForeignRefsAreNotRecorded: what hosts keep beside heads and tags leaves no ref, no
// commit and no link.
func TestForeignRefsAreNotRecorded(t *testing.T) {
	for name, o := range map[string]testssh.Options{"protocol 2": {}, "protocol 0": {NoProtocolV2: true, NoFilter: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, o, store.Options{}, func(*house) {})
			testssh.AddCommits(h, h.dir, "main", 3, nil)
			for _, ref := range []string{"refs/pull/1/head", "refs/merge-requests/1/head", "refs/changes/01/1/1", "refs/meta/config", "refs/notes/commits", "refs/keep-around/x"} {
				testssh.AddCommits(h, h.dir, ref, 2, func(int) string { return "OPS-666 " + ref + "\n" })
			}
			h.sync()
			status, err := h.store.RepoStatus(h.Context(), h.repo.ID)
			h.ok(err)
			if status.Refs != 1 || status.Commits != 3 || h.issue("OPS-666") != nil {
				h.Errorf("%d refs, %d commits, %v", status.Refs, status.Commits, h.issue("OPS-666"))
			}
		})
	}
}
