package keystore

import (
	"bytes"
	"strings"
)

// refuseText names what is no PEM and no PuTTY key at all, before anything is decoded.
func (s source) refuseText() error {
	text := bytes.TrimSpace(bytes.TrimPrefix(s.text, bom))
	first, _, _ := bytes.Cut(text, []byte{'\n'})
	switch {
	case len(text) == 0:
		return s.fail(CodeUnreadable, "is empty; run: %s", s.newKey())
	case bytes.HasPrefix(text, utf16LE) || bytes.HasPrefix(text, utf16BE):
		return s.fail(CodeUnreadable, "is UTF-16 text, as Windows PowerShell writes it; run: iconv -f UTF-16 -t UTF-8 -o %s %s", s.file+".utf8", s.file)
	case s.strict && bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")):
		return s.fail(CodeUnreadable, "is a PuTTY key (.ppk), and key.file is read as RSA PEM (PKCS#1) only; run: issuetrail key convert %s --out %s", s.file, s.file+".pem")
	case bytes.HasPrefix(text, []byte("---- BEGIN SSH2 PUBLIC")):
		return s.public("a public key (RFC 4716)")
	case bytes.HasPrefix(text, []byte("---- BEGIN "+ssh2Crypt)):
		return s.fail(CodeUnreadable, "is a private key in the format of ssh.com; run: %s", s.toOpenSSH())
	case s.strict && opensshLine(string(first)):
		return s.line(string(first))
	case s.strict && bytes.HasPrefix(s.text, bom):
		return s.fail(CodeUnreadable, `begins with a byte order mark, as Windows editors write it; run: sed -i '1s/^\xEF\xBB\xBF//' %s`, s.file)
	case s.strict && bytes.HasPrefix(first, []byte("-----BEGIN")) && indented(s.text):
		return s.fail(CodeUnreadable, `has spaces before its lines; run: sed -i 's/^[ \t]*//' %s`, s.file)
	}
	if s.strict {
		return s.refuseBinary(text)
	}
	return nil
}

// opensshLine says whether a line is a public key or a certificate as OpenSSH
// writes one: "ssh-rsa AAAA…".
func opensshLine(line string) bool {
	word, rest, _ := strings.Cut(line, " ")
	return strings.HasPrefix(rest, "AAAA") &&
		(strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-") || strings.HasPrefix(word, "sk-") || strings.HasPrefix(word, "rsa-"))
}

func (s source) line(line string) error {
	if word, _, _ := strings.Cut(line, " "); strings.Contains(word, "-cert-v0") {
		return s.certificate("an SSH certificate")
	}
	return s.public("a public key (OpenSSH)")
}

// public refuses a public key. The private one mostly lies in the file of the same name without .pub.
func (s source) public(what string) error {
	if private := strings.TrimSuffix(s.file, ".pub"); private != s.file {
		return s.fail(CodePublic, "is %s, and the private one is needed; run: %s", what, s.again(private))
	}
	return s.fail(CodePublic, "is %s, and the private one is needed, which mostly lies beside it without .pub; run: %s", what, s.again("PRIVATE"))
}

func (s source) certificate(what string) error {
	return s.fail(CodeCertificate, "is %s, and the private key that it belongs to is needed; run: %s", what, s.again("PRIVATE"))
}

// refuseType names a PEM block that is not a key that is read here; nil for those that are.
func (s source) refuseType(pemType string) error {
	switch pemType {
	case pkcs1, pkcs8, openSSH:
		return nil
	case pkcs8Enc:
		if s.strict {
			return s.fail(CodeUnreadable, "is an encrypted PKCS#8 key; run: %s", s.toPEM())
		}
		return nil
	case pemEC:
		return s.notRSA("an EC key")
	case pemDSA:
		return s.notRSA("a DSA key")
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "PKCS7":
		return s.certificate("a certificate (X.509)")
	case "PUBLIC KEY", "RSA PUBLIC KEY", "DSA PUBLIC KEY":
		return s.public("a public key (PEM)")
	}
	return s.fail(CodeUnreadable, "holds %q, which is not a private key that SSH knows; run: %s", pemType, s.newKey())
}

func (s source) notRSA(what string) error {
	return s.fail(CodeNotRSA, "is %s, and the shared key must be RSA; run: %s", what, s.newKey())
}

// notRSAName is notRSA for the name that SSH gives a kind of key. It comes from
// the file, so it is repeated only if it looks like one.
func (s source) notRSAName(kind, container string) error {
	token := strings.HasPrefix(kind, "sk-")
	kind, certificate := strings.CutSuffix(kind, "-cert-v01@openssh.com")
	kind = strings.TrimSuffix(kind, "@openssh.com")
	for _, r := range kind {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' || len(kind) > 40 {
			return s.damaged()
		}
	}
	switch {
	case certificate:
		return s.certificate("a certificate of the kind " + kind + " (" + container + ")")
	case kind == "":
		return s.damaged()
	case token:
		return s.notRSA("a key of the kind " + kind + " (" + container + "), which stays on its security token")
	}
	return s.notRSA("a key of the kind " + kind + " (" + container + ")")
}

// indented says whether lines of the text begin with space.
func indented(text []byte) bool {
	return bytes.Contains(text, []byte("\n ")) || bytes.Contains(text, []byte("\n\t")) ||
		len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
}
