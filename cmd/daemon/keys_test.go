package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/testssh"
)

// keyRun runs a command that must work, and gives its stdout.
func (w *world) keyRun(args ...string) string {
	w.t.Helper()
	out, errs, code := w.run(args...)
	if code != 0 {
		w.t.Fatalf("%s: exit status %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// keyStatus is what the command says in JSON.
func (w *world) keyStatus(more ...string) (r keyStatusReport) {
	w.t.Helper()
	out := w.keyRun(append([]string{"key", "status", "--json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		w.t.Fatalf("%v in %s", err, out)
	}
	return r
}

// words are what the repositories say of the staged key, by the last part of their names.
func words(r keyStatusReport) map[string]string {
	said := map[string]string{}
	for _, c := range r.Checks {
		word := "untried"
		if c.Staged != nil {
			word = *c.Staged
		}
		said[filepath.Base(c.Repository)] = word
	}
	return said
}

func parseKey(t *testing.T, line string) ssh.PublicKey {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	return key
}

// TestKeyRotation: a key is staged; the status shows who takes it; once the server does for every repository it
// becomes the active key by itself, across a restart of the daemon; it is undone, and dropped.
func TestKeyRotation(t *testing.T) {
	w := newWorld(t, testssh.Options{})
	w.head += "key: {}\n"
	var urls []string
	for _, name := range []string{"app", "lib", "old"} {
		dir := w.ssh.InitRepo(name)
		testssh.AddCommits(t, dir, "main", 1, nil)
		urls = append(urls, w.ssh.URL(dir))
	}
	w.config(urls[:2]...)
	w.mustStart()
	first := parseKey(t, w.keyRun("key", "import", "key.pem"))
	w.keyRun("repo", "add", urls[2], "--host", "github", "--wait")
	w.keyRun("repo", "suspend", urls[2])
	w.keyRun("repo", "sync", "--wait")

	second := parseKey(t, w.keyRun("key", "stage", "--bits", "2048"))
	r := w.keyStatus("--check")
	if said := words(r); len(said) != 2 || said["app"] != "auth_failed" || said["lib"] != "auth_failed" || r.Accepted != 0 || r.Expected != 2 {
		t.Errorf("%v, %d of %d", said, r.Accepted, r.Expected)
	}
	if c := r.Checks[0]; *c.Active != "ok" || !strings.Contains(c.Hint, "issuetrail key show --staged --public") || !strings.Contains(c.Hint, "authorized_keys") {
		t.Errorf("%+v", c)
	}
	s := r.Servers[0]
	if len(r.Servers) != 1 || s.Server != w.ssh.HostPort() || s.Repositories != (wire.ServerRepos{Total: 3, Reachable: 2, Suspended: 1}) || s.Tried == nil ||
		!s.Tried.OK || s.Tried.Role != "active" || s.Tried.Algorithm != "rsa-sha2-256" || s.Tried.HostKey != s.HostKeys[0].Fingerprint || s.LastSuccess.IsZero() {
		t.Errorf("%+v, tried %+v", r.Servers, s.Tried)
	}
	// One refused login says it of the whole account: two at once ask, and no more do.
	refused := func() (n int) {
		for _, print := range w.ssh.Refused() {
			if print == ssh.FingerprintSHA256(second) {
				n++
			}
		}
		return n
	}
	if n := refused(); n > 4 {
		t.Errorf("the staged key was refused %d times in two rounds", n)
	}

	// The server shows one repository alone to the new key; what was found out outlives the daemon.
	w.ssh.AuthorizeOnly(map[ssh.PublicKey][]string{first: {"app", "lib", "old"}, second: {"app"}})
	if said := words(w.keyStatus("--check")); said["app"] != "ok" || said["lib"] != "not_found" {
		t.Errorf("%v", said)
	}
	if code := w.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
	w.mustStart()
	if r := w.keyStatus(); words(r)["app"] != "ok" || r.Active.Fingerprint != ssh.FingerprintSHA256(first) {
		t.Errorf("%+v", r)
	}

	w.ssh.AuthorizeOnly(map[ssh.PublicKey][]string{second: {"app", "lib", "old"}})
	r = w.keyStatus("--check")
	if r.Active.Fingerprint != ssh.FingerprintSHA256(second) || r.Staged != nil || r.Previous.Fingerprint != ssh.FingerprintSHA256(first) {
		t.Fatalf("it is not active: %+v, %v", r.KeyStatus, words(r))
	}
	w.keyRun("repo", "sync", "--wait")

	// Undone: the server takes the new key alone, so it is the one that is fallen back on.
	w.keyRun("key", "rollback")
	w.keyRun("repo", "sync", "--wait")
	// A fallback that nobody hears of would hide that, until the previous key is dropped.
	if r := w.keyStatus(); !r.Servers[0].PreviousNeeded {
		t.Errorf("the status does not tell that the previous key is needed: %+v", r.Servers[0])
	}
	if log, _ := os.ReadFile(w.log); !strings.Contains(string(log), "the server refuses the active SSH key") {
		t.Error("the log does not tell that the previous key is needed")
	}
	if out := w.keyRun("key", "status"); !strings.Contains(out, "works with the previous key") {
		t.Errorf("key status: %s", out)
	}
	w.keyRun("key", "rollback")
	w.keyRun("repo", "sync", "--wait")
	if r := w.keyStatus(); r.Servers[0].PreviousNeeded {
		t.Error("the previous key is needed no more")
	}
	w.keyRun("key", "drop", "previous")
	if k, err := w.api.Key(context.Background()); err != nil || k.Fingerprint != ssh.FingerprintSHA256(second) || k.Previous != nil {
		t.Errorf("%+v, %v", k, err)
	}
	w.keyRun("repo", "sync", "--wait")
	if accepted := w.ssh.Accepted(); !slices.Contains(accepted, ssh.FingerprintSHA256(second)) {
		t.Errorf("%v", accepted)
	}
	if log, _ := os.ReadFile(w.log); strings.Contains(string(log), "PRIVATE KEY") {
		t.Error("a private key is in the log")
	}
}

// TestMasterKeyReplaced: the stored keys are sealed anew, and a daemon that starts with the new master key opens them.
func TestMasterKeyReplaced(t *testing.T) {
	w := newWorld(t, testssh.Options{})
	w.head += "key: {}\n"
	dir := w.ssh.InitRepo("app")
	testssh.AddCommits(t, dir, "main", 1, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.keyRun("key", "import", "key.pem")
	w.keyRun("key", "stage", "--bits", "2048")
	master := filepath.Join(w.dir, "data/master-key")
	before, err := os.ReadFile(master)
	if err != nil {
		t.Fatal(err)
	}
	if out := w.keyRun("key", "rewrap"); !strings.HasPrefix(out, "2 keys sealed anew") {
		t.Error(out)
	}
	after, err := os.ReadFile(master)
	if err != nil || len(after) != len(before) || string(after) == string(before) {
		t.Errorf("%d bytes, then %d: %v", len(before), len(after), err)
	}
	w.kill()
	w.mustStart()
	w.keyRun("repo", "sync", "--wait")
	if r := w.keyStatus("--check"); r.Staged == nil || r.Staged.Warning == "" || strings.Contains(r.Staged.Warning, "opened") || words(r)["app"] != "auth_failed" {
		t.Errorf("%+v, %v", r.Staged, words(r))
	}
}

// TestKeyFromFile: the key that the config names is not changed from here, and is verified all the same.
func TestKeyFromFile(t *testing.T) {
	w := newWorld(t, testssh.Options{})
	w.config(w.ssh.URL(w.ssh.InitRepo("app")))
	w.mustStart()
	for _, args := range [][]string{{"stage"}, {"activate"}, {"rollback"}, {"drop", "previous"}, {"rewrap"}, {"stage", "key.pem"}} {
		if _, errs, code := w.run(append([]string{"key"}, args...)...); code != 1 || !strings.Contains(errs, "key.file") {
			t.Errorf("key %s: exit status %d, %s", strings.Join(args, " "), code, errs)
		}
	}
	if r := w.keyStatus("--check"); r.Active == nil || r.Staged != nil || len(r.Checks) != 0 || !r.Servers[0].Tried.OK || r.Servers[0].Tried.Role != "active" {
		t.Errorf("%+v", r)
	}
}
