package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/testssh"
)

// hubEvent is a body in GitHub's shape; more is JSON that begins with a comma, or nothing.
func hubEvent(s *testssh.Server, id int, name, more string) string {
	owner, short := filepath.Split(name)
	return fmt.Sprintf(`{"repository":{"id":%d,"name":%q,"full_name":%q,"owner":{"login":%q},"ssh_url":%q}%s}`,
		id, short, name, filepath.Clean(owner), namedURL(s, name), more)
}

func hubPushed(s *testssh.Server, id int, name, hash string) string {
	return hubEvent(s, id, name, fmt.Sprintf(`,"ref":"refs/heads/main","before":"%040d","after":%q`, 0, hash))
}

func (w *world) hub(event, body string) (int, map[string]any) {
	w.t.Helper()
	return w.send("github", body, "X-GitHub-Event", event)
}

// An identityWorld follows acme/old on a server where a name is an address, under the id 7 that a push told.
type identityWorld struct {
	*world
	dir   string // of acme/old
	first string // hash of its one commit, APP-1
}

func newIdentity(t *testing.T) *identityWorld {
	t.Helper()
	server := namedSSH(t, testssh.Options{})
	w := &identityWorld{world: newWorldOn(t, server), dir: server.InitRepo("acme/old.git")}
	w.first = testssh.AddCommits(t, w.dir, "main", 1, func(int) string { return "APP-1 first" })
	w.hostsConfig([]string{hostEntry("github", `web_url: "https://hub.example"`), hostEntry("gitlab")}, []string{repoEntry(namedURL(server, "acme/old"), "github")})
	w.mustStart()
	w.synced("old")
	w.pushed("APP-2", "acme/old", 7)
	return w
}

// pushed commits to main of a repository, tells of it under an id, and waits for the link.
func (w *identityWorld) pushed(key, name string, id int) {
	w.t.Helper()
	hash := testssh.AddCommits(w.t, filepath.Join(w.ssh.Root, name+".git"), "main", 1, func(int) string { return key + " pushed" })
	if status, answer := w.hub("push", hubPushed(w.ssh, id, name, hash)); status != 202 {
		w.t.Fatalf("push of %s: %d %v", name, status, answer)
	}
	w.until("the push is linked", func() bool { return w.linked(key, hash) })
}

// moves renames the repository on the server.
func (w *identityWorld) moves(to string) {
	w.t.Helper()
	target := filepath.Join(w.ssh.Root, to+".git")
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(w.dir, target); err != nil {
		w.t.Fatal(err)
	}
	w.dir = target
}

// only gives the one repository there is, idle.
func (w *identityWorld) only() (r wire.Repository) {
	w.t.Helper()
	w.until("the one repository is idle", func() bool {
		all := w.repos()
		if len(all) != 1 {
			w.t.Fatalf("%d repositories: %v", len(all), all)
		}
		for _, r = range all {
		}
		return r.State == "idle"
	})
	return r
}

// is asserts that the one repository has a name, the address of that name, and all links, once.
func (w *identityWorld) is(name string) {
	w.t.Helper()
	r := w.only()
	if r.Name != name || r.URL != namedURL(w.ssh, name) {
		w.t.Errorf("it is %s at %s, want %s", r.Name, r.URL, name)
	}
	for _, key := range []string{"APP-1", "APP-2"} {
		c := w.issue(key).Commits
		if len(c) != 1 || c[0].Repository != name || *c[0].URL != "https://hub.example/"+name+"/commit/"+c[0].Hash {
			w.t.Errorf("%s: %+v", key, c)
		}
	}
}

const renamedEvent = `,"action":"renamed","changes":{"repository":{"name":{"from":"old"}}}`

// A rename that GitHub tells moves the repository with its links, and a config that still has the
// old address means the same one.
func TestRenameToldByGitHub(t *testing.T) {
	t.Parallel()
	w := newIdentity(t)
	w.moves("acme/new")
	if status, answer := w.hub("repository", hubEvent(w.ssh, 7, "acme/new", renamedEvent)); status != 202 {
		t.Fatalf("%d %v", status, answer)
	}
	w.is("acme/new")
	w.pushed("APP-3", "acme/new", 7)
	w.stop(syscall.SIGTERM)
	w.mustStart()
	w.is("acme/new")
	w.pushed("APP-4", "acme/new", 7)
	w.is("acme/new")
}

// The same of a transfer to another owner, told for a repository whose id nobody knew.
func TestTransferToldByGitHub(t *testing.T) {
	t.Parallel()
	server := namedSSH(t, testssh.Options{})
	w := &identityWorld{world: newWorldOn(t, server), dir: server.InitRepo("acme/old.git")}
	testssh.AddCommits(t, w.dir, "main", 2, nil)
	w.hostsConfig([]string{hostEntry("github", `web_url: "https://hub.example"`)}, []string{repoEntry(namedURL(server, "acme/old"), "github")})
	w.mustStart()
	w.synced("old")
	w.moves("other/old")
	body := hubEvent(w.ssh, 8, "other/old", `,"action":"transferred","changes":{"owner":{"from":{"organization":{"login":"acme"}}}}`)
	if status, answer := w.hub("repository", body); status != 202 {
		t.Fatalf("%d %v", status, answer)
	}
	w.is("other/old")
}

// GitLab's system hook tells of renames and transfers by path alone.
func TestRenameAndTransferToldByGitLab(t *testing.T) {
	t.Parallel()
	server := namedSSH(t, testssh.Options{})
	w := &identityWorld{world: newWorldOn(t, server), dir: server.InitRepo("acme/old.git")}
	testssh.AddCommits(t, w.dir, "main", 2, nil)
	w.hostsConfig([]string{hostEntry("gitlab", `web_url: "https://hub.example"`, `links: {commit: "{web}/{repo}/commit/{hash}"}`)},
		[]string{repoEntry(namedURL(server, "acme/old"), "gitlab")})
	w.mustStart()
	w.synced("old")
	for _, step := range []struct{ event, from, to string }{
		{"project_rename", "acme/old", "acme/new"},
		{"project_transfer", "acme/new", "group/sub/new"},
	} {
		w.moves(step.to)
		body := fmt.Sprintf(`{"event_name":%q,"project_id":74,"name":"x","path_with_namespace":%q,"old_path_with_namespace":%q}`, step.event, step.to, step.from)
		if status, answer := w.send("gitlab", body, "X-Gitlab-Event", "System Hook"); status != 202 {
			t.Fatalf("%s: %d %v", step.event, status, answer)
		}
		w.is(step.to)
	}
}

// A push with the known id under a new name, of a repository that really moved: the sync confirms it.
func TestRenameConfirmedByRepository(t *testing.T) {
	t.Parallel()
	w := newIdentity(t)
	w.moves("acme/new")
	w.pushed("APP-3", "acme/new", 7)
	w.is("acme/new")
}

// A push with the known id and the address of an unrelated repository moves nothing.
func TestRenameNotConfirmed(t *testing.T) {
	t.Parallel()
	w := newIdentity(t)
	strange := w.ssh.InitRepo("evil/app.git")
	hash := testssh.AddCommits(t, strange, "main", 3, func(i int) string { return fmt.Sprintf("APP-6%d not ours", i) })
	before := w.metric("issuetrail_sync_duration_seconds_count")
	if status, answer := w.hub("push", hubPushed(w.ssh, 7, "evil/app", hash)); status != 202 {
		t.Fatalf("%d %v", status, answer)
	}
	w.until("a sync looked at it", func() bool { return w.metric("issuetrail_sync_duration_seconds_count") > before })
	w.is("acme/old")
	if n := len(w.issue("APP-61").Commits); n != 0 {
		t.Errorf("%d commits of the unrelated repository are linked", n)
	}
	w.pushed("APP-3", "acme/old", 7)
	w.is("acme/old")
}

// The same when the repository itself is gone: it waits for a person, where it was.
func TestRenameOfMissingRepositoryNotConfirmed(t *testing.T) {
	t.Parallel()
	w := newIdentity(t)
	w.moves("hidden/away")
	hash := testssh.AddCommits(t, w.ssh.InitRepo("evil/app.git"), "main", 3, func(i int) string { return fmt.Sprintf("APP-6%d not ours", i) })
	if status, answer := w.hub("push", hubPushed(w.ssh, 7, "evil/app", hash)); status != 202 {
		t.Fatalf("%d %v", status, answer)
	}
	w.until("a person is asked", func() bool { return w.repos()["old"].State == "attention" })
	if r := w.repos()["old"]; r.URL != namedURL(w.ssh, "acme/old") || len(w.repos()) != 1 {
		t.Errorf("%+v", r)
	}
	if len(w.issue("APP-61").Commits) != 0 || !w.linked("APP-1", w.first) {
		t.Error("the unrelated repository's commits took the place of ours")
	}
}

// A delivery with another id than the repository's rings, and takes nothing over.
func TestOtherIDAtTheAddress(t *testing.T) {
	t.Parallel()
	w := newIdentity(t)
	w.pushed("APP-3", "acme/old", 8)
	w.moves("acme/new")
	w.pushed("APP-4", "acme/new", 7)
	w.is("acme/new")
}

// A deletion is found out by the sync; its links stay, and a new repository may take the name.
func TestDeletionToldByGitHub(t *testing.T) {
	t.Parallel()
	w := newIdentity(t)
	w.moves("gone/away")
	if status, answer := w.hub("repository", hubEvent(w.ssh, 7, "acme/old", `,"action":"deleted"`)); status != 202 {
		t.Fatalf("%d %v", status, answer)
	}
	w.until("a person is asked", func() bool { return w.repos()["old"].State == "attention" })
	if r := w.repos()["old"]; r.LastError == nil || r.LastError.Code != "not_found" {
		t.Errorf("%+v", r.LastError)
	}
	if !w.linked("APP-1", w.first) {
		t.Error("the link went with the repository")
	}
	w.dir = w.ssh.InitRepo("acme/old.git")
	w.pushed("APP-5", "acme/old", 9)
	w.moves("acme/new")
	w.pushed("APP-6", "acme/new", 9)
	if r := w.only(); r.Name != "acme/new" {
		t.Errorf("the new repository's id was not learnt: %s", r.Name)
	}
}
