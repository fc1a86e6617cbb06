package keystore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

var ctx = context.Background()

func failureCode(err error) string {
	if f, ok := errors.AsType[*model.Failure](err); ok {
		return f.Code
	}
	return ""
}

func TestNoKeyYet(t *testing.T) {
	k := openManaged(t, &memory{})
	_, err := firstSigner(k)
	if failureCode(err) != model.CodeKeyMissing || !strings.Contains(err.(*model.Failure).Hint, "issuetrail key generate") {
		t.Errorf("%v", err)
	}
	if _, err := k.Info(ctx); failureCode(err) != model.CodeKeyMissing {
		t.Error(err)
	}
}

func TestGenerate(t *testing.T) {
	mem := &memory{}
	dir := t.TempDir()
	k, err := Open(ctx, Options{Vault: mem, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for bits, want := range map[int]string{1024: CodeTooShort, -1: CodeTooShort, MaxBits + 1: CodeBits} {
		if _, err := k.Generate(ctx, bits); code(t, err) != want {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
	info, err := k.Generate(ctx, 3072)
	if err != nil {
		t.Fatal(err)
	}
	if info.Bits != 3072 || info.Warning != "" || info.InstalledAt.IsZero() {
		t.Errorf("%+v", info)
	}
	signer, err := firstSigner(k)
	if err != nil || ssh.FingerprintSHA256(signer.PublicKey()) != info.Fingerprint {
		t.Errorf("the key is not in use at once: %v", err)
	}
	sig, err := signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, []byte("x"), ssh.KeyAlgoRSASHA512)
	if err != nil || signer.PublicKey().Verify([]byte("x"), sig) != nil {
		t.Errorf("signature: %v", err)
	}
	again, err := Open(ctx, Options{Vault: mem, DataDir: dir}) // a restart
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Info(ctx); err != nil || got != info {
		t.Errorf("after a restart %+v, %v; want %+v", got, err, info)
	}
	write(t, dir+"/pub", []byte(info.PublicKey+"\n"), 0o600)
	if got := run(t, "ssh-keygen", "-lf", dir+"/pub"); !strings.Contains(got, info.Fingerprint+" issuetrail (RSA)") {
		t.Errorf("ssh-keygen says %s", got)
	}
}

func TestMasterKeys(t *testing.T) {
	raw := bytes.Repeat([]byte{7, 200}, 16)
	mem := &memory{}
	dir := t.TempDir()
	file := dir + "/m"
	write(t, file, raw, 0o600)
	k, err := Open(ctx, Options{Vault: mem, MasterKeyFile: file})
	if err != nil {
		t.Fatal(err)
	}
	info, err := k.Generate(ctx, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)) + "\n", base64.StdEncoding.EncodeToString(raw) + "\r\n",
		base64.RawURLEncoding.EncodeToString(raw),
	} {
		write(t, file, []byte(text), 0o600)
		k, err := Open(ctx, Options{Vault: mem, MasterKeyFile: file})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got, err := k.Info(ctx); err != nil || got.Fingerprint != info.Fingerprint {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "short", hex.EncodeToString(raw)[2:], strings.Repeat("z", 64)} {
		write(t, file, []byte(text), 0o600)
		if _, err := Open(ctx, Options{Vault: mem, MasterKeyFile: file}); err == nil || !strings.Contains(err.Error(), "openssl rand -hex 32") {
			t.Errorf("%q: %v", text, err)
		}
	}
	write(t, file, raw, 0o644)
	if _, err := Open(ctx, Options{Vault: mem, MasterKeyFile: file}); code(t, err) != CodeFileUnsafe {
		t.Error(err)
	}
	if _, err := Open(ctx, Options{Vault: mem, MasterKeyFile: dir + "/none"}); err == nil {
		t.Error("a missing master key was made")
	}
	write(t, file, bytes.Repeat([]byte{9}, 32), 0o600) // another one
	k, err = Open(ctx, Options{Vault: mem, MasterKeyFile: file})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := firstSigner(k); failureCode(err) != model.CodeKeyMissing || !strings.Contains(err.Error(), "does not open it") {
		t.Error(err)
	}
}

func TestLostMasterKey(t *testing.T) {
	mem, dir := &memory{}, t.TempDir()
	o := Options{Vault: mem, DataDir: dir}
	k, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Generate(ctx, 2048); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, masterName)
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	k, err = Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = firstSigner(k)
	if failureCode(err) != model.CodeKeyMissing || !strings.Contains(err.(*model.Failure).Hint, file) {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a new master key hides that the old one is lost")
	}
	if _, _, err := k.Import(ctx, EncodePEM(mustGenerate(t)), nil); err != nil { // the way out
		t.Fatal(err)
	}
	if _, err := firstSigner(k); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(dir + "/.*")
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestSealHoldsItsText(t *testing.T) {
	var master masterKey
	sealed, err := seal(&master, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := unseal(&master, bad); err == nil {
			t.Fatalf("byte %d can be changed", i)
		}
	}
	if _, err := unseal(&master, sealed[:5]); err == nil {
		t.Error("a cut text opens")
	}
	gcm, _ := newGCM(&master)
	if _, err := gcm.Open(nil, sealed[:12], sealed[12:], []byte("elsewhere")); err == nil {
		t.Error("it opens in another place")
	}
}

// Two nodes share one vault: a key that one installs is in use at the other soon.
func TestOtherNodeChangesTheKey(t *testing.T) {
	mem, dir, c := &memory{}, t.TempDir(), &clock{time.Unix(1e9, 0)}
	o := Options{Vault: mem, DataDir: dir, Now: c.now}
	a, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.Generate(ctx, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(2 * recheck)
	if got, err := b.Info(ctx); err != nil || got.Fingerprint != first.Fingerprint {
		t.Fatalf("%+v, %v", got, err)
	}
	reads := mem.reads
	for range 100 {
		if _, err := firstSigner(b); err != nil {
			t.Fatal(err)
		}
	}
	if mem.reads != reads {
		t.Errorf("%d reads of the vault within a moment", mem.reads-reads)
	}
	second, err := a.Generate(ctx, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(2 * recheck)
	if got, err := b.Info(ctx); err != nil || got.Fingerprint != second.Fingerprint {
		t.Errorf("%+v, %v", got, err)
	}
	mem.err = errors.New("the database is away")
	c.at = c.at.Add(2 * recheck)
	if got, err := b.Info(ctx); err != nil || got.Fingerprint != second.Fingerprint {
		t.Errorf("without the database: %+v, %v", got, err)
	}
	if _, err := a.Generate(ctx, 2048); err == nil {
		t.Error("stored without a database")
	}
	if got, _ := a.Info(ctx); got.Fingerprint != second.Fingerprint {
		t.Error("a key that was not stored is in use")
	}
	mem.err = nil
	mem.keys[0].Cipher = bytes.Repeat([]byte{1}, 100)
	c.at = c.at.Add(2 * recheck)
	if got, err := b.Info(ctx); err != nil || got.Fingerprint != second.Fingerprint || !strings.Contains(got.Warning, "cannot be used after that") {
		t.Errorf("a stored key that does not open: %+v, %v", got, err)
	}
}
