package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/testssh"
)

// shellLines are the commands in the fenced blocks of a page, without their comments.
func shellLines(page string) (lines []string) {
	fenced := false
	for line := range strings.Lines(page) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced && (line == "```sh" || line == "```powershell")
		case fenced && strings.TrimSpace(line) != "":
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// TestKeysPage runs the commands of docs/keys.md from top to bottom, as a person does: each works.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.head += "key: {}\n"
	dir := w.ssh.InitRepo("acme/app")
	testssh.AddCommits(t, dir, "main", 1, nil)
	w.config(w.ssh.URL(dir))
	w.manageHosts()
	w.mustStart()
	w.write("passphrase.txt", "correct horse\n")
	here := strings.NewReplacer("git.example.com:7999", w.ssh.HostPort(), "SHA256:…", ssh.FingerprintSHA256(w.ssh.HostKeys[0]),
		"~/.ssh/known_hosts", "known_hosts")
	keygen := func(line string, args ...string) {
		t.Helper()
		words := append(strings.Fields(line), args...)
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir = w.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
	}
	page, err := os.ReadFile("../../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, line := range shellLines(string(page)) {
		ran++
		if strings.HasPrefix(line, "ssh-keygen ") { // it asks whether to write over a file, and for a passphrase
			keygen("rm -f issuetrail-key issuetrail-key.pub")
			keygen(line, "-q", "-N", "")
			continue
		}
		words, ok := strings.CutPrefix(here.Replace(line), "issuetrail ")
		if !ok {
			t.Errorf("what is %q?", line)
			continue
		}
		switch {
		case strings.Contains(line, "--passphrase-file"):
			keygen("ssh-keygen -q -p -P", "", "-N", "correct horse", "-f", "issuetrail-key")
		case strings.HasPrefix(line, "issuetrail key rollback"):
			w.keyRun("key", "activate")
		}
		w.keyRun(strings.Fields(words)...)
	}
	if ran < 15 {
		t.Errorf("%d commands: the page was not read", ran)
	}
	for _, words := range []string{"key generate --force --bits 2048", "key stage key.pem", "key activate", "key rewrap", "key convert issuetrail-key --passphrase-file passphrase.txt --out key2.pem", "host guide github", "known-hosts import known_hosts"} {
		w.keyRun(strings.Fields(words)...)
	}
	w.keyRun("repo", "sync", "--wait")
}
