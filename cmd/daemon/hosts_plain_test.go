package main

import (
	"context"
	"path/filepath"
	"testing"

	"issuetrail/internal/testssh"
)

// A plainSite is git behind sshd, and a person who pushes through it.
func plainSite(t *testing.T) (*world, *person, string) {
	t.Helper()
	w := newWorld(t, testssh.Options{})
	dir := w.ssh.InitRepo("acme/app.git")
	u := newPerson(t, w.ssh)
	u.file("key", string(w.ssh.ClientKeyPEM)) // one account for all, as on many servers
	testssh.AddCommits(t, dir, "main", 1, nil)
	w.hostsConfig([]string{hostEntry("git")}, []string{repoEntry(w.ssh.URL(dir), "git")})
	w.mustStart()
	w.synced("app")
	u.git("", "clone", "-q", w.ssh.URL(dir), "app")
	return w, u, dir
}

// pushed commits, pushes a commit, two branches and a tag at once, and deletes one again.
func pushed(w *world, u *person) {
	w.t.Helper()
	hash := u.commit("app", "APP-11 by hook")
	u.git("app", "tag", "-a", "-m", "one", "v1")
	u.git("app", "push", "-q", "origin", "main", "HEAD:refs/heads/feature/OPS-3-ä'b", "HEAD:refs/heads/OPS-4", "v1")
	w.until("each ref of one push is seen", func() bool {
		return w.linked("APP-11", hash) && len(w.issue("OPS-3").Branches) == 1 && len(w.issue("OPS-4").Branches) == 1
	})
	if n := len(w.deliveries()); n != 1 {
		w.t.Errorf("%d deliveries of one push", n)
	}
	u.git("app", "push", "-q", "origin", ":OPS-4")
	w.until("the deletion is seen", func() bool { return len(w.issue("OPS-4").Branches) == 0 })
}

// The shipped hook in hooks/ of one repository.
func TestPlainHookInRepository(t *testing.T) {
	t.Parallel()
	w, u, dir := plainSite(t)
	executable(t, filepath.Join(dir, "hooks/post-receive"), w.hookScript("git"))
	pushed(w, u)
}

// The shipped hook for all repositories of a server, through core.hooksPath.
func TestPlainHookThroughHooksPath(t *testing.T) {
	t.Parallel()
	w, u, dir := plainSite(t)
	hooks := t.TempDir()
	executable(t, filepath.Join(hooks, "post-receive"), w.hookScript("git"))
	testssh.Git(t, dir, "config", "core.hooksPath", hooks)
	pushed(w, u)
}

// A push is neither failed nor held up by a hook whose daemon is gone.
func TestPlainHookWithoutDaemon(t *testing.T) {
	t.Parallel()
	w, u, dir := plainSite(t)
	executable(t, filepath.Join(dir, "hooks/post-receive"), w.hookScript("git"))
	w.kill()
	hash := u.commit("app", "APP-12 while it is down")
	if out := u.git("app", "push", "-q", "origin", "main"); out != "" {
		t.Errorf("the pusher is told: %s", out)
	}
	if got := testssh.Git(t, dir, "rev-parse", "main"); got != hash {
		t.Errorf("the push did not arrive: %s, want %s", got, hash)
	}
	w.mustStart()
	if err := w.api.Sync(context.Background(), w.repos()["app"].ID); err != nil {
		t.Fatal(err)
	}
	w.until("a later sync finds it", func() bool { return w.linked("APP-12", hash) })
}
