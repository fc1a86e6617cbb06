package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/testssh"
)

// A gitoliteSite is Debian's gitolite3 with a home of its own behind a real sshd.
type gitoliteSite struct {
	*world
	home  string
	admin *person // has cloned gitolite-admin
	user  *person // may push to the repositories
}

func publicLine(signer ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// newGitolite sets Gitolite up as its manual says: one administrator, who clones gitolite-admin,
// adds keys and a repository, and pushes. The shared key may read and no more. The shipped script is
// installed as hook, a path below LOCAL_CODE: with options, which switch it on for some repositories, in
// gitolite-admin, else on the server.
func newGitolite(t *testing.T, hook, options string) *gitoliteSite {
	t.Helper()
	home := t.TempDir()
	s := testssh.Start(t, testssh.Options{Config: []string{
		"Match all",
		"AuthorizedKeysFile " + home + "/.ssh/authorized_keys",
		"SetEnv HOME=" + home + " SHLVL=5 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=2 " +
			"GIT_CONFIG_KEY_0=uploadpack.allowFilter GIT_CONFIG_VALUE_0=true GIT_CONFIG_KEY_1=init.defaultBranch GIT_CONFIG_VALUE_1=main",
	}})
	g := &gitoliteSite{world: newWorldOn(t, s), home: home, admin: newPerson(t, s), user: newPerson(t, s)}
	g.admin.file("admin.pub", g.admin.Public+" admin\n")
	g.gitolite("setup", "-pk", g.admin.dir+"/admin.pub")
	rc := filepath.Join(home, ".gitolite.rc")
	text, err := os.ReadFile(rc)
	if err != nil {
		t.Fatal(err)
	}
	code := `"$ENV{HOME}/local"`
	if options != "" {
		code = `"$rc{GL_ADMIN_BASE}/local"`
	}
	changed := strings.Replace(string(text), "# LOCAL_CODE                =>  "+code, "LOCAL_CODE => "+code, 1)
	if options != "" {
		changed = strings.Replace(changed, `# 'repo-specific-hooks'`, `'repo-specific-hooks'`, 1)
	}
	if err := os.WriteFile(rc, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	g.hostsConfig([]string{hostEntry("gitolite")}, []string{repoEntry(g.url("team/app"), "gitolite")})
	g.mustStart()
	g.admin.git("", "clone", "-q", g.url("gitolite-admin"), "admin")
	if options != "" {
		executable(t, filepath.Join(g.admin.dir, "admin/local", hook), g.hookScript("gitolite"))
	} else {
		executable(t, filepath.Join(home, "local", hook), g.hookScript("gitolite"))
		g.gitolite("setup", "--hooks-only")
	}
	shared, err := ssh.ParsePrivateKey(s.ClientKeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	g.admin.file("admin/keydir/issuetrail.pub", publicLine(shared)+"\n")
	g.admin.file("admin/keydir/dev.pub", g.user.Public+"\n")
	g.admin.file("admin/conf/gitolite.conf", "repo gitolite-admin\n    RW+ = admin\n\nrepo team/app team/other\n    RW+ = dev\n    R = issuetrail\n"+options)
	g.admin.commit("admin", "keys and a repository")
	if out := g.admin.git("admin", "push", "-q"); strings.Contains(out, "WARN") || strings.Contains(out, "FATAL") {
		t.Fatalf("gitolite-admin: %s", out)
	}
	return g
}

// url is how Gitolite's manual writes it, but for the port.
func (g *gitoliteSite) url(repo string) string {
	return fmt.Sprintf("ssh://%s@%s/%s", g.ssh.User(), g.ssh.HostPort(), repo)
}

func (g *gitoliteSite) gitolite(args ...string) {
	g.t.Helper()
	cmd := exec.Command("gitolite", args...)
	cmd.Env = append(testssh.Environ(), "HOME="+g.home, "USER="+g.ssh.User())
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("gitolite %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// pushes does what people do with a repository and waits until each of it is seen.
func (g *gitoliteSite) pushes() {
	g.t.Helper()
	u := g.user
	u.git("", "clone", "-q", g.url("team/app"), "app")
	u.git("app", "checkout", "-q", "-B", "main")
	first := u.commit("app", "APP-1 first")
	u.git("app", "push", "-q", "origin", "main")
	g.until("the first push is linked", func() bool { return g.linked("APP-1", first) })
	u.git("app", "branch", "feature/OPS-2-x")
	second := u.commit("app", "APP-3 second")
	u.git("app", "tag", "v1")
	u.git("app", "push", "-q", "origin", "main", "feature/OPS-2-x", "v1")
	g.until("each ref of one push is seen", func() bool {
		return g.linked("APP-3", second) && len(g.issue("OPS-2").Branches) == 1
	})
	u.git("app", "push", "-q", "origin", ":feature/OPS-2-x")
	g.until("the deletion is seen", func() bool { return len(g.issue("OPS-2").Branches) == 0 })
	if n := len(g.told("team/app", "accepted")); n != 3 {
		g.t.Errorf("%d deliveries of three pushes", n)
	}
}

// told are the deliveries of a repository that came to this status.
func (g *gitoliteSite) told(repository, status string) (all []wire.Delivery) {
	g.t.Helper()
	for _, d := range g.deliveries() {
		if d.Repository == repository && d.Status == status {
			all = append(all, d)
		}
	}
	return all
}

// The shipped hook in LOCAL_CODE serves all repositories of a Gitolite.
func TestGitoliteCommonHook(t *testing.T) {
	t.Parallel()
	g := newGitolite(t, "hooks/common/post-receive", "")
	g.pushes()
	t.Run("a repository that is not followed", func(t *testing.T) {
		g.user.git("", "clone", "-q", g.url("team/other"), "other")
		g.user.git("other", "checkout", "-q", "-B", "main")
		g.user.commit("other", "APP-9 elsewhere")
		g.user.git("other", "push", "-q", "origin", "main")
		g.until("it is ignored", func() bool { return len(g.told("team/other", "ignored")) == 1 })
	})
	t.Run("gitolite-admin works as before", func(t *testing.T) {
		g.admin.file("admin/conf/gitolite.conf", "repo gitolite-admin\n    RW+ = admin\n\nrepo team/app team/third\n    RW+ = dev\n    R = issuetrail\n")
		g.admin.commit("admin", "a third repository")
		g.admin.git("admin", "push", "-q")
		if _, err := os.Stat(filepath.Join(g.home, "repositories/team/third.git")); err != nil {
			t.Errorf("Gitolite did not act on its configuration: %v", err)
		}
	})
}

// The shipped hook among the repo-specific hooks, switched on for one repository.
func TestGitoliteRepoSpecificHook(t *testing.T) {
	t.Parallel()
	g := newGitolite(t, "hooks/repo-specific/issuetrail", "\nrepo team/app\n    option hook.post-receive = issuetrail\n")
	g.pushes()
	g.user.git("", "clone", "-q", g.url("team/other"), "other")
	g.user.git("other", "checkout", "-q", "-B", "main")
	g.user.commit("other", "APP-9 elsewhere")
	g.user.git("other", "push", "-q", "origin", "main")
	last := g.user.commit("app", "APP-4 after that")
	g.user.git("app", "push", "-q", "origin", "main")
	g.until("the push after it is linked", func() bool { return g.linked("APP-4", last) })
	if n := len(g.deliveries()); n != 4 || len(g.told("team/app", "accepted")) != 4 {
		t.Errorf("%d deliveries: a repository without the option has no hook", n)
	}
}
