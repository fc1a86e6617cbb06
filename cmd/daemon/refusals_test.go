package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/testssh"
)

// manyBranches makes n branches at the tip of main.
func manyBranches(t *testing.T, dir string, n int) {
	t.Helper()
	var b strings.Builder
	tip := testssh.Git(t, dir, "rev-parse", "main")
	for i := range n {
		fmt.Fprintf(&b, "create refs/heads/feature/APP-%d-x %s\n", i+1, tip)
	}
	testssh.GitInput(t, dir, strings.NewReader(b.String()), "update-ref", "--stdin")
}

// A host key that changes while the daemon runs stops that server's repositories before
// the key is offered; others go on. A person's word puts it right.
func TestHostKeyChanges(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, testssh.Options{}), testssh.Start(t, testssh.Options{})
	moved, steady := w.ssh.InitRepo("acme/moved.git"), w.ssh.InitRepo("acme/steady.git")
	testssh.AddCommits(t, moved, "main", 2, nil)
	testssh.AddCommits(t, steady, "main", 2, nil)
	p := newProxy(t, w.ssh.HostPort(), -1)
	w.write("known_hosts", w.ssh.KnownHosts()+p.known(w.ssh))
	w.config(p.url(w.ssh, moved), w.ssh.URL(steady))
	w.mustStart()
	w.synced("moved")
	w.synced("steady")
	p.turn(other.HostPort(), -1)
	hash := testssh.AddCommits(t, moved, "main", 1, func(int) string { return "APP-50 unseen" })
	w.deliver("one", pushBody("acme/moved", "refs/heads/main", hash))
	w.fails("moved", "attention", "host_key_changed")
	if e := w.repos()["moved"].LastError; e.Hint == "" || w.linked("APP-50", hash) {
		t.Errorf("%+v", e)
	}
	if strings.Contains(other.Log(), "Accepted") || strings.Contains(other.Log(), "publickey") {
		t.Errorf("the key was offered to a server with another host key:\n%s", other.Log())
	}
	w.prompt(steady, "acme/steady", 60, 2)
	p.turn(w.ssh.HostPort(), -1)
	w.deliver("two", pushBody("acme/moved", "refs/heads/main", hash))
	w.until("the old server is trusted still", func() bool { return w.linked("APP-50", hash) })
	if r := w.synced("moved"); r.LastError != nil {
		t.Errorf("%+v", r)
	}
}

// What needs a person says so, with what to do.
func TestAttention(t *testing.T) {
	t.Parallel()
	w, closed := newWorld(t, testssh.Options{}), testssh.Start(t, testssh.Options{RefuseKey: true})
	gone, locked, strange := w.ssh.InitRepo("acme/gone.git"), closed.InitRepo("acme/locked.git"), newProxy(t, w.ssh.HostPort(), -1)
	testssh.AddCommits(t, gone, "main", 2, nil)
	testssh.AddCommits(t, locked, "main", 2, nil)
	w.write("known_hosts", w.ssh.KnownHosts()+closed.KnownHosts())
	w.config(w.ssh.URL(gone), closed.URL(locked), strange.url(w.ssh, w.ssh.InitRepo("acme/strange.git")))
	w.mustStart()
	w.synced("gone")
	w.fails("locked", "attention", "auth_failed")
	w.fails("strange", "attention", "host_key_unknown")
	public, _, _ := w.run("key", "show", "--public")
	if hint := w.repos()["locked"].LastError.Hint; !strings.Contains(hint, strings.Fields(public)[1]) && !strings.Contains(hint, "key show") {
		t.Errorf("the hint does not say which public key to add: %s", hint)
	}
	if hint := w.repos()["strange"].LastError.Hint; !strings.Contains(hint, "known_hosts") {
		t.Errorf("the hint does not say where to add it: %s", hint)
	}
	if err := os.Rename(gone, gone+".away"); err != nil {
		t.Fatal(err)
	}
	w.deliver("one", pushBody("acme/gone", "refs/heads/main", fmt.Sprintf("%040d", 1)))
	w.fails("gone", "attention", "not_found")
	if r := w.repos()["gone"]; r.LinkedCommits != 2 {
		t.Errorf("a repository that is gone lost its links: %+v", r)
	}
	if err := os.Rename(gone+".away", gone); err != nil {
		t.Fatal(err)
	}
	w.prompt(gone, "acme/gone", 70, 1)
}

// URLs that lead where they must not are refused with the reason, by the command and by the API.
func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.head += "sync: {schedule: \"@every 15m\"}\n" // allows no loopback address
	w.config(w.ssh.URL(w.ssh.InitRepo("acme/declared.git")), "ssh://git@2130706433:22/srv/decimal.git", "ssh://git@0x7f.1:22/srv/hex.git")
	w.mustStart()
	for url, code := range map[string]string{
		"-oProxyCommand=touch /tmp/x": "url_invalid", "-x": "url_invalid", "": "url_invalid",
		"ssh://git@host/a\nb.git": "url_invalid", "git@host:a.git\r": "url_invalid",
		"ssh://git:hunter2@host/a.git": "url_invalid", "git:hunter2@host:a.git": "url_invalid",
		"https://u:secret@github.com/acme/app.git": "url_invalid", "http://github.com/acme/app.git": "url_invalid", "git://host/a.git": "url_invalid",
		"file:///etc": "url_invalid", "/srv/app.git": "url_invalid", "../app.git": "url_invalid", "app.git": "url_invalid", "ext::sh -c true": "url_invalid",
		"ssh://-oX@host/a.git": "url_invalid", "ssh://git@-host/a.git": "url_invalid", "git@host:-a.git": "url_invalid", "ssh://git@host:0/a.git": "url_invalid",
		"ssh://git@127.0.0.1/a.git": "url_forbidden", "git@127.0.0.1:a.git": "url_forbidden", "ssh://git@[::1]/a.git": "url_forbidden",
		"ssh://git@169.254.169.254/a.git": "url_forbidden", "ssh://git@[::ffff:127.0.0.1]/a.git": "url_forbidden", "ssh://git@0.0.0.0/a.git": "url_forbidden",
	} {
		w.refused(url, code)
	}
	w.fails("declared", "attention", "url_forbidden")
	w.fails("decimal", "", "url_forbidden", "unreachable")
	w.fails("hex", "", "url_forbidden", "unreachable")
	if strings.Contains(w.ssh.Log(), "Connection from") && strings.Count(w.ssh.Log(), "Connection from") > 2 {
		t.Errorf("the loopback address was dialled:\n%s", w.ssh.Log())
	}
}

// refused adds a repository by the API and by the command; both must refuse.
func (w *world) refused(url, code string) {
	w.t.Helper()
	_, err := w.api.AddRepository(context.Background(), wire.NewRepository{URL: url, Host: "git"})
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok || p.Status != 422 || p.Code != code || p.Detail == "" {
		w.t.Errorf("API, %q: %v (%+v), want %s", url, err, p, code)
	}
	_, errs, exit := w.run("repo", "add", "--host", "git", "--", url)
	if exit != 1 || !strings.Contains(errs, "issuetrail: ") {
		w.t.Errorf("repo add %q: exit status %d: %s", url, exit, errs)
	}
	if strings.Contains(errs, "hunter2") || ok && strings.Contains(p.Detail+p.Hint, "hunter2") {
		w.t.Errorf("%q: the password is repeated: %s", url, errs)
	}
	if strings.HasPrefix(url, "-") {
		if _, errs, exit := w.run("repo", "add", url); exit != 2 {
			w.t.Errorf("repo add %q without --: exit status %d: %s", url, exit, errs)
		}
	}
}
