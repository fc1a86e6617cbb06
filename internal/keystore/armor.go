package keystore

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
)

// The PEM types that mean something here.
const (
	pkcs1     = "RSA PRIVATE KEY"
	pkcs8     = "PRIVATE KEY"
	pkcs8Enc  = "ENCRYPTED PRIVATE KEY"
	openSSH   = "OPENSSH PRIVATE KEY"
	pemEC     = "EC PRIVATE KEY"
	pemDSA    = "DSA PRIVATE KEY"
	ssh2Crypt = "SSH2 ENCRYPTED PRIVATE KEY"
)

// puttyKey stands for a PuTTY key where a PEM type is asked for.
const puttyKey = "PuTTY"

var (
	begin     = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]{1,40})-----`)
	puttyHead = regexp.MustCompile(`PuTTY-User-Key-File-[0-9]+:`)
)

// find says what the one private key of the text is: a PEM type, or puttyKey.
func (s source) find() (string, error) {
	var types, private []string
	for _, m := range begin.FindAllSubmatch(s.text, -1) {
		types = append(types, string(m[1]))
		if bytes.HasSuffix(m[1], []byte("PRIVATE KEY")) {
			private = append(private, string(m[1]))
		}
	}
	for range puttyHead.FindAll(s.text, -1) {
		private = append(private, puttyKey)
	}
	switch {
	case len(private) > 1:
		return "", s.fail(CodeSeveral, "holds %d private keys; keep one of them in a file of its own; run: %s", len(private), s.again("ONE"))
	case len(private) == 1:
		return private[0], nil
	case len(types) > 0:
		return "", s.refuseType(types[0])
	}
	return "", s.refuseNothing()
}

// refuseNothing is for a text without a private key and without PEM.
func (s source) refuseNothing() error {
	for line := range bytes.Lines(s.text) {
		if text := string(bytes.TrimSpace(line)); opensshLine(text) {
			return s.line(text)
		}
	}
	return s.fail(CodeUnreadable, "holds no key: the line -----BEGIN RSA PRIVATE KEY----- is missing; copy the whole file, or run: %s", s.newKey())
}

// A pemHead is what the headers of an old encrypted key say: "DEK-Info: AES-128-CBC,0A1B…".
type pemHead struct {
	encrypted bool
	cipher    string
	iv        string // hexadecimal; what follows it in the same word may be the body
}

var (
	procType = regexp.MustCompile(`Proc-Type:\s*4\s*,\s*ENCRYPTED`)
	dekInfo  = regexp.MustCompile(`DEK-Info:\s*([A-Za-z0-9-]{1,40})\s*,\s*([0-9A-Fa-f]{1,64})`)
)

// armor gives what lies between the BEGIN and END marks of this type. How it is broken into
// lines does not matter: keys get pasted as one line.
func (s source) armor(kind string) (head pemHead, der []byte, err error) {
	start, end := "-----BEGIN "+kind+"-----", "-----END "+kind+"-----"
	_, body, _ := bytes.Cut(s.text, []byte(start))
	body, _, found := bytes.Cut(body, []byte(end))
	if !found {
		return head, nil, s.cut(end)
	}
	head, body = cutHead(body)
	der, ok := unbase64(body)
	if !ok || len(der) == 0 {
		return head, nil, s.fail(CodeUnreadable, "the key is damaged: the text between %s and %s cannot be decoded; copy the file again, or run: %s", start, end, s.newKey())
	}
	return head, der, nil
}

func (s source) cut(missing string) error {
	return s.fail(CodeUnreadable, "the key is cut: the line %s is missing; copy the whole file again, or run: %s", missing, s.newKey())
}

// cutHead takes the headers from the front of a body.
func cutHead(body []byte) (pemHead, []byte) {
	head := pemHead{encrypted: bytes.Contains(body, []byte("ENCRYPTED"))}
	if m := procType.FindIndex(body); m != nil {
		body = body[m[1]:]
	}
	if m := dekInfo.FindSubmatchIndex(body); m != nil {
		head.encrypted = true
		head.cipher = strings.ToUpper(string(body[m[2]:m[3]]))
		length := m[4] + 2*ivSize(head.cipher)
		if length > m[5] { // a wrong one; pkcs1 says so
			length = m[5]
		}
		head.iv = string(body[m[4]:length])
		body = body[length:]
	}
	return head, body
}

// unbase64 decodes a text that may have space anywhere.
func unbase64(text []byte) ([]byte, bool) {
	dense := bytes.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	defer clear(dense)
	out := make([]byte, base64.StdEncoding.DecodedLen(len(dense)))
	n, err := base64.StdEncoding.Strict().Decode(out, dense)
	if err != nil {
		clear(out)
		return nil, false
	}
	return out[:n], true
}
