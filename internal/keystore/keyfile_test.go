package keystore

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestKeyFile(t *testing.T) {
	dir := makeKeys(t)
	write(t, dir+"/pass", []byte(passphrase+"\n"), 0o600)
	write(t, dir+"/wrong-pass", []byte("wrong\n"), 0o600)
	write(t, dir+"/bom", append([]byte("\xef\xbb\xbf"), readAll(t, dir+"/pkcs1")...), 0o600)
	write(t, dir+"/indented", []byte("  "+strings.ReplaceAll(string(readAll(t, dir+"/pkcs1")), "\n", "\n  ")), 0o600)
	write(t, dir+"/it's crlf", bytes.ReplaceAll(readAll(t, dir+"/pkcs1"), []byte("\n"), []byte("\r\n")), 0o600)
	write(t, dir+"/open", readAll(t, dir+"/pkcs1"), 0o640)
	write(t, dir+"/it's open", readAll(t, dir+"/pkcs1"), 0o604)
	write(t, dir+"/utf16", []byte("\xff\xfe-\x00"), 0o600)
	write(t, dir+"/ppk", []byte("PuTTY-User-Key-File-3: ssh-rsa\n"), 0o600)
	for _, c := range []struct{ file, pass, code, says string }{
		{"pkcs1", "", "", ""},
		{"it's crlf", "", "", ""},
		{"pkcs1-enc", "pass", "", ""},
		{"pkcs1-enc", "", CodePassphraseRequired, "key.passphrase_file is not given"},
		{"pkcs1-enc", "wrong-pass", CodePassphraseWrong, "ssh-keygen -y -f DIR/pkcs1-enc"},
		{"openssh", "", CodeUnreadable, "is an OpenSSH private key, and key.file is read as RSA PEM (PKCS#1) only; run: ssh-keygen -p -m PEM -f DIR/openssh"},
		{"openssh-enc", "", CodeUnreadable, "is an OpenSSH private key"},
		{"pkcs8", "", CodeUnreadable, "is a PKCS#8 key, and key.file is read as RSA PEM (PKCS#1) only; run: ssh-keygen -p -m PEM -f DIR/pkcs8"},
		{"pkcs8-enc", "", CodeUnreadable, "is an encrypted PKCS#8 key; run: ssh-keygen -p -m PEM -f DIR/pkcs8-enc"},
		{"ed25519", "", CodeNotRSA, "issuetrail key generate"},
		{"short", "", CodeTooShort, "1024 bits"},
		{"pkcs1.pub", "", CodePublic, "issuetrail key import DIR/pkcs1"},
		{"cert", "", CodeCertificate, "certificate"},
		{"der", "", CodeUnreadable, "openssl rsa -inform DER -in DIR/der -traditional -out DIR/der.pem"},
		{"bom", "", CodeUnreadable, `sed -i '1s/^\xEF\xBB\xBF//' DIR/bom`},
		{"indented", "", CodeUnreadable, `sed -i 's/^[ \t]*//' DIR/indented`},
		{"utf16", "", CodeUnreadable, "iconv"},
		{"ppk", "", CodeUnreadable, "issuetrail key convert DIR/ppk --out DIR/ppk.pem"},
		{"open", "", CodeFileUnsafe, "others can use it (mode 0640); run: chmod 600 DIR/open"},
		{"it's open", "", CodeFileUnsafe, `chmod 600 'DIR/it'\''s open'`},
	} {
		o := Options{File: filepath.Join(dir, c.file)}
		if c.pass != "" {
			o.PassphraseFile = filepath.Join(dir, c.pass)
		}
		k, err := Open(ctx, o)
		if got := code(t, err); got != c.code {
			t.Errorf("%s: %v, want %q", c.file, err, c.code)
			continue
		}
		if err != nil {
			if want := strings.ReplaceAll(c.says, "DIR", dir); !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "key file "+o.File+": ") {
				t.Errorf("%s: %v\nwant %s", c.file, err, want)
			}
			continue
		}
		info, err := k.Info(ctx)
		if err != nil || info.Source != "file" || info.PassphraseProtected != (c.pass != "") || info.InstalledAt.IsZero() {
			t.Errorf("%s: %+v, %v", c.file, info, err)
		}
		if _, err := k.Generate(ctx, 0); code(t, err) != CodeManagedByConfig {
			t.Errorf("generate: %v", err)
		}
		if _, _, err := k.Import(ctx, nil, nil); code(t, err) != CodeManagedByConfig {
			t.Errorf("import: %v", err)
		}
	}
	for _, file := range []string{"none", "."} {
		if _, err := Open(ctx, Options{File: filepath.Join(dir, file)}); err == nil {
			t.Errorf("%s was read", file)
		}
	}
}

// The commands that a refusal names are run as they stand, and then the file is accepted.
func TestCommandsMend(t *testing.T) {
	dir := makeKeys(t)
	write(t, dir+"/bom", append([]byte("\xef\xbb\xbf"), readAll(t, dir+"/pkcs1")...), 0o600)
	write(t, dir+"/indented", []byte("  "+strings.ReplaceAll(string(readAll(t, dir+"/pkcs1")), "\n", "\n  ")), 0o600)
	write(t, dir+"/open", readAll(t, dir+"/pkcs1"), 0o644)
	for _, c := range []struct{ file, then string }{
		{"openssh", ""}, {"pkcs8", ""}, {"bom", ""}, {"indented", ""}, {"open", ""}, {"der", ".pem"},
	} {
		file := filepath.Join(dir, c.file)
		_, err := Open(ctx, Options{File: file})
		_, command, found := strings.Cut(err.Error(), "run: ")
		if !found {
			t.Fatalf("%s: %v names no command", c.file, err)
		}
		// ssh-keygen asks for the new passphrase; it is given here.
		shell(t, strings.Replace(command, "-p -m", "-p -N '' -m", 1))
		if _, err := Open(ctx, Options{File: file + c.then}); err != nil {
			t.Errorf("%s: after %s: %v", c.file, command, err)
		}
	}
	write(t, dir+"/pass", []byte(passphrase), 0o600)
	file := dir + "/pkcs8-enc"
	shell(t, "ssh-keygen -p -P '"+passphrase+"' -N '"+passphrase+"' -m PEM -f "+file)
	if _, err := Open(ctx, Options{File: file, PassphraseFile: dir + "/pass"}); err != nil {
		t.Error(err)
	}
}

func TestReloadOfFile(t *testing.T) {
	dir := makeKeys(t)
	file := dir + "/current"
	write(t, file, readAll(t, dir+"/pkcs1"), 0o600)
	k, err := Open(ctx, Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := k.Info(ctx)
	write(t, file, readAll(t, dir+"/openssh"), 0o600)
	if err := k.Reload(ctx); code(t, err) != CodeUnreadable {
		t.Errorf("%v", err)
	}
	if after, err := k.Info(ctx); err != nil || after != before {
		t.Errorf("a bad file replaced a working key: %+v, %v", after, err)
	}
	write(t, file, readAll(t, dir+"/ed25519"), 0o600)
	write(t, file, EncodePEM(mustGenerate(t)), 0o600)
	if err := k.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if after, _ := k.Info(ctx); after.Fingerprint == before.Fingerprint {
		t.Error("the new key is not in use")
	}
}

// foreign is the state of a file that belongs to another user than us and root.
type foreign struct{ fs.FileInfo }

func (f foreign) Sys() any {
	st := *f.FileInfo.Sys().(*syscall.Stat_t)
	st.Uid = uint32(os.Geteuid()) + 4321
	return &st
}

func TestKeyFileOfSomebodyElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, EncodePEM(mustGenerate(t)), 0o600)
	ours, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkOwner(file, ours); err != nil {
		t.Error(err)
	}
	if err := checkOwner(file, foreign{ours}); code(t, err) != CodeFileUnsafe || !strings.Contains(err.Error(), "belongs to user") {
		t.Error(err)
	}
}

// systemd opens its credentials by an access list, which shows as group bits.
func TestKeyFileFromSystemd(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	write(t, dir+"/key", EncodePEM(mustGenerate(t)), 0o440)
	if _, err := Open(ctx, Options{File: dir + "/key"}); err != nil {
		t.Error(err)
	}
}
