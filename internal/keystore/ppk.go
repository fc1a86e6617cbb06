package keystore

import (
	"bytes"
	"crypto/rsa"
	"math/big"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// A ppk is a PuTTY key file, version 2 or 3 (PuTTY's manual, appendix C).
type ppk struct {
	version         byte // '2' or '3'
	kind, cipher    string
	comments        [][]byte // as it may have been; the MAC covers it
	public, private []byte
	kdf             argon2Params // of version 3, encrypted
	mac             []byte
}

// putty reads a .ppk. Its public half is not encrypted, so the kind is known without the passphrase.
func (s source) putty() (*rsa.PrivateKey, error) {
	f, err := s.ppkFile()
	if err != nil {
		return nil, err
	}
	defer clear(f.private)
	public, err := s.rsaPublic(f.public, "PuTTY")
	if err != nil {
		return nil, err
	}
	if f.kind != ssh.KeyAlgoRSA {
		return nil, s.damaged()
	}
	plain, err := s.openPPK(f, public.N)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	n, ok := ppkNumbers(plain)
	if !ok {
		return nil, s.damaged()
	}
	return s.assemble(public, n.D, n.P, n.Q, n.Iqmp)
}

type ppkPrivate struct {
	D, P, Q, Iqmp *big.Int
	Pad           []byte `ssh:"rest"`
}

func ppkNumbers(plain []byte) (n ppkPrivate, ok bool) {
	err := ssh.Unmarshal(plain, &n)
	return n, err == nil && len(n.Pad) < 16
}

// ppkFile reads the fields, each "Name: value". They are looked for in their order, so that it
// does not matter how the text is broken into lines.
func (s source) ppkFile() (f ppk, err error) {
	rest := s.text[puttyHead.FindIndex(s.text)[0]:]
	next := func(name, end string) (value []byte, found bool) {
		_, after, found := bytes.Cut(rest, []byte(name+":"))
		if !found {
			return nil, false
		}
		at := len(after)
		if end != "" {
			if at = bytes.Index(after, []byte(end+":")); at < 0 {
				return nil, false
			}
		}
		rest = after[at:]
		return after[:at], true
	}
	version, _, _ := bytes.Cut(bytes.TrimPrefix(rest, []byte("PuTTY-User-Key-File-")), []byte(":"))
	if len(version) != 1 || version[0] != '2' && version[0] != '3' {
		return f, s.ppkVersion(string(version))
	}
	f.version = version[0]
	for _, field := range []struct {
		name, end string
		take      func([]byte) bool
	}{
		{"PuTTY-User-Key-File-" + string(version), "Encryption", f.takeKind},
		{"Encryption", "Comment", f.takeCipher},
		{"Comment", "Public-Lines", f.takeComment},
	} {
		value, found := next(field.name, field.end)
		if !found {
			return f, s.cut(field.end + ":")
		}
		if !field.take(value) {
			return f, s.damaged()
		}
	}
	return f, s.ppkBodies(&f, next)
}

// toOpenSSH is the command of PuTTY that writes a key for others; without a passphrase as PKCS#1.
func (s source) toOpenSSH() string {
	return "puttygen " + s.file + " -O private-openssh -o " + s.file + ".pem"
}

func (s source) ppkVersion(version string) error {
	if version == "1" {
		return s.fail(CodeUnreadable, "is a PuTTY key of version 1, of the year 2000, which is not protected; run: %s", s.toOpenSSH())
	}
	return s.fail(CodeUnreadable, "is a PuTTY key of a version that is not known here; run: %s", s.toOpenSSH())
}

func (f *ppk) takeKind(value []byte) bool {
	f.kind = string(bytes.TrimSpace(value))
	return len(f.kind) < 60 && !bytes.ContainsAny(value, `\=&<`)
}

func (f *ppk) takeCipher(value []byte) bool {
	f.cipher = string(bytes.TrimSpace(value))
	return f.cipher == "none" || f.cipher == "aes256-cbc"
}

// takeComment keeps the comment as it stands and without the space around it, which
// copying may have added.
func (f *ppk) takeComment(value []byte) bool {
	value = bytes.TrimSuffix(bytes.TrimPrefix(value, []byte(" ")), []byte("\n"))
	f.comments = [][]byte{value, bytes.TrimFunc(value, blank)}
	return true
}

// ppkBodies reads what follows the comment.
func (s source) ppkBodies(f *ppk, next func(name, end string) ([]byte, bool)) error {
	sealed := f.version == '3' && f.cipher != "none"
	end := "Private-Lines"
	if sealed {
		end = "Key-Derivation"
	}
	public, found := next("Public-Lines", end)
	if !found {
		return s.cut(end + ":")
	}
	if sealed && !f.kdf.read(next) {
		return s.damaged()
	}
	private, found := next("Private-Lines", "Private-MAC")
	if !found {
		return s.cut("Private-MAC:")
	}
	mac, _ := next("Private-MAC", "")
	var okPublic, okPrivate bool
	f.public, okPublic = countedBase64(public)
	f.private, okPrivate = countedBase64(private)
	if !okPublic || !okPrivate || len(f.private) == 0 {
		return s.damaged()
	}
	if f.mac = leadingHex(mac); len(f.mac) != f.macSize() {
		return s.cut("Private-MAC:")
	}
	return nil
}

// countedBase64 decodes "6\nAAAA…", a number of lines and as many lines.
func countedBase64(value []byte) ([]byte, bool) {
	value = bytes.TrimSpace(value)
	at := bytes.IndexFunc(value, blank)
	if at < 0 {
		return nil, false
	}
	if n, err := strconv.Atoi(string(value[:at])); err != nil || n < 1 {
		return nil, false
	}
	return unbase64(value[at:])
}
