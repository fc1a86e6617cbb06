package keystore

import (
	"bytes"
	"encoding/pem"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A refusal is a file that is no RSA key, or one that is not taken.
type refusal struct {
	name string
	text []byte
	pass string
	code string
	says string
	mend bool // the command that it names is one of another tool, which makes the key of it
}

func armored(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

var refused struct {
	sync.Once
	list []refusal
}

// refusals are made by the tools once.
func (w *workshop) refusals(t testing.TB) []refusal {
	t.Helper()
	refused.Do(func() {
		m := refusalMaker{t: t, w: w, dir: t.TempDir()}
		write(t, m.file("base"), w.pem, 0o600)
		m.otherKinds()
		m.short()
		m.public()
		m.containers()
		m.costs()
		refused.list = m.list
	})
	return refused.list
}

type refusalMaker struct {
	t    testing.TB
	w    *workshop
	dir  string
	list []refusal
}

func (m *refusalMaker) file(name string) string { return filepath.Join(m.dir, name) }

func (m *refusalMaker) add(name, code, says string) {
	m.list = append(m.list, refusal{name: name, text: readAll(m.t, m.file(name)), pass: passphrase, code: code, says: says})
}

func (m *refusalMaker) text(name string, text []byte, code, says string, mend bool) {
	m.list = append(m.list, refusal{name, text, passphrase, code, says, mend})
}

func (m *refusalMaker) keygen(name, pass string, args ...string) {
	run(m.t, "ssh-keygen", append([]string{"-q", "-C", "x", "-a", "1", "-N", pass, "-f", m.file(name)}, args...)...)
}

func (m *refusalMaker) openssl(args ...string) { run(m.t, "openssl", args...) }

// otherKinds are private keys of other kinds in every container.
func (m *refusalMaker) otherKinds() {
	for _, k := range []struct{ kind, says string }{{"ed25519", "ssh-ed25519"}, {"ecdsa", "ecdsa-sha2-nistp256"}, {"dsa", "ssh-dss"}} {
		m.keygen(k.kind+" openssh", "", "-t", k.kind)
		m.add(k.kind+" openssh", CodeNotRSA, k.says+" (OpenSSH)")
		m.keygen(k.kind+" openssh encrypted", passphrase, "-t", k.kind)
		m.add(k.kind+" openssh encrypted", CodeNotRSA, k.says+" (OpenSSH)")
		for _, v := range []string{"2", "3"} {
			name := k.kind + " ppk" + v
			write(m.t, m.file("none"), nil, 0o600)
			run(m.t, "puttygen", m.file(k.kind+" openssh"), "-O", "private", "-o", m.file(name), "--new-passphrase", m.file("none"), "--ppk-param", "version="+v)
			m.add(name, CodeNotRSA, k.says+" (PuTTY)")
		}
	}
	for _, k := range []struct{ kind, says string }{{"ecdsa", "an EC key"}, {"dsa", "a DSA key"}} {
		m.keygen(k.kind+" pem", "", "-t", k.kind, "-m", "PEM")
		m.add(k.kind+" pem", CodeNotRSA, k.says)
		m.keygen(k.kind+" pem encrypted", passphrase, "-t", k.kind, "-m", "PEM")
		m.add(k.kind+" pem encrypted", CodeNotRSA, k.says)
	}
	m.openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", m.file("ec with parameters"))
	m.add("ec with parameters", CodeNotRSA, "an EC key")
	for _, k := range []struct {
		name, says string
		args       []string
	}{
		{"ed25519", "an Ed25519 key", []string{"-algorithm", "ed25519"}},
		{"ed448", "an Ed448 key", []string{"-algorithm", "ed448"}},
		{"x25519", "an X25519 key", []string{"-algorithm", "x25519"}},
		{"x448", "an X448 key", []string{"-algorithm", "x448"}},
		{"ec", "an EC key", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"}},
		{"rsa-pss", "an RSA-PSS key", []string{"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}},
	} {
		m.openssl(append([]string{"genpkey", "-out", m.file(k.name + " pkcs8")}, k.args...)...)
		m.add(k.name+" pkcs8", CodeNotRSA, k.says+" (PKCS#8)")
		m.openssl("pkcs8", "-topk8", "-in", m.file(k.name+" pkcs8"), "-passout", "pass:"+passphrase, "-out", m.file(k.name+" pkcs8 encrypted"))
		m.add(k.name+" pkcs8 encrypted", CodeNotRSA, k.says+" (PKCS#8)")
	}
	m.openssl("pkcs8", "-topk8", "-nocrypt", "-in", m.file("dsa pem"), "-out", m.file("dsa pkcs8"))
	m.add("dsa pkcs8", CodeNotRSA, "a DSA key (PKCS#8)")
	run(m.t, "puttygen", "-t", "ed448", "-O", "private", "-o", m.file("ed448 ppk"), "--new-passphrase", m.file("none"), "-q")
	m.add("ed448 ppk", CodeNotRSA, "ssh-ed448 (PuTTY)")
	for _, kind := range []string{"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"} {
		m.text(kind, tokenKey(kind), CodeNotRSA, "security token", false)
	}
	m.text("a certificate in a private container", tokenKey("ssh-rsa-cert-v01@openssh.com"), CodeCertificate, "ssh-rsa (OpenSSH)", false)
	m.text("a kind of evil letters", tokenKey("ssh-\x1b[31m"), CodeUnreadable, "damaged", false)
}

// short are RSA keys that are too short, and of too many primes.
func (m *refusalMaker) short() {
	m.keygen("short pkcs1", "", "-t", "rsa", "-b", "1024", "-m", "PEM")
	m.add("short pkcs1", CodeTooShort, "1024 bits")
	m.openssl("rsa", "-in", m.file("short pkcs1"), "-traditional", "-aes128", "-passout", "pass:"+passphrase, "-out", m.file("short pkcs1 encrypted"))
	m.add("short pkcs1 encrypted", CodeTooShort, "1024 bits")
	m.openssl("pkcs8", "-topk8", "-nocrypt", "-in", m.file("short pkcs1"), "-out", m.file("short pkcs8"))
	m.add("short pkcs8", CodeTooShort, "1024 bits")
	m.openssl("pkcs8", "-topk8", "-passout", "pass:"+passphrase, "-in", m.file("short pkcs1"), "-out", m.file("short pkcs8 encrypted"))
	m.add("short pkcs8 encrypted", CodeTooShort, "1024 bits")
	m.keygen("short openssh", "", "-t", "rsa", "-b", "1024")
	m.add("short openssh", CodeTooShort, "1024 bits")
	m.keygen("short openssh encrypted", passphrase, "-t", "rsa", "-b", "1024")
	m.add("short openssh encrypted", CodeTooShort, "1024 bits")
	for _, v := range []string{"2", "3"} {
		run(m.t, "puttygen", m.file("short pkcs1"), "-O", "private", "-o", m.file("short ppk"+v), "--new-passphrase", m.file("none"), "--ppk-param", "version="+v)
		m.add("short ppk"+v, CodeTooShort, "1024 bits")
	}
	m.openssl("genrsa", "-traditional", "-out", m.file("2040 bits"), "2040")
	m.add("2040 bits", CodeTooShort, "2040 bits")
	m.openssl("genrsa", "-traditional", "-out", m.file("512 bits"), "512")
	m.add("512 bits", CodeTooShort, "512 bits")
	m.openssl("genrsa", "-traditional", "-primes", "3", "-out", m.file("three primes"), "2048")
	m.add("three primes", CodeUnreadable, "3 primes")
	m.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:4294967297", "-out", m.file("large exponent"))
	m.add("large exponent", CodeUnreadable, "exponent of 33 bits")
}

// public are public keys and certificates.
func (m *refusalMaker) public() {
	write(m.t, m.file("line"), []byte(run(m.t, "ssh-keygen", "-yf", m.file("base"))), 0o600)
	m.add("line", CodePublic, "public key (OpenSSH)")
	m.text("line in a mail", append([]byte("Here it is:\n\n> "), readAll(m.t, m.file("line"))...), CodePublic, "public key (OpenSSH)", false)
	m.add("ed25519 openssh.pub", CodePublic, "public key (OpenSSH)")
	m.add("ecdsa openssh.pub", CodePublic, "public key (OpenSSH)")
	m.openssl("rsa", "-in", m.file("base"), "-pubout", "-out", m.file("public pem"))
	m.add("public pem", CodePublic, "public key (PEM)")
	m.openssl("rsa", "-in", m.file("base"), "-RSAPublicKey_out", "-out", m.file("public pkcs1"))
	m.add("public pkcs1", CodePublic, "public key (PEM)")
	m.openssl("rsa", "-in", m.file("base"), "-pubout", "-outform", "DER", "-out", m.file("public der"))
	m.add("public der", CodePublic, "public key (DER)")
	for _, kind := range []string{"public", "public-openssh"} {
		run(m.t, "puttygen", m.file("base"), "-O", kind, "-o", m.file("putty "+kind))
		m.add("putty "+kind, CodePublic, "public key")
	}
	write(m.t, m.file("rfc4716"), []byte(run(m.t, "ssh-keygen", "-e", "-f", m.file("base"))), 0o600)
	m.add("rfc4716", CodePublic, "RFC 4716")
	run(m.t, "ssh-keygen", "-q", "-s", m.file("base"), "-I", "me", m.file("short openssh.pub"))
	m.add("short openssh-cert.pub", CodeCertificate, "SSH certificate")
	for _, form := range []string{"PEM", "DER"} {
		m.openssl("req", "-x509", "-key", m.file("base"), "-subj", "/CN=x", "-outform", form, "-out", m.file("certificate "+form))
		m.add("certificate "+form, CodeCertificate, "X.509")
	}
	m.openssl("req", "-new", "-key", m.file("base"), "-subj", "/CN=x", "-out", m.file("request"))
	m.add("request", CodeCertificate, "X.509")
}

// containers are formats that are not read.
func (m *refusalMaker) containers() {
	in, pass := m.file("base"), "pass:"+passphrase
	m.openssl("rsa", "-in", in, "-traditional", "-outform", "DER", "-out", m.file("der pkcs1"))
	m.openssl("pkcs8", "-topk8", "-nocrypt", "-in", in, "-outform", "DER", "-out", m.file("der pkcs8"))
	m.openssl("pkcs8", "-topk8", "-passout", pass, "-in", in, "-outform", "DER", "-out", m.file("der pkcs8 encrypted"))
	for _, name := range []string{"der pkcs1", "der pkcs8", "der pkcs8 encrypted"} {
		m.text(name, readAll(m.t, m.file(name)), CodeUnreadable, "openssl pkey -inform DER -in FILE -out FILE.pem", true)
	}
	m.openssl("pkcs12", "-export", "-nocerts", "-inkey", in, "-passout", pass, "-out", m.file("p12"))
	m.text("pkcs12", readAll(m.t, m.file("p12")), CodeUnreadable, "PKCS#12", true)
	for _, scheme := range []string{"PBE-SHA1-3DES", "PBE-MD5-DES", "PBE-SHA1-RC2-64", "PBE-SHA1-RC4-128"} {
		m.openssl("pkcs8", "-topk8", "-in", in, "-v1", scheme, "-passout", pass, "-out", m.file(scheme), "-provider", "legacy", "-provider", "default")
		m.text(scheme, readAll(m.t, m.file(scheme)), CodeUnreadable, "the old way", true)
	}
	m.openssl("pkcs8", "-topk8", "-in", in, "-v2", "camellia-256-cbc", "-passout", pass, "-out", m.file("camellia"))
	m.text("camellia", readAll(m.t, m.file("camellia")), CodeUnreadable, "a cipher that is not known here", true)
	m.openssl("rsa", "-in", in, "-traditional", "-camellia128", "-passout", pass, "-out", m.file("pkcs1 camellia"))
	m.add("pkcs1 camellia", CodeUnreadable, "ssh-keygen -p -m PEM -f FILE")
	m.text("ppk1", m.w.ppkV1(m.t), CodeUnreadable, "version 1", true)
	m.text("ppk4", []byte("PuTTY-User-Key-File-4: ssh-rsa\n"), CodeUnreadable, "a version that is not known", false)
	run(m.t, "puttygen", in, "-O", "private-sshcom", "-o", m.file("sshcom"))
	m.text("sshcom", readAll(m.t, m.file("sshcom")), CodeUnreadable, "ssh.com", true)
	m.text("jks", []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01"), CodeUnreadable, "keytool -importkeystore", false)
	m.text("openssh binary", []byte(opensshMagic+"\x00\x00"), CodeUnreadable, "without its PEM lines", false)
	m.text("pgp", []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n-----END PGP PRIVATE KEY BLOCK-----\n"), CodeUnreadable, "not a private key", false)
	m.text("empty", nil, CodeUnreadable, "is empty", false)
	m.text("empty UTF-16", []byte("\xff\xfe"), CodeUnreadable, "is empty", false)
	m.text("spaces", []byte(" \r\n\t\u00a0"), CodeUnreadable, "is empty", false)
	m.text("words", []byte("hello"), CodeUnreadable, "holds no key", false)
	m.text("zeros", make([]byte, 100), CodeUnreadable, "holds no key", false)
	m.text("huge", bytes.Repeat([]byte("-----BEGIN "), maxKey/11+1), CodeUnreadable, "larger than", false)
	m.text("huge, one key in it", append(bytes.Repeat([]byte("\n"), maxKey), m.w.pem...), CodeUnreadable, "larger than", false)
}

// costs are keys whose passphrase would take too much time or memory to try.
func (m *refusalMaker) costs() {
	pass := "pass:" + passphrase
	m.openssl("pkcs8", "-topk8", "-in", m.file("base"), "-iter", "5000001", "-passout", pass, "-out", m.file("rounds"))
	m.text("pbkdf2 rounds", readAll(m.t, m.file("rounds")), CodeUnreadable, "5000001 rounds of PBKDF2", true)
	for _, f := range m.w.formats {
		switch {
		case f.name == "pkcs8 scrypt default":
			m.patched("scrypt r", f, "\x02\x02\x40\x00\x02\x01\x08", "\x02\x02\x40\x00\x02\x01\x7f", "KiB of memory for scrypt")
			m.patched("scrypt p", f, "\x02\x01\x08\x02\x01\x01", "\x02\x01\x08\x02\x01\x7f", "KiB in all for scrypt")
			m.patched("scrypt N", f, "\x02\x02\x40\x00", "\x02\x02\x40\x01", "damaged")
		case f.name == "openssh aes256-ctr":
			m.patched("bcrypt rounds", f, "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x01", "\x7f\x00\x00\x01\x00\x00\x00\x01\x00\x00\x01", "rounds of bcrypt")
		case strings.HasPrefix(f.name, "ppk3 kdf=argon2id,memory=8192"):
			for _, c := range []struct{ field, value, says string }{
				{"Argon2-Memory: 8192", "Argon2-Memory: 131073", "131073 KiB of memory for Argon2"},
				{"Argon2-Memory: 8192", "Argon2-Memory: 2147483647", "KiB of memory for Argon2"},
				{"Argon2-Memory: 8192", "Argon2-Memory: 99999999999999999999", "damaged"},
				{"Argon2-Passes: 1", "Argon2-Passes: 257", "KiB in all passes"},
				{"Argon2-Passes: 1", "Argon2-Passes: 2000000000", "passes of Argon2"},
				{"Argon2-Parallelism: 1", "Argon2-Parallelism: 257", "257 threads"},
				{"Argon2-Parallelism: 1", "Argon2-Parallelism: 0", "damaged"},
				{"Key-Derivation: Argon2id", "Key-Derivation: Argon3", "not known here"},
			} {
				text := bytes.Replace(f.text, []byte(c.field), []byte(c.value), 1)
				m.text(c.value, text, CodeUnreadable, c.says, false)
			}
		}
	}
}

// patched changes bytes inside the PEM.
func (m *refusalMaker) patched(name string, f format, from, to, says string) {
	m.t.Helper()
	block, _ := pem.Decode(f.text)
	if !bytes.Contains(block.Bytes, []byte(from)) {
		m.t.Fatalf("%s: the bytes were not found", name)
	}
	m.text(name, armored(block.Type, bytes.Replace(block.Bytes, []byte(from), []byte(to), 1)), CodeUnreadable, says, false)
}
