package keystore

import (
	"context"
	"crypto/rsa"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
)

// run starts a real tool and gives what it prints.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// shell runs a command as a person would paste it.
func shell(t testing.TB, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// makeKeys gives a folder with keys of all formats, made by the real tools once;
// the passphrase of the encrypted ones is "correct horse".
func makeKeys(t testing.TB) string {
	t.Helper()
	made.Do(func() { made.files = toolKeys(t) })
	dir := t.TempDir()
	for name, text := range made.files {
		write(t, filepath.Join(dir, name), text, 0o600)
	}
	return dir
}

var made struct {
	sync.Once
	files map[string][]byte
}

func toolKeys(t testing.TB) map[string][]byte {
	dir := t.TempDir()
	f := func(name string) string { return filepath.Join(dir, name) }
	keygen := func(name, pass string, args ...string) {
		run(t, "ssh-keygen", append([]string{"-q", "-C", "me@here", "-N", pass, "-f", f(name)}, args...)...)
	}
	keygen("pkcs1", "", "-t", "rsa", "-b", "2048", "-m", "PEM")
	keygen("pkcs1-enc", passphrase, "-t", "rsa", "-b", "2048", "-m", "PEM")
	keygen("openssh", "", "-t", "rsa", "-b", "2048")
	keygen("openssh-enc", passphrase, "-t", "rsa", "-b", "2048", "-a", "4")
	keygen("openssh-gcm", passphrase, "-t", "rsa", "-b", "2048", "-a", "4", "-Z", "aes256-gcm@openssh.com")
	keygen("ed25519", "", "-t", "ed25519")
	keygen("ed25519-enc", passphrase, "-t", "ed25519", "-a", "4")
	keygen("ecdsa-pem", "", "-t", "ecdsa", "-m", "PEM")
	keygen("short", "", "-t", "rsa", "-b", "1024", "-m", "PEM")
	keygen("short-openssh", "", "-t", "rsa", "-b", "1024")
	run(t, "openssl", "pkcs8", "-topk8", "-nocrypt", "-in", f("pkcs1"), "-out", f("pkcs8"))
	run(t, "openssl", "pkcs8", "-topk8", "-passout", "pass:"+passphrase, "-in", f("pkcs1"), "-out", f("pkcs8-enc"))
	run(t, "openssl", "rsa", "-in", f("pkcs1"), "-outform", "DER", "-out", f("der"))
	run(t, "openssl", "rsa", "-in", f("pkcs1"), "-pubout", "-out", f("public-pem"))
	run(t, "openssl", "genpkey", "-algorithm", "ed25519", "-out", f("ed25519-pkcs8"))
	run(t, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f("ec-pkcs8"))
	run(t, "openssl", "genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f("pss-pkcs8"))
	run(t, "openssl", "genrsa", "-traditional", "-out", f("tiny"), "512")
	run(t, "openssl", "genrsa", "-traditional", "-primes", "3", "-out", f("three-primes"), "2048")
	run(t, "openssl", "rsa", "-aes256", "-traditional", "-passout", "pass:"+passphrase, "-in", f("pkcs1"), "-out", f("pkcs1-aes256"))
	run(t, "openssl", "rsa", "-des3", "-traditional", "-passout", "pass:"+passphrase, "-in", f("pkcs1"), "-out", f("pkcs1-des3"))
	run(t, "openssl", "req", "-x509", "-key", f("pkcs1"), "-subj", "/CN=x", "-out", f("cert"))
	run(t, "ssh-keygen", "-q", "-s", f("pkcs1"), "-I", "me", f("openssh.pub"))
	files := map[string][]byte{}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		files[n.Name()] = readAll(t, f(n.Name()))
	}
	return files
}

const passphrase = "correct horse"

func readAll(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// memory is a Vault and a Trust of a few lines.
type memory struct {
	mu    sync.Mutex
	keys  []model.SealedKey
	hosts []model.KnownHost
	reads int
	err   error
}

func (m *memory) Keys(context.Context) ([]model.SealedKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.err != nil {
		return nil, m.err
	}
	return slices.Clone(m.keys), nil
}

func (m *memory) ChangeKeys(_ context.Context, change func([]model.SealedKey) ([]model.SealedKey, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if _, err := change(slices.Clone(m.keys)); err != nil { // once more than needed, as a database may
		return err
	}
	keys, err := change(slices.Clone(m.keys))
	if err == nil {
		m.keys = keys
	}
	return err
}

func (m *memory) KnownHosts(context.Context) ([]model.KnownHost, error) { return m.hosts, m.err }

func (m *memory) ChangeKnownHosts(_ context.Context, remove, add []model.KnownHost) error {
	if m.err != nil {
		return m.err
	}
	m.hosts = slices.DeleteFunc(slices.Clone(m.hosts), func(h model.KnownHost) bool {
		return slices.ContainsFunc(remove, func(r model.KnownHost) bool { return sameRow(r, h) })
	})
	for _, h := range add {
		if !slices.ContainsFunc(m.hosts, func(o model.KnownHost) bool { return sameRow(o, h) }) {
			m.hosts = append(m.hosts, h)
		}
	}
	return nil
}

// clock is a time that moves when it is told to.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func mustGenerate(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := GenerateRSA(MinBits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
