package keystore

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

var (
	bom     = []byte("\xef\xbb\xbf")
	utf16LE = []byte("\xff\xfe")
	utf16BE = []byte("\xfe\xff")
)

// refuseText names what is no PEM at all, before anything is decoded.
func (s source) refuseText() error {
	text := bytes.TrimSpace(bytes.TrimPrefix(s.text, bom))
	first, _, _ := bytes.Cut(text, []byte{'\n'})
	switch {
	case len(s.text) > maxKey:
		return s.fail(CodeUnreadable, "is larger than %d bytes, so it is not a key; run: %s", maxKey, s.newKey())
	case len(text) == 0:
		return s.fail(CodeUnreadable, "is empty; run: %s", s.newKey())
	case bytes.HasPrefix(text, utf16LE) || bytes.HasPrefix(text, utf16BE):
		return s.fail(CodeUnreadable, "is UTF-16 text, as Windows PowerShell writes it; run: iconv -f UTF-16 -t UTF-8 -o %s %s", s.file+".utf8", s.file)
	case bytes.HasPrefix(text, []byte("\x30\x82")):
		return s.fail(CodeUnreadable, "is a binary (DER) file, not PEM; run: openssl rsa -inform DER -in %s -traditional -out %s", s.file, s.file+".pem")
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")):
		return s.putty(first)
	case bytes.HasPrefix(text, []byte("---- BEGIN SSH2 PUBLIC")):
		return s.public("a public key (RFC 4716)")
	case bytes.HasPrefix(text, []byte("---- BEGIN "+ssh2Crypt)):
		return s.fail(CodeUnreadable, "is a private key in the format of ssh.com; run: puttygen %s -O private-openssh -o %s", s.file, s.file+".pem")
	case opensshLine(string(first)):
		return s.line(string(first))
	case s.strict && bytes.HasPrefix(s.text, bom):
		return s.fail(CodeUnreadable, `begins with a byte order mark, as Windows editors write it; run: sed -i '1s/^\xEF\xBB\xBF//' %s`, s.file)
	case s.strict && bytes.HasPrefix(first, []byte("-----BEGIN")) && indented(s.text):
		return s.fail(CodeUnreadable, `has spaces before its lines; run: sed -i 's/^[ \t]*//' %s`, s.file)
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

func (s source) public(what string) error {
	private := strings.TrimSuffix(s.file, ".pub")
	if private == s.file {
		private = "FILE\nwith the private key, which mostly lies in the file of the same name without .pub"
	}
	return s.fail(CodePublic, "is %s, and the private one is needed; run: issuetrail key import %s", what, private)
}

func (s source) certificate(what string) error {
	return s.fail(CodeCertificate, "is %s, and a private key is needed; run: issuetrail key import on the key it belongs to", what)
}

func (s source) putty(first []byte) error {
	version := "an older"
	if v, ok := bytes.CutPrefix(first, []byte("PuTTY-User-Key-File-")); ok && len(v) > 0 && v[0] >= '1' && v[0] <= '9' {
		version = "version " + string(v[:1])
	}
	return s.fail(CodeUnreadable, "is a PuTTY key (.ppk, %s); run: puttygen %s -O private-openssh -o %s", version, s.file, s.file+".pem")
}

// refuseType names a PEM block that is not a key that is read here.
func (s source) refuseType(pemType string) error {
	switch pemType {
	case pkcs8Enc:
		return s.fail(CodeUnreadable, "is an encrypted PKCS#8 key; run: %s", s.toPEM())
	case pemEC:
		return s.notRSA("an EC key")
	case pemDSA:
		return s.notRSA("a DSA key")
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return s.certificate("a certificate (X.509)")
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return s.public("a public key (PEM)")
	}
	return s.fail(CodeUnreadable, "holds %q, which is not a private key; run: %s", pemType, s.newKey())
}

func (s source) notRSA(what string) error {
	return s.fail(CodeNotRSA, "is %s, and the shared key must be RSA; run: %s", what, s.newKey())
}

// indented says whether lines of the text begin with space.
func indented(text []byte) bool {
	return bytes.Contains(text, []byte("\n ")) || bytes.Contains(text, []byte("\n\t")) ||
		len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
}

// tidy takes away what copying adds: byte order mark, CRLF, spaces around
// lines, a missing last line break.
func tidy(text []byte) []byte {
	text = bytes.TrimPrefix(text, bom)
	out := make([]byte, 0, len(text)+1)
	for line := range bytes.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = bytes.TrimFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\u00a0' || r == utf8.RuneError })
		out = append(append(out, line...), '\n')
		// The headers of an encrypted key end with an empty line, which was just dropped.
		if bytes.HasPrefix(line, []byte("DEK-Info:")) {
			out = append(out, '\n')
		}
	}
	return out
}
