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
	tmp := t.TempDir()
	key, known := filepath.Join(tmp, "key"), filepath.Join(tmp, "known")
	if err := os.WriteFile(key, s.ClientKeyPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(known, []byte(s.KnownHosts()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "ls-remote", s.URL(repo))
	cmd.Env = append(testssh.Environ(), "GIT_SSH_COMMAND=ssh -F none -i "+key+" -o IdentitiesOnly=yes -o UserKnownHostsFile="+known)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\nsshd: %s", err, out, s.Log())
	}
	return string(out)
}
