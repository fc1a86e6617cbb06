package keystore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openManaged(t testing.TB, m *memory) *Keyring {
	t.Helper()
	k, err := Open(context.Background(), Options{Vault: m, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// code is the code of a *KeyError, "" for no error.
func code(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*KeyError](err)
	if !ok {
		t.Fatalf("%v is no KeyError", err)
	}
	return e.Code
}

func TestImportFormats(t *testing.T) {
	dir := makeKeys(t)
	mem := &memory{}
	k := openManaged(t, mem)
	for _, c := range []struct{ file, pass, code, from, says string }{
		{"pkcs1", "", "", "", ""},
		{"pkcs1", "unneeded", "", "", ""},
		{"pkcs1-enc", passphrase, "", "", ""},
		{"pkcs1-aes256", passphrase, "", "", ""},
		{"pkcs1-des3", passphrase, "", "", ""},
		{"pkcs8", "", "", "pkcs8", ""},
		{"openssh", "", "", "openssh", ""},
		{"openssh-enc", passphrase, "", "openssh", ""},
		{"pkcs1-enc", "", CodePassphraseRequired, "", "--passphrase-file"},
		{"openssh-enc", "", CodePassphraseRequired, "", "--passphrase-file"},
		{"pkcs1-enc", "wrong", CodePassphraseWrong, "", "another passphrase"},
		{"openssh-enc", "wrong", CodePassphraseWrong, "", "another passphrase"},
		{"openssh-gcm", passphrase, "", "openssh", ""},
		{"pkcs8-enc", passphrase, "", "pkcs8", ""},
		{"ed25519", "", CodeNotRSA, "", "ssh-ed25519 (OpenSSH)"},
		{"ed25519-enc", "", CodeNotRSA, "", "ssh-ed25519"},
		{"ed25519-pkcs8", "", CodeNotRSA, "", "an Ed25519 key (PKCS#8)"},
		{"ecdsa-pem", "", CodeNotRSA, "", "an EC key"},
		{"ec-pkcs8", "", CodeNotRSA, "", "an EC key"},
		{"pss-pkcs8", "", CodeNotRSA, "", "an RSA-PSS key"},
		{"short", "", CodeTooShort, "", "1024 bits"},
		{"short-openssh", "", CodeTooShort, "", "1024 bits"},
		{"tiny", "", CodeTooShort, "", "512 bits"},
		{"three-primes", "", CodeUnreadable, "", "3 primes"},
		{"pkcs1.pub", "", CodePublic, "", "public key"},
		{"public-pem", "", CodePublic, "", "public key (PEM)"},
		{"cert", "", CodeCertificate, "", "X.509"},
		{"openssh-cert.pub", "", CodeCertificate, "", "SSH certificate"},
		{"der", "", CodeUnreadable, "", "openssl pkey -inform DER"},
	} {
		text := readAll(t, filepath.Join(dir, c.file))
		pass := []byte(c.pass)
		info, from, err := k.Import(context.Background(), bytes.Clone(text), pass)
		if got := code(t, err); got != c.code || from != c.from {
			t.Errorf("%s: code %q from %q (%v), want %q, %q", c.file, got, from, err, c.code, c.from)
		}
		if len(bytes.Trim(pass, "\x00")) != 0 {
			t.Errorf("%s: the passphrase was not wiped", c.file)
		}
		if err != nil {
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v does not say %q", c.file, err, c.says)
			}
			if leaks(err.Error(), text) {
				t.Errorf("%s: the error repeats the key: %v", c.file, err)
			}
			continue
		}
		public := c.file + ".pub"
		if _, err := os.Stat(filepath.Join(dir, public)); err != nil {
			public = "pkcs1.pub"
		}
		if want := strings.Fields(run(t, "ssh-keygen", "-lf", filepath.Join(dir, public)))[1]; info.Fingerprint != want {
			t.Errorf("%s: fingerprint %s, ssh-keygen says %s", c.file, info.Fingerprint, want)
		}
		if info.Bits != 2048 || info.Warning == "" || info.Type != "rsa" || info.Source != "managed" || !strings.HasSuffix(info.PublicKey, " issuetrail") {
			t.Errorf("%s: %+v", c.file, info)
		}
	}
}

// leaks says whether a message holds a piece of a text that has the length of a secret.
func leaks(message string, text []byte) bool {
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		if len(line) > 20 && !bytes.Contains(line, []byte("--")) && strings.Contains(message, string(line[:20])) {
			return true
		}
	}
	return false
}

func TestImportTidies(t *testing.T) {
	dir := makeKeys(t)
	k := openManaged(t, &memory{})
	for _, file := range []string{"pkcs1", "pkcs1-enc", "pkcs8", "openssh"} {
		text := string(readAll(t, filepath.Join(dir, file)))
		for name, dirty := range map[string]string{
			"CRLF":           strings.ReplaceAll(text, "\n", "\r\n"),
			"CR":             strings.ReplaceAll(text, "\n", "\r"),
			"BOM":            "\xef\xbb\xbf" + text,
			"indented":       "    " + strings.ReplaceAll(text, "\n", "\n    "),
			"tabs and ends":  "\t" + strings.ReplaceAll(text, "\n", " \t\n\t"),
			"no last break":  strings.TrimRight(text, "\n"),
			"text around":    "my key:\n\n" + text + "\nthat was it\n",
			"hard spaces":    strings.ReplaceAll(text, "\n", "\u00a0\n\u00a0"),
			"blank lines":    strings.ReplaceAll(text, "-----\n", "-----\n\n"),
			"with its cert":  text + string(readAll(t, dir+"/cert")),
			"cert in front":  string(readAll(t, dir+"/cert")) + text,
			"with public":    text + string(readAll(t, dir+"/public-pem")),
			"bag attributes": "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n" + text,
		} {
			if _, _, err := k.Import(context.Background(), []byte(dirty), []byte(passphrase)); err != nil {
				t.Errorf("%s, %s: %v", file, name, err)
			}
		}
	}
}

func TestImportRefusesDamage(t *testing.T) {
	dir := makeKeys(t)
	k := openManaged(t, &memory{})
	for _, file := range []string{"pkcs1", "pkcs8", "openssh"} {
		text := string(readAll(t, filepath.Join(dir, file)))
		half := len(text) / 2
		for _, c := range []struct{ name, text, code, says string }{
			{"two keys", text + text, CodeSeveral, "holds 2 private keys"},
			{"cut", text[:half], CodeUnreadable, "is cut"},
			{"line gone", text[:half] + text[strings.Index(text[half:], "\n")+half:], CodeUnreadable, "damaged"},
			{"letter changed", text[:half] + string(text[half]^1) + text[half+1:], CodeUnreadable, "damaged"},
			{"not base64", text[:half] + "!" + text[half+1:], CodeUnreadable, "damaged"},
			{"no header", text[strings.Index(text, "\n"):], CodeUnreadable, "-----BEGIN RSA PRIVATE KEY----- is missing"},
		} {
			if _, _, err := k.Import(context.Background(), []byte(c.text), nil); code(t, err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v, want %s", file, c.name, err, c.says)
			}
		}
	}
	for text, want := range map[string]string{
		"":                            "is empty",
		" \r\n":                       "is empty",
		"hello":                       "holds no key",
		"\xff\xfe-\x00-\x00":          "holds no key",
		strings.Repeat("x", maxKey+1): "larger than",
		"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n":                           "the key is cut",
		"PuTTY-User-Key-File-9: ssh-rsa\r\n":                                           "puttygen FILE -O private-openssh -o FILE.pem",
		"---- BEGIN SSH2 PUBLIC KEY ----\n":                                            "RFC 4716",
		"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n":                                 "ssh.com",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\n-----END PGP PRIVATE KEY BLOCK-----\n": "not a private key",
	} {
		_, _, err := k.Import(context.Background(), []byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %s", text, err, want)
		}
	}
}

// What is stored is PKCS#1, sealed; the real tools read it.
func TestStoredKeyIsReadByTheTools(t *testing.T) {
	dir := makeKeys(t)
	mem := &memory{}
	k := openManaged(t, mem)
	if _, _, err := k.Import(context.Background(), readAll(t, dir+"/openssh"), nil); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mem.keys[0].Cipher, []byte("PRIVATE")) {
		t.Fatal("the key is stored in the clear")
	}
	master, err := k.masters()
	if err != nil {
		t.Fatal(err)
	}
	text, err := unseal(&master[0], mem.keys[0].Cipher)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "stored")
	write(t, file, text, 0o600)
	if !bytes.HasPrefix(text, []byte("-----BEGIN RSA PRIVATE KEY-----\n")) {
		t.Errorf("%.40s", text)
	}
	if got, want := run(t, "ssh-keygen", "-yf", file), string(readAll(t, dir+"/openssh.pub")); strings.Fields(got)[1] != strings.Fields(want)[1] {
		t.Errorf("ssh-keygen reads another key: %s", got)
	}
	run(t, "openssl", "rsa", "-check", "-noout", "-in", file)
}
