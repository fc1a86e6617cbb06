package webhook

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// TestHookScript runs the script as install-script prints it, under a real git push.
func TestHookScript(t *testing.T) {
	arrived := make(chan model.Delivery, 1)
	d := openDoor(t, Options{}, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.http.ServeHTTP(w, r)
		for _, got := range d.inbox.deliveries() {
			arrived <- got
		}
	}))
	defer s.Close()

	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bare, work, secret := filepath.Join(dir, "git/acme/app.git"), filepath.Join(dir, "work"), filepath.Join(dir, "it's secret")
	script, ok := hosts.ScriptOf("git")
	if !ok {
		t.Fatal("git has no script")
	}
	text := strings.Replace(script.Install(s.URL+"/webhooks/plain", secret), "'/srv/git'", "'"+dir+"/git'", 1)
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(file, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q", "--bare", bare)
	write(filepath.Join(bare, "hooks/post-receive"), text, 0o755)
	write(secret, secretText+"\n", 0o600)
	run("init", "-q", "-b", "main", work)
	run("-C", work, "commit", "-q", "--allow-empty", "-m", "APP-7 begin")
	run("-C", work, "push", "-q", bare, "main", "main:refs/heads/größe", "main:refs/tags/v1")

	select {
	case got := <-arrived:
		p := got.Push
		if p.RepoName != "acme/app" || len(p.Updates) != 3 || p.DeliveryID == "" || p.Updates[0].New.IsZero() || !p.Updates[0].Old.IsZero() {
			t.Errorf("%+v", p)
		}
	case <-time.After(30 * time.Second):
		n, all := d.counted(Unauthorized)
		t.Fatalf("nothing was accepted; %d of %d requests were unauthorized", n, all)
	}
}
