package keystore

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A format is one of the ways in which a tool writes the key "base".
type format struct {
	name      string
	from      string
	encrypted bool
	text      []byte
}

// A workshop is a folder with one RSA key in every format, made by the real tools once for a run of
// the tests, and the answers of ssh-keygen about it.
type workshop struct {
	dir                 string
	formats             []format
	fingerprint, public string
	pem                 []byte // as openssl writes PKCS#1
}

var shop struct {
	sync.Once
	*workshop
}

// theWorkshop gives the one workshop. Its folder goes with the test that made it; the texts stay.
func theWorkshop(t testing.TB) *workshop {
	t.Helper()
	shop.Do(func() { shop.workshop = makeWorkshop(t) })
	if shop.workshop == nil {
		t.Fatal("the tools failed in the first test")
	}
	return shop.workshop
}

func makeWorkshop(t testing.TB) *workshop {
	w := &workshop{dir: t.TempDir()}
	f := func(name string) string { return filepath.Join(w.dir, name) }
	write(t, f("pass"), []byte(passphrase), 0o600)
	run(t, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "me@here", "-f", f("base"))
	w.fingerprint = strings.Fields(run(t, "ssh-keygen", "-lf", f("base")))[1]
	w.public = strings.Fields(run(t, "ssh-keygen", "-yf", f("base")))[1]
	run(t, "openssl", "rsa", "-in", f("base"), "-traditional", "-out", f("openssl"))
	w.pem = readAll(t, f("openssl"))
	add := func(name, from string, encrypted bool) {
		w.formats = append(w.formats, format{name, from, encrypted, readAll(t, f(name))})
	}
	add("base", "", false)
	add("openssl", "", false)
	for _, c := range []string{"des", "des3", "aes128", "aes192", "aes256"} {
		name := "pkcs1 " + c
		run(t, "openssl", "rsa", "-in", f("base"), "-traditional", "-"+c, "-passout", "pass:"+passphrase, "-out", f(name), "-provider", "legacy", "-provider", "default")
		add(name, "", true)
	}
	keygen := func(name, from, pass string, args ...string) {
		write(t, f(name), w.pem, 0o600)
		run(t, "ssh-keygen", append([]string{"-q", "-p", "-a", "1", "-N", pass, "-C", "me@here", "-f", f(name)}, args...)...)
		add(name, from, pass != "")
	}
	keygen("pkcs1 ssh-keygen", "", passphrase, "-m", "PEM")
	keygen("pkcs8 ssh-keygen plain", "pkcs8", "", "-m", "PKCS8")
	keygen("pkcs8 ssh-keygen", "pkcs8", passphrase, "-m", "PKCS8")
	keygen("openssh plain", "openssh", "")
	for _, c := range strings.Fields(run(t, "ssh", "-Q", "cipher")) {
		keygen("openssh "+c, "openssh", passphrase, "-Z", c)
	}
	topk8 := func(name string, args ...string) {
		run(t, "openssl", append([]string{"pkcs8", "-topk8", "-in", f("base"), "-out", f(name)}, args...)...)
		add(name, "pkcs8", args[0] != "-nocrypt")
	}
	topk8("pkcs8 plain", "-nocrypt")
	out := "pass:" + passphrase
	topk8("pkcs8 default", "-passout", out)
	for _, c := range []string{"aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"} {
		for _, prf := range []string{"hmacWithSHA1", "hmacWithSHA224", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512"} {
			topk8("pkcs8 "+c+" "+prf, "-passout", out, "-v2", c, "-v2prf", prf)
		}
		topk8("pkcs8 "+c+" scrypt", "-passout", out, "-v2", c, "-scrypt", "-scrypt_N", "1024", "-scrypt_r", "4", "-scrypt_p", "2")
	}
	topk8("pkcs8 scrypt default", "-passout", out, "-scrypt")
	topk8("pkcs8 many rounds", "-passout", out, "-iter", "100000")
	putty := func(name, params string, encrypted bool) {
		write(t, f("new"), nil, 0o600)
		if encrypted {
			write(t, f("new"), []byte(passphrase), 0o600)
		}
		run(t, "puttygen", f("base"), "-C", "me & you, at home", "-O", "private", "-o", f(name), "--new-passphrase", f("new"), "--ppk-param", params)
		add(name, "putty", encrypted)
	}
	putty("ppk2 plain", "version=2", false)
	putty("ppk2", "version=2", true)
	putty("ppk3 plain", "version=3", false)
	for _, params := range []string{
		"kdf=argon2id,memory=8192,passes=1", "kdf=argon2i,memory=256,passes=3", "kdf=argon2d,memory=256,passes=3",
		"kdf=argon2id,memory=512,passes=2,parallelism=4", "kdf=argon2i,memory=100,passes=1,parallelism=2",
		"kdf=argon2d,memory=1000,passes=2,parallelism=3", "kdf=argon2d,memory=8,passes=1",
	} {
		putty("ppk3 "+params, params, true)
	}
	return w
}

// convert reads a text as `key convert` does.
func convert(text []byte, pass string) (Converted, error) {
	return Convert(bytes.Clone(text), []byte(pass), "")
}

// expect checks the outcome of one case: the key of the workshop, or a refusal of this code
// that says this, names one command, and repeats nothing of the text.
func (w *workshop) expect(t *testing.T, text []byte, pass, from, wantCode, says string) {
	t.Helper()
	got, err := convert(text, pass)
	if c := code(t, err); c != wantCode {
		t.Fatalf("code %q (%v), want %q", c, err, wantCode)
	}
	if err != nil {
		checkRefusal(t, err, text, pass, says)
		return
	}
	if got.Info.Fingerprint != w.fingerprint || strings.Fields(got.Info.PublicKey)[1] != w.public {
		t.Errorf("another key: %s", got.Info.PublicKey)
	}
	if !bytes.Equal(got.PEM, w.pem) {
		t.Error("the PEM is not what openssl writes")
	}
	if got.From != from || got.Info.Bits != 2048 || !strings.Contains(got.Info.Warning, "2048 bits") {
		t.Errorf("from %q: %+v", got.From, got.Info)
	}
}

func checkRefusal(t *testing.T, err error, text []byte, pass, says string) {
	t.Helper()
	message := err.Error()
	commands := 0
	for _, word := range []string{"run: ", "try it: ", "give its passphrase: "} {
		commands += strings.Count(message, word)
	}
	if commands != 1 {
		t.Errorf("%d commands: %s", commands, message)
	}
	if !strings.Contains(message, says) || strings.Contains(message, "\n") {
		t.Errorf("%q does not say %q", message, says)
	}
	if leaks(message, text) || len(pass) > 3 && strings.Contains(message, pass) {
		t.Errorf("the refusal repeats the secret: %s", message)
	}
}

// Every format, with the right, a wrong and no passphrase; one of each container with every damage; and
// every file that is refused.
func TestFormats(t *testing.T) {
	w := theWorkshop(t)
	cases := 0
	try := func(name string, text []byte, pass, from, wantCode, says string) {
		cases++
		t.Run(name, func(t *testing.T) { w.expect(t, text, pass, from, wantCode, says) })
	}
	for _, f := range w.formats {
		if f.encrypted {
			try(f.name+"/right passphrase", f.text, passphrase, f.from, "", "")
			try(f.name+"/wrong passphrase", f.text, "wrong", f.from, CodePassphraseWrong, triedBy(f.from))
			try(f.name+"/no passphrase", f.text, "", f.from, CodePassphraseRequired, "issuetrail key convert FILE --passphrase-file F")
		} else {
			try(f.name+"/no passphrase", f.text, "", f.from, "", "")
			try(f.name+"/passphrase not needed", f.text, "unneeded", f.from, "", "")
		}
		if !f.full() {
			continue
		}
		for _, d := range harmless {
			if d.applies(f) {
				try(f.name+"/"+d.name, d.do(f.text), passphrase, f.from, "", "")
			}
		}
		for _, d := range fatal {
			if d.applies(f) {
				try(f.name+"/"+d.name, d.do(f.text), passphrase, f.from, d.code, d.says)
			}
		}
	}
	for _, r := range w.refusals(t) {
		try("refused/"+r.name, r.text, r.pass, "", r.code, r.says)
	}
	t.Logf("%d cases", cases)
	fmt.Printf("keystore: %d cases of format × passphrase × damage\n", cases)
	if cases < 150 {
		t.Errorf("only %d cases", cases)
	}
}

// full says whether a format stands for its container in the tests of damage.
func (f format) full() bool {
	switch f.name {
	case "base", "pkcs1 des3", "pkcs1 aes256", "pkcs8 plain", "pkcs8 default", "openssh plain", "openssh aes256-ctr",
		"ppk2 plain", "ppk2", "ppk3 plain", "ppk3 kdf=argon2i,memory=256,passes=3":
		return true
	}
	return false
}

// The sizes at which a key is taken with and without a warning.
func TestWarnsOfShortKeys(t *testing.T) {
	dir := t.TempDir()
	for bits, warning := range map[string]bool{"2048": true, "3064": true, "3072": false} {
		file := filepath.Join(dir, bits)
		run(t, "openssl", "genrsa", "-out", file, bits)
		got, err := convert(readAll(t, file), "")
		if err != nil || (got.Info.Warning != "") != warning || fmt.Sprint(got.Info.Bits) != bits {
			t.Errorf("%s bits: %+v, %v", bits, got.Info, err)
		}
	}
}

// Of many wrong passphrases one in 256 gives a right padding.
func TestManyWrongPassphrases(t *testing.T) {
	w := theWorkshop(t)
	for _, f := range w.formats {
		tries := 0
		switch f.name {
		case "pkcs1 aes128", "ppk2":
			tries = 2000
		case "pkcs8 default":
			tries = 600
		}
		for i := range tries {
			if _, err := convert(f.text, fmt.Sprint("wrong ", i)); code(t, err) != CodePassphraseWrong {
				t.Fatalf("%s, %d: %v", f.name, i, err)
			}
		}
	}
}

// A refusal that names a command of another tool is mended by it as it stands.
func TestRefusalsMend(t *testing.T) {
	w := theWorkshop(t)
	mended := 0
	for _, r := range w.refusals(t) {
		if !r.mend {
			continue
		}
		mended++
		t.Run(r.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "my key")
			write(t, file, r.text, 0o600)
			write(t, dir+"/pass", []byte(passphrase), 0o600)
			write(t, dir+"/none", nil, 0o600)
			_, err := Convert(bytes.Clone(r.text), []byte(r.pass), file)
			_, command, found := strings.Cut(err.Error(), "run: ")
			if !found {
				t.Fatal(err)
			}
			// What the tools would ask for.
			switch word, _, _ := strings.Cut(command, " "); word {
			case "openssl":
				command += " -passin 'pass:" + passphrase + "'"
				if strings.Contains(command, "pkcs8 -topk8") {
					command += " -passout 'pass:" + passphrase + "'"
				}
			case "puttygen":
				old := "none"
				if bytes.Contains(r.text, []byte("aes256-cbc")) {
					old = "pass"
				}
				command += " --old-passphrase " + dir + "/" + old + " --new-passphrase " + dir + "/none"
			}
			shell(t, command)
			made, err := filepath.Glob(dir + "/my key.*")
			if err != nil || len(made) != 1 {
				t.Fatalf("%s made %v", command, made)
			}
			got, err := convert(readAll(t, made[0]), passphrase)
			if err != nil || got.Info.Fingerprint != w.fingerprint {
				t.Errorf("after %s: %v", command, err)
			}
		})
	}
	if mended < 8 {
		t.Errorf("only %d commands were tried", mended)
	}
}

// RFC 9106 §5.1 has a secret and data, which keys never have; what puttygen
// derives is compared in TestFormats. Here is the hash of more than 64 bytes at all sizes.
func TestArgon2HashSizes(t *testing.T) {
	for _, size := range []uint32{65, 80, 96, 97, 128, 1024} {
		if got := argon2Hash([]byte("x"), size); len(got) != int(size) {
			t.Errorf("%d bytes for %d", len(got), size)
		}
	}
}

// ppkV1 is the key as a PuTTY key of version 1: a hash of the private half in the place of a MAC.
func (w *workshop) ppkV1(t testing.TB) []byte {
	for _, f := range w.formats {
		if f.name != "ppk2 plain" {
			continue
		}
		text := strings.Replace(string(f.text), "Key-File-2", "Key-File-1", 1)
		_, private, _ := strings.Cut(text, "Private-Lines: 14")
		private, _, _ = strings.Cut(private, "Private-MAC")
		blob, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(private))
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(text, "Private-MAC")
		sum := sha1.Sum(blob)
		return []byte(head + "Private-Hash: " + hex.EncodeToString(sum[:]) + "\n")
	}
	t.Fatal("no ppk2")
	return nil
}

// tokenKey is an OpenSSH key of a security token, which ssh-keygen makes only with a token at hand.
func tokenKey(kind string) []byte {
	public := ssh.Marshal(struct {
		Kind, Key, Application string
	}{kind, strings.Repeat("k", 32), "ssh:"})
	private := make([]byte, 160)
	_, _ = rand.Read(private)
	return armored(openSSH, append([]byte(opensshMagic), ssh.Marshal(opensshFile{Cipher: "none", KDF: "none", Keys: 1, Public: public, Sealed: private})...))
}

// A missing tool fails the tests: nothing is skipped.
func TestToolsAreThere(t *testing.T) {
	for _, tool := range []string{"ssh-keygen", "openssl", "puttygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Errorf("%v; run: make test-deps", err)
		}
	}
}

// triedBy is the tool that reads an encrypted key of a format.
func triedBy(from string) string {
	if from == "putty" {
		return "puttygen FILE -O private-openssh -o FILE.pem"
	}
	return "ssh-keygen -y -f FILE"
}
