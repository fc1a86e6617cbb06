package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/testssh"
)

// manageHosts has the daemon keep the known hosts itself.
func (w *world) manageHosts() {
	w.t.Helper()
	text := w.read("config.yaml")
	w.write("config.yaml", strings.Replace(text, "known_hosts_file: known_hosts\n", "", 1))
}

// follow runs the command that a text tells, and gives what it printed.
func (w *world) follow(text string) string {
	w.t.Helper()
	found := regexp.MustCompile(`issuetrail (known-hosts add \S+ --fingerprint SHA256:[A-Za-z0-9+/]+)`).FindStringSubmatch(text)
	if found == nil {
		w.t.Fatalf("no command in %q", text)
	}
	return w.keyRun(strings.Fields(found[1])...)
}

// attempts are the lines of an sshd's log that tell of a try to log in.
func attempts(s *testssh.Server) (lines []string) {
	for line := range strings.Lines(s.Log()) {
		for _, word := range []string{"publickey", "authenticating user", "Accepted", "Failed", "Invalid user", "Postponed", "password"} {
			if strings.Contains(line, word) && !strings.HasPrefix(line, "Server listening") {
				lines = append(lines, line)
				break
			}
		}
	}
	return lines
}

// TestImpostorInRotation: in the middle of a rotation a server answers with another host key. It gets no login with
// any of the keys, its repositories alone stop, and a person's word lets them go on.
func TestImpostorInRotation(t *testing.T) {
	t.Parallel()
	w, steady, impostor := newWorld(t, testssh.Options{}), testssh.Start(t, testssh.Options{}), testssh.Start(t, testssh.Options{})
	w.head += "key: {}\n"
	freshPEM, fresh := testssh.NewKey(t)
	old := w.ssh.Signer.PublicKey()
	impostor.Authorize(old, fresh.PublicKey())
	p := newProxy(t, w.ssh.HostPort(), -1)
	dirs, moved := map[string]string{}, []string{"moved1", "moved2"}
	var urls []string
	for _, name := range moved {
		dirs[name] = w.ssh.InitRepo("acme/" + name)
		urls = append(urls, p.url(w.ssh, dirs[name]))
	}
	dirs["steady"] = steady.InitRepo("acme/steady")
	for _, dir := range dirs {
		testssh.AddCommits(t, dir, "main", 2, nil)
	}
	w.config(append(urls, steady.URL(dirs["steady"]))...)
	w.manageHosts()
	w.mustStart()
	w.keyRun("key", "import", "key.pem")
	at := fmt.Sprintf("127.0.0.1:%d", p.port)
	for _, server := range []string{at, steady.HostPort()} {
		_, says, _ := w.run("known-hosts", "scan", server)
		w.follow(says) // the test is the administrator who says that it is right
	}
	w.keyRun("repo", "sync", "--wait")

	w.write("new.pem", string(freshPEM))
	w.keyRun("key", "stage", "new.pem")
	w.ssh.Authorize(old, fresh.PublicKey())
	p.turn(impostor.HostPort(), -1)
	if said := words(w.keyStatus("--check")); said["moved1"] != "host_key_changed" || said["moved2"] != "host_key_changed" || said["steady"] != "auth_failed" {
		t.Errorf("%v", said)
	}
	stopped := func() {
		t.Helper()
		if _, errs, code := w.run("repo", "sync", "--wait", urls[0], urls[1]); code != 1 || !strings.Contains(errs, "host_key_changed") {
			t.Errorf("exit status %d, %s", code, errs)
		}
		for _, name := range moved {
			e := w.repos()[name].LastError
			if e == nil || e.Code != "host_key_changed" || !strings.Contains(e.Detail, ssh.FingerprintSHA256(w.ssh.HostKeys[0])) ||
				!strings.Contains(e.Detail, ssh.FingerprintSHA256(impostor.HostKeys[0])) || w.repos()[name].State != "attention" {
				t.Errorf("%s: %+v", name, e)
			}
		}
		w.keyRun("repo", "sync", "--wait", steady.URL(dirs["steady"]))
	}
	stopped()
	w.keyRun("key", "activate") // two keys to try now
	stopped()
	w.keyRun("key", "rollback")
	stopped()
	if out, _, code := w.run("key", "verify", urls[0]); code != 1 || !strings.Contains(out, "host_key_changed") {
		t.Errorf("exit status %d, %s", code, out)
	}
	w.keyRun("known-hosts", "scan", at) // shows, and trusts nothing
	stopped()
	if lines := attempts(impostor); len(lines) > 0 || !strings.Contains(impostor.Log(), "Connection from") {
		t.Errorf("the other server was given\n%s", strings.Join(lines, ""))
	}

	// The administrator says that it is right: the command stands in the hint.
	late := testssh.AddCommits(t, dirs["moved1"], "main", 1, func(int) string { return "APP-77 behind the new host key" })
	w.follow(w.repos()["moved1"].LastError.Hint)
	w.until("what was stopped goes on", func() bool {
		return w.linked("APP-77", late) && w.repos()["moved1"].LastError == nil && w.repos()["moved2"].LastError == nil
	})
	if len(attempts(impostor)) == 0 {
		t.Error("the log of the server shows no login, so its silence before says nothing")
	}
	p.turn(w.ssh.HostPort(), -1)
	stoppedAt := len(attempts(w.ssh))
	if _, errs, code := w.run("repo", "sync", "--wait", urls[0]); code != 1 || !strings.Contains(errs, "host_key_changed") {
		t.Errorf("the key before it is still trusted: %d, %s", code, errs)
	}
	if n := len(attempts(w.ssh)); n != stoppedAt {
		t.Errorf("%d logins at the server whose key is no longer trusted", n-stoppedAt)
	}
}

// TestRevokedInRotation: a server with keys of two types is asked for the one that is known; when that one is revoked in
// the middle of a rotation, the server gets no login any more.
func TestRevokedInRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{HostKeyTypes: []string{"ed25519", "ecdsa"}})
	w.head += "key: {}\n"
	dir := w.ssh.InitRepo("acme/app")
	testssh.AddCommits(t, dir, "main", 1, nil)
	w.config(w.ssh.URL(dir))
	w.manageHosts()
	w.mustStart()
	w.keyRun("key", "import", "key.pem")
	line := func(marker string, key ssh.PublicKey) string {
		return fmt.Sprintf("%s[127.0.0.1]:%d %s", marker, w.ssh.Port, ssh.MarshalAuthorizedKey(key))
	}
	w.write("one", line("", w.ssh.HostKeys[1]))
	w.keyRun("known-hosts", "import", "one")
	w.keyRun("repo", "sync", "--wait")
	w.keyRun("key", "stage", "--bits", "2048")
	if r := w.keyStatus("--check"); r.Servers[0].Tried.HostKey != ssh.FingerprintSHA256(w.ssh.HostKeys[1]) {
		t.Errorf("%+v", r.Servers[0].Tried)
	}
	w.write("revoked", line("@revoked ", w.ssh.HostKeys[1]))
	w.keyRun("known-hosts", "import", "revoked")
	before := len(attempts(w.ssh))
	w.keyRun("key", "activate")
	if _, errs, code := w.run("repo", "sync", "--wait"); code != 1 || !strings.Contains(errs, "revoked") {
		t.Errorf("%d, %s", code, errs)
	}
	w.fails("app", "attention", "host_key_changed")
	if said := attempts(w.ssh); len(said) != before {
		t.Errorf("%v", said[before:])
	}
}
