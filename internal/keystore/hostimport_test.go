package keystore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

func hostText(host string, key ssh.PublicKey) string {
	return host + " " + string(ssh.MarshalAuthorizedKey(key))
}

// hashedName has ssh-keygen hash a name.
func hashedName(t *testing.T, name string) string {
	t.Helper()
	file := t.TempDir() + "/known_hosts"
	write(t, file, []byte(hostText(name, ed25519Key(t))), 0o600)
	run(t, "ssh-keygen", "-H", "-f", file)
	return strings.Fields(string(readAll(t, file)))[0]
}

func importText(t *testing.T, k *KnownHosts, text string) model.HostImport {
	t.Helper()
	done, err := k.Import(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func hosts(list []model.KnownHost) (out []string) {
	for _, h := range list {
		out = append(out, strings.TrimSpace(h.Marker+" "+h.Host))
	}
	return out
}

func TestImportSaysWhatBecameOfEachLine(t *testing.T) {
	mem := &memory{}
	k := newKnownHosts(t, KnownHostsOptions{Trust: mem})
	ed, other, ca, bad := ed25519Key(t), ed25519Key(t), ed25519Key(t), ed25519Key(t)
	hidden := hashedName(t, "hidden.example.com")
	text := "# of a laptop\r\n" + hostText("Git.example.com,[git.example.com]:7999", ed) + hostText(hidden, ed) + hostText("*.wild.example.com", ed) +
		hostText("@cert-authority *.ca.example.com", ca) + hostText("@revoked *", bad) + hostText("github.com", builtinKey("github.com:22", "ssh-rsa")) +
		hostText(hashedName(t, "gitlab.com"), builtinKey("gitlab.com:22", "ssh-ed25519")) +
		hostText("git.example.com", ed) + // again
		hostText("github.com", other) + hostText("h:22", ed) + "old 1024 35 1234567\nfoo\n@other h ssh-rsa AAAA\n" + hostText("h", ed)[:40] + "\n" +
		"|1|AAAA|AAAA " + hostText("", ed)[1:] + hostText(hashedName(t, "bitbucket.org"), other)
	gen := k.Generation()
	done := importText(t, k, text)
	if got, want := hosts(done.Added), []string{"git.example.com:22", "git.example.com:7999", hidden, "*.wild.example.com", "cert-authority *.ca.example.com", "revoked *"}; !slices.Equal(got, want) {
		t.Errorf("added %q, want %q", got, want)
	}
	if got, want := hosts(done.Present), []string{"github.com:22", "gitlab.com:22"}; !slices.Equal(got, want) { // the hashed name is one that is known
		t.Errorf("present %q, want %q", got, want)
	}
	reasons := ""
	for _, l := range done.LeftOut {
		reasons += fmt.Sprintf("%d %s: %s\n", l.Line, l.Host, l.Reason)
	}
	for _, word := range []string{
		"10 github.com:22: another key of this type is trusted, SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU (builtin); to trust the one of the file in its place: " +
			"issuetrail known-hosts add github.com:22 --fingerprint " + ssh.FingerprintSHA256(other),
		"11 h:22: is the name of no host", "12 old: is a key of SSH 1", "13 foo: needs", `14 : "@other" is neither`, "15 h: ", "16 |1|AAAA|AAAA: its hashed name", "17 bitbucket.org:22: another key",
	} {
		if !strings.Contains(reasons, word) {
			t.Errorf("%q is not among the reasons:\n%s", word, reasons)
		}
	}
	if len(done.LeftOut) != 8 || k.Generation() == gen || len(mem.hosts) != 6 || mem.hosts[0].Source != "imported" || mem.hosts[0].AddedAt.IsZero() {
		t.Errorf("%d left out, stored %+v", len(done.LeftOut), mem.hosts)
	}
	for host, key := range map[string]ssh.PublicKey{"git.example.com:22": ed, "hidden.example.com:22": ed, "hidden.example.com:2222": ed, "a.wild.example.com:22": ed, "github.com:22": builtinKey("github.com:22", "ssh-rsa")} {
		if err := k.Check(host, key); err != nil {
			t.Error(err)
		}
	}
	if failureCode(k.Check("github.com:22", other)) != model.CodeHostKeyChanged || failureCode(k.Check("nowhere:22", bad)) != model.CodeHostKeyChanged {
		t.Error("an old file brought back what was given up")
	}
	again := importText(t, k, text)
	if len(again.Added) != 0 || len(again.Present) != 8 || len(again.LeftOut) != 8 {
		t.Errorf("again: %+v", again)
	}
	if got := k.SourceOf("hidden.example.com:22", ed) + k.SourceOf("github.com:22", other) + k.SourceOf("github.com:22", builtinKey("github.com:22", "ssh-rsa")); got != "importedbuiltin" {
		t.Error(got)
	}
}

// Many files have GitHub's key of before 2023, which is public now, as "github.com,192.30.252.* ssh-rsa …": the pattern
// brought it past the key that is built in. So did * alone.
func TestImportOfPatternsBringsNoGivenUpKeyBack(t *testing.T) {
	k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
	old, own := rsaKey(t), rsaKey(t)
	if _, err := k.Add(ctx, "git.example.com:7999", ssh.FingerprintSHA256(own), []ssh.PublicKey{own}); err != nil {
		t.Fatal(err)
	}
	builtin := builtinKey("github.com:22", "ssh-rsa")
	importText(t, k, hostText("github.com,192.30.252.*,192.30.253.*", old)+hostText("git*.com", old)+hostText("*", old)+hostText("[git.*]:7999", old))
	for host, key := range map[string]ssh.PublicKey{
		"github.com:22": builtin, "ssh.github.com:443": builtin, "gitlab.com:22": builtinKey("gitlab.com:22", "ssh-rsa"), "git.example.com:7999": own,
	} {
		if err := k.Check(host, old); failureCode(err) != model.CodeHostKeyChanged {
			t.Errorf("%s: a key that was given up: %v", host, err)
		}
		if err := k.Check(host, key); err != nil {
			t.Error(err)
		}
	}
	if err := k.Check("192.30.252.7:22", old); err != nil { // nothing else is known there
		t.Error(err)
	}
	// An explicit word ends the trust in what a pattern gave for that host, and for no other.
	if _, err := k.Add(ctx, "a.example.com", ssh.FingerprintSHA256(own), []ssh.PublicKey{own}); err != nil {
		t.Fatal(err)
	}
	if k.Check("a.example.com:22", own) != nil || k.Check("a.example.com:22", old) == nil || k.Check("b.example.com:22", old) != nil {
		t.Error("add after an import with patterns")
	}
}

func TestImportKeepsSeveralKeysOfAHost(t *testing.T) {
	k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
	a, b, r := ed25519Key(t), ed25519Key(t), rsaKey(t)
	importText(t, k, hostText("h", a)+hostText("h", b)+hostText("h", r))
	if k.Check("h:22", a) != nil || k.Check("h:22", b) != nil || k.Check("h:22", r) != nil {
		t.Error("two keys of one type in one file are not both trusted, as with OpenSSH")
	}
	if got := k.Algorithms("h:22"); !slices.Equal(got, []string{"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}) {
		t.Errorf("%v", got)
	}
	c := ed25519Key(t) // the server's new key: the explicit word ends the old ones of its type
	if _, err := k.Add(ctx, "h", ssh.FingerprintSHA256(c), []ssh.PublicKey{c}); err != nil || k.Check("h:22", a) == nil || k.Check("h:22", b) == nil || k.Check("h:22", c) != nil || k.Check("h:22", r) != nil {
		t.Errorf("add after an import: %v", err)
	}
}

func TestRemoveImported(t *testing.T) {
	mem := &memory{}
	k := newKnownHosts(t, KnownHostsOptions{Trust: mem})
	ed, bad := ed25519Key(t), ed25519Key(t)
	importText(t, k, hostText(hashedName(t, "h"), ed)+hostText("*.w", ed)+hostText("@revoked *", bad)+hostText("@revoked h", bad)+hostText("@cert-authority *", bad)+hostText("h", rsaKey(t)))
	if _, err := k.Add(ctx, "h", ssh.FingerprintSHA256(bad), []ssh.PublicKey{bad}); failureCode(err) != model.CodeHostKeyChanged || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a revoked key was added: %v", err)
	}
	left := 6
	for _, step := range []struct {
		name string
		gone int
	}{{"h:2222", 0}, {"nowhere", 0}, {"h", 2}, {"h", 0}, {"*.w", 1}, {"revoked *", 0}, {"@revoked *", 1}, {"@revoked h", 1}, {"@cert-authority *", 1}} {
		err := k.Remove(ctx, step.name)
		if left -= step.gone; len(mem.hosts) != left || (step.gone == 0) != errors.Is(err, model.ErrNotFound) {
			t.Errorf("remove %s: %v, %d left, want %d", step.name, err, len(mem.hosts), left)
		}
	}
	file := t.TempDir() + "/known_hosts"
	write(t, file, nil, 0o600)
	if _, err := newKnownHosts(t, KnownHostsOptions{File: file}).Import(ctx, hostText("h", ed)); code(t, err) != CodeManagedByConfig {
		t.Error("imported beside a file")
	}
}
