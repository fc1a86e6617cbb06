package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// The fingerprints that the vendors publish; see known_hosts.txt for the pages.
var published = map[string][]string{
	"github.com:22":              {"ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", "ecdsa-sha2-nistp256 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM", "ssh-rsa SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s"},
	"ssh.github.com:443":         {"ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", "ecdsa-sha2-nistp256 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM", "ssh-rsa SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s"},
	"gitlab.com:22":              {"ssh-ed25519 SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8", "ecdsa-sha2-nistp256 SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw", "ssh-rsa SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ"},
	"bitbucket.org:22":           {"ssh-ed25519 SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM", "ecdsa-sha2-nistp256 SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0", "ssh-rsa SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E"},
	"ssh.dev.azure.com:22":       {"ssh-rsa SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"},
	"vs-ssh.visualstudio.com:22": {"ssh-rsa SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"},
}

func newKnownHosts(t *testing.T, o KnownHostsOptions) *KnownHosts {
	t.Helper()
	k, err := NewKnownHosts(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func builtinKey(host, keyType string) ssh.PublicKey {
	return builtin()[slices.IndexFunc(builtin(), func(l hostLine) bool { return l.shown.Host == host && l.shown.Type == keyType })].key
}

func ed25519Key(t *testing.T) ssh.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	key, err := ssh.NewPublicKey(mustGenerate(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestBuiltinKeys(t *testing.T) {
	k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
	got := map[string][]string{}
	for _, h := range k.List() {
		got[h.Host] = append(got[h.Host], h.Type+" "+h.Fingerprint)
		key, err := ssh.ParsePublicKey(h.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Check(h.Host, key); err != nil || h.Source != "builtin" {
			t.Errorf("%s: %v", h.Host, err)
		}
		if day, err := time.Parse(time.DateOnly, h.Dated); err != nil || day.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || !strings.HasPrefix(h.Page, "https://") {
			t.Errorf("%s: source %q, date %q", h.Host, h.Page, h.Dated)
		}
	}
	for host, want := range published {
		slices.Sort(want)
		if !slices.Equal(got[host], want) {
			t.Errorf("%s: %v, want %v", host, got[host], want)
		}
	}
	if len(got) != len(published) {
		t.Errorf("%d hosts, %d are published", len(got), len(published))
	}
	if got := k.Algorithms("SSH.dev.azure.com"); !slices.Equal(got, []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}) {
		t.Errorf("algorithms %v", got)
	}
}

func TestUnknownAndChanged(t *testing.T) {
	k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
	key := ed25519Key(t)
	fp := ssh.FingerprintSHA256(key)
	err := k.Check("Git.Example.com:7999", key)
	f, ok := errors.AsType[*model.Failure](err)
	if !ok || f.Code != model.CodeHostKeyUnknown || !strings.Contains(f.Detail, "ssh-ed25519 "+fp) ||
		!strings.Contains(f.Hint, "issuetrail known-hosts add git.example.com:7999 --fingerprint "+fp) {
		t.Errorf("%+v", err)
	}
	if got := k.Algorithms("git.example.com:7999"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	err = k.Check("github.com:22", key)
	f, ok = errors.AsType[*model.Failure](err)
	if !ok || f.Code != model.CodeHostKeyChanged || !strings.Contains(f.Detail, fp) || !strings.Contains(f.Detail, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU") ||
		!strings.Contains(f.Hint, "issuetrail known-hosts add github.com:22 --fingerprint "+fp) {
		t.Errorf("%+v", err)
	}
	if err := k.Check("a b", key); failureCode(err) != model.CodeURLInvalid {
		t.Error(err)
	}
}

func TestAddAndRemove(t *testing.T) {
	mem := &memory{}
	k := newKnownHosts(t, KnownHostsOptions{Trust: mem})
	other := newKnownHosts(t, KnownHostsOptions{Trust: mem}) // another node
	ed, rs, evil := ed25519Key(t), rsaKey(t), ed25519Key(t)
	fp := ssh.FingerprintSHA256(ed)
	gen := k.Generation()
	for bad, want := range map[string]string{
		ssh.FingerprintSHA256(evil): "it offers ssh-ed25519 " + fp + ", ssh-rsa " + ssh.FingerprintSHA256(rs),
		"SHA256:short":              "is not a fingerprint",
		"MD5:97:70:33:82:fd:29:3a:73:39:af:6a:07:ad:f8:80:49": "MD5",
		"97:70:33:82:fd:29:3a:73:39:af:6a:07:ad:f8:80:49":     "MD5",
		strings.Replace(fp, "SHA256:", "", 1):                 "is not a fingerprint",
	} {
		if _, err := k.Add(ctx, "h", bad, []ssh.PublicKey{ed, rs}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if k.Generation() != gen || len(mem.hosts) != 0 {
		t.Error("a refused fingerprint changed what is trusted")
	}
	added, err := k.Add(ctx, "H", fp+"=", []ssh.PublicKey{rs, ed})
	if err != nil || len(added) != 1 || added[0].Host != "h:22" || added[0].Source != "added" || added[0].AddedAt.IsZero() {
		t.Fatalf("%+v, %v", added, err)
	}
	if k.Generation() == gen || k.Check("h:22", ed) != nil || failureCode(k.Check("h:22", rs)) != model.CodeHostKeyChanged ||
		failureCode(k.Check("h:2222", ed)) != model.CodeHostKeyUnknown {
		t.Error("the added key is not what is trusted")
	}
	if got := k.Algorithms("h:22"); !slices.Equal(got, []string{"ssh-ed25519"}) {
		t.Errorf("%v", got)
	}
	if other.Check("h:22", ed) == nil {
		t.Error("the other node knows before it looked")
	}
	gen = other.Generation()
	if err := other.Reload(ctx); err != nil || other.Check("h:22", ed) != nil || other.Generation() == gen {
		t.Errorf("the other node does not see the key: %v", err)
	}
	gen = other.Generation()
	if err := other.Reload(ctx); err != nil || other.Generation() != gen {
		t.Error("the generation changed without a reason")
	}
	if _, err := k.Add(ctx, "h:22", ssh.FingerprintSHA256(rs), []ssh.PublicKey{ed, rs}); err != nil {
		t.Fatal(err)
	}
	if k.Check("h:22", ed) != nil || k.Check("h:22", rs) != nil {
		t.Error("two types of one host are not both trusted")
	}
	if _, err := k.Add(ctx, "h:22", ssh.FingerprintSHA256(evil), []ssh.PublicKey{evil}); err != nil || k.Check("h:22", ed) == nil || k.Check("h:22", rs) != nil {
		t.Error("a new key does not take the place of the one of its type alone")
	}
	gen = k.Generation()
	if err := k.Remove(ctx, "h"); err != nil || failureCode(k.Check("h:22", rs)) != model.CodeHostKeyUnknown || k.Generation() == gen {
		t.Errorf("remove: %v", err)
	}
	for _, host := range []string{"h", "github.com"} {
		if err := k.Remove(ctx, host); !errors.Is(err, model.ErrNotFound) {
			t.Errorf("remove %s: %v", host, err)
		}
	}
}

// A vendor changed its key after this program was built.
func TestAddedReplacesBuiltin(t *testing.T) {
	k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
	oldKey := builtinKey("github.com:22", "ssh-rsa")
	key := rsaKey(t)
	if _, err := k.Add(ctx, "github.com", ssh.FingerprintSHA256(key), []ssh.PublicKey{key}); err != nil {
		t.Fatal(err)
	}
	if k.Check("github.com:22", key) != nil || failureCode(k.Check("github.com:22", oldKey)) != model.CodeHostKeyChanged {
		t.Error("the built-in key is still trusted")
	}
	if len(k.Algorithms("github.com:22")) != 5 { // ecdsa, ed25519, and three of RSA
		t.Errorf("%v", k.Algorithms("github.com:22"))
	}
	if err := k.Remove(ctx, "github.com"); err != nil || k.Check("github.com:22", oldKey) != nil {
		t.Error("the built-in key did not come back")
	}
}

func TestKnownHostsFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "known_hosts")
	plain, hashed, stolen, ours := ed25519Key(t), ed25519Key(t), ed25519Key(t), ed25519Key(t)
	line := func(host string, key ssh.PublicKey) string { return host + " " + string(ssh.MarshalAuthorizedKey(key)) }
	write(t, file, []byte(line("hashed.example.com", hashed)), 0o644)
	run(t, "ssh-keygen", "-H", "-f", file) // hashes the name in place
	text := string(readAll(t, file))
	if strings.Contains(text, "hashed.example.com") {
		t.Fatal("not hashed")
	}
	text += "# comment\n\n" + line("[plain.example.com]:7999,10.0.0.1", plain) + line("github.com", ours) +
		line("@revoked *", stolen) + line("*.wild.example.com", plain)
	write(t, file, []byte(text), 0o644)
	k := newKnownHosts(t, KnownHostsOptions{File: file})
	for _, c := range []struct {
		host string
		key  ssh.PublicKey
		code string
	}{
		{"hashed.example.com:22", hashed, ""},
		{"hashed.example.com:22", plain, model.CodeHostKeyChanged},
		{"hashed.example.com:23", hashed, ""}, // as OpenSSH does
		{"hashed.example.com:23", plain, model.CodeHostKeyUnknown},
		{"a.wild.example.com:2222", plain, ""},
		{"10.0.0.1:23", stolen, model.CodeHostKeyChanged},
		{"plain.example.com:7999", plain, ""},
		{"10.0.0.1:22", plain, ""},
		{"plain.example.com:22", plain, model.CodeHostKeyUnknown},
		{"a.wild.example.com:22", plain, ""},
		{"a.wild.example.com:22", stolen, model.CodeHostKeyChanged},
		{"nowhere:22", stolen, model.CodeHostKeyChanged},
		{"github.com:22", ours, ""}, // the file's word goes before the built-in one
	} {
		if err := k.Check(c.host, c.key); failureCode(err) != c.code || c.code == "" && err != nil {
			t.Errorf("%s: %v, want %q", c.host, err, c.code)
		}
	}
	if err := k.Check("gitlab.com:22", builtinKey("gitlab.com:22", "ssh-rsa")); err != nil {
		t.Errorf("built-in keys do not hold beside a file: %v", err)
	}
	if got := k.Algorithms("hashed.example.com:22"); !slices.Equal(got, []string{"ssh-ed25519"}) {
		t.Errorf("%v", got)
	}
	if _, err := k.Add(ctx, "h", ssh.FingerprintSHA256(plain), []ssh.PublicKey{plain}); code(t, err) != CodeManagedByConfig {
		t.Error(err)
	}
	if err := k.Remove(ctx, "h"); code(t, err) != CodeManagedByConfig || !k.ReadOnly() {
		t.Error(err)
	}
	gen := k.Generation()
	write(t, file, []byte(text+"broken line\n"), 0o644)
	if err := k.Reload(ctx); err == nil || !strings.Contains(err.Error(), file) || k.Generation() != gen || k.Check("10.0.0.1:22", plain) != nil {
		t.Errorf("a broken file: %v", err)
	}
	write(t, file, []byte(line("h", plain)), 0o644)
	if err := k.Reload(ctx); err != nil || k.Generation() == gen || k.Check("h:22", plain) != nil {
		t.Errorf("%v", err)
	}
	if _, err := NewKnownHosts(ctx, KnownHostsOptions{File: dir + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Certificates of host keys, made by the real ssh-keygen, and what is said of those that do not hold.
func TestHostCertificates(t *testing.T) {
	dir := makeKeys(t)
	ca, plain := strings.TrimSpace(string(readAll(t, dir+"/ed25519.pub"))), strings.TrimSpace(string(readAll(t, dir+"/openssh.pub")))
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(args ...string) ssh.PublicKey {
		run(t, "ssh-keygen", append(append([]string{"-q", "-s", dir + "/ed25519", "-I", "host"}, args...), dir+"/openssh.pub")...)
		cert, _, _, _, err := ssh.ParseAuthorizedKey(readAll(t, dir+"/openssh-cert.pub"))
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	good := sign("-h", "-n", "ca.example.com")
	broken := *sign("-h", "-n", "ca.example.com").(*ssh.Certificate)
	broken.ValidPrincipals = []string{"other.example.com"}
	trusts := "@cert-authority *.example.com " + ca + "\n"
	for _, c := range []struct {
		name, text, host string
		key              ssh.PublicKey
		code, word       string
	}{
		{"holds", trusts, "ca.example.com:22", good, "", ""},
		{"holds at another port", trusts, "ca.example.com:7999", good, "", ""},
		{"another name", trusts, "other.example.com:22", good, model.CodeHostKeyChanged, `is made for ["ca.example.com"], not for other.example.com`},
		{"forged name", trusts, "other.example.com:22", &broken, model.CodeHostKeyChanged, "signature does not verify"},
		{"expired", trusts, "ca.example.com:22", sign("-h", "-V", "20200101:20210101"), model.CodeHostKeyChanged, "expired at 202"},
		{"to come", trusts, "ca.example.com:22", sign("-h", "-V", "20990101:20990201"), model.CodeHostKeyChanged, "holds from 20"},
		{"of a user", trusts, "ca.example.com:22", sign("-n", "ca.example.com"), model.CodeHostKeyChanged, "is one of a user"},
		{"critical option", trusts, "ca.example.com:22", sign("-h", "-O", "critical:x@example.com=y"), model.CodeHostKeyChanged, "critical options"},
		{"key revoked", trusts + "@revoked * " + plain + "\n", "ca.example.com:22", good, model.CodeHostKeyChanged, "marked as revoked"},
		{"authority revoked", trusts + "@revoked *.example.com " + ca + "\n", "ca.example.com:22", good, model.CodeHostKeyChanged, "marked as revoked"},
		{"authority of other hosts", trusts, "ca.example.org:22", good, model.CodeHostKeyUnknown, "known-hosts add ca.example.org:22 --fingerprint " + ssh.FingerprintSHA256(host)},
		{"expired, but the key is known", trusts + "ca.example.com " + plain + "\n", "ca.example.com:22", sign("-h", "-V", "20200101:20210101"), "", ""},
		{"no authority, but the key is known", "ca.example.com " + plain + "\n", "ca.example.com:22", good, "", ""},
		{"authority as a key", "ca.example.com " + ca + "\n", "ca.example.com:22", good, model.CodeHostKeyChanged, "the trusted one is ssh-ed25519"},
	} {
		k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
		importText(t, k, c.text)
		err := k.Check(c.host, c.key)
		f, ok := errors.AsType[*model.Failure](err)
		if c.code == "" && err != nil || c.code != "" && (!ok || f.Code != c.code || !strings.Contains(f.Detail+" "+f.Hint, c.word)) {
			t.Errorf("%s: %+v", c.name, err)
		}
	}
	k := newKnownHosts(t, KnownHostsOptions{Trust: &memory{}})
	importText(t, k, trusts+"ca.example.com "+plain+"\n")
	got := k.Algorithms("ca.example.com:22")
	if !slices.Equal(got, append(slices.Clone(certAlgorithms), "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")) {
		t.Errorf("algorithms follow the authority's type, not the certificate's: %v", got)
	}
}

func TestHostPort(t *testing.T) {
	for in, want := range map[string]string{
		"Example.com": "example.com:22", "h:7999": "h:7999", "[::1]:22": "[::1]:22", "::1": "[::1]:22", "[::1]": "[::1]:22", "h:022": "h:22",
		"10.0.0.1": "10.0.0.1:22",
		"":         "", "h:0": "", "h:65536": "", "h:x": "", "-h": "", "a b": "", "git@h": "", "h/x": "", "a:b:c": "", "*": "", "h\n": "", "ü": "",
	} {
		got, err := HostPort(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func FuzzHostFile(f *testing.F) {
	f.Add(string(builtinText))
	f.Add("@revoked * ssh-rsa AAAA\n|1|x|y ssh-rsa AAAA\n@cert-authority *.a,!b.a,[c]:1 ssh-ed25519 " + strings.Fields(string(builtinText))[3])
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseHosts([]byte(text), "file")
		for _, l := range lines {
			for _, h := range l.entries("imported") {
				again, err := storedLine(h)
				if err != nil || !bytes.Equal(again.blob, l.blob) || again.marker != l.marker {
					t.Fatalf("%+v is not kept: %v", h, err)
				}
				if name := again.names.text; l.names.match(name) != again.names.match(name) && !strings.Contains(name, "!") && !l.names.hashed() {
					t.Fatalf("%q and %q differ on %q", l.names.text, again.names.text, name)
				}
			}
		}
		k := &KnownHosts{o: KnownHostsOptions{Trust: &memory{}, Now: time.Now}}
		if done, importErr := k.Import(ctx, text); importErr != nil || err == nil && len(lines) > 0 && len(done.Added)+len(done.Present)+len(done.LeftOut) == 0 {
			t.Fatalf("%+v, %v", done, importErr)
		}
	})
}
