package testssh_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"issuetrail/internal/testssh"
)

// TestServesGit clones over the server with the plain ssh and git of the machine.
func TestServesGit(t *testing.T) {
	s := testssh.Start(t, testssh.Options{HostKeyTypes: []string{"ed25519", "ecdsa", "rsa"}})
	dir := s.InitRepo("acme/app.git")
	tip := testssh.AddCommits(t, dir, "main", 3, nil)
	if got := testssh.AddCommits(t, dir, "main", 2, nil); got == tip {
		t.Fatal("no new tip")
	}
	if n := testssh.Git(t, dir, "rev-list", "--count", "main"); n != "5" {
		t.Fatalf("%s commits, want 5", n)
	}
	for range 2 {
		if out := lsRemote(t, s, "acme/app.git"); !strings.Contains(out, "refs/heads/main") {
			t.Fatalf("ls-remote: %s", out)
		}
		s.Restart()
	}
}

func lsRemote(t *testing.T, s *testssh.Server, repo string) string {
	t.Helper()
	out, err := tryLsRemote(t, s.KnownHosts(), s.URL(repo))
	if err != nil {
		t.Fatalf("%v: %s\nsshd: %s", err, out, s.Log())
	}
	return out
}

// tryLsRemote runs git and OpenSSH's client with the key that every server lets in.
func tryLsRemote(t *testing.T, known, url string, options ...string) (string, error) {
	t.Helper()
	tmp := t.TempDir()
	pem, _ := testssh.ClientKey(t)
	keyFile, knownFile := filepath.Join(tmp, "key"), filepath.Join(tmp, "known")
	for file, text := range map[string]string{keyFile: string(pem), knownFile: known} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("git", "ls-remote", url)
	ssh := "ssh -F none -i " + keyFile + " -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile=" + knownFile
	for _, o := range options {
		ssh += " -o " + o
	}
	cmd.Env = append(testssh.Environ(), "GIT_SSH_COMMAND="+ssh)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestHosts: git and OpenSSH get on with the servers of Go's own making, each in its way.
func TestHosts(t *testing.T) {
	plain, azure, old := testssh.StartHost(t, testssh.HostOptions{}), testssh.StartAzure(t, testssh.AzureOptions{}), testssh.StartGitBlit(t)
	for _, h := range []*testssh.Host{plain, azure, old} {
		testssh.AddCommits(t, h.InitRepo("v3/acme/shop/app"), "main", 3, nil)
	}
	sha1 := []string{"HostKeyAlgorithms=+ssh-rsa", "PubkeyAcceptedAlgorithms=+ssh-rsa"}
	for _, c := range []struct {
		name    string
		host    *testssh.Host
		options []string
		fails   string // "" = works
	}{
		{"plain", plain, nil, ""},
		{"azure", azure, nil, ""},
		{"old, as allowed", old, sha1, ""},
		{"old host key", old, sha1[1:], "no matching host key type found"},
		{"old user key", old, sha1[:1], "Permission denied (publickey)"},
	} {
		out, err := tryLsRemote(t, c.host.KnownHosts(), c.host.URL("v3/acme/shop/app"), c.options...)
		if c.fails == "" && (err != nil || !strings.Contains(out, "refs/heads/main")) || !strings.Contains(out, c.fails) || (err == nil) != (c.fails == "") {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
	if got := old.Logins(); len(got) == 0 || !strings.HasPrefix(got[0], "ssh-rsa SHA256:") {
		t.Errorf("logins %q", got)
	}
	// git as it is announces multi_ack, and gets its history.
	pem, _ := testssh.ClientKey(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "clone", "-q", "--bare", azure.URL("v3/acme/shop/app"), filepath.Join(t.TempDir(), "clone"))
	cmd.Env = append(testssh.Environ(), "GIT_SSH_COMMAND=ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i "+key)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("clone: %v\n%s", err, out)
	}
}
