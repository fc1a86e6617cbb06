package keystore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// The markers of a line of a known_hosts file; most lines have none.
const (
	markRevoked   = "revoked"
	markAuthority = "cert-authority"
)

// A hostLine is what one line of a known_hosts file says, wherever it stands: in a
// file, in the database or in this program.
type hostLine struct {
	marker string
	names  hostNames
	key    ssh.PublicKey
	blob   []byte          // of key
	shown  model.KnownHost // where it stands, and who put it there
	strict bool            // it holds at its own port alone; OpenSSH lets a line without a port hold at all of them
}

// errNoLine is for a line that says nothing: blank, or a comment.
var errNoLine = errors.New("no line")

// parseHostLine reads a line as OpenSSH does, but says what is wrong with one that
// OpenSSH would pass over in silence: it may be the one that revokes a key.
func parseHostLine(text string) (hostLine, error) {
	var l hostLine
	text = strings.Trim(text, " \t\r")
	if text == "" || text[0] == '#' {
		return l, errNoLine
	}
	word := func() (w string) {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		w, text = text[:end], strings.TrimLeft(text[end:], " \t")
		return w
	}
	names := word()
	if marker, ok := strings.CutPrefix(names, "@"); ok {
		if marker != markRevoked && marker != markAuthority {
			return l, fmt.Errorf("%.40q is neither @cert-authority nor @revoked", names)
		}
		l.marker, names = marker, word()
	}
	keyType, blob := word(), word()
	var err error
	if l.names, err = parseHostNames(names); err != nil {
		return l, err
	}
	if keyType != "" && strings.Trim(keyType, "0123456789") == "" {
		return l, errors.New("is a key of SSH 1, which no server uses any more")
	}
	if blob == "" {
		return l, errors.New("needs hosts, a type and a key")
	}
	if l.blob, err = base64.StdEncoding.DecodeString(blob); err != nil {
		return l, errors.New("its key is cut or damaged: it is not base64")
	}
	if l.key, err = ssh.ParsePublicKey(l.blob); err != nil {
		return l, fmt.Errorf("its key cannot be read: %w", err)
	}
	if l.key.Type() != keyType {
		return l, fmt.Errorf("it is called %.40q and holds a key of type %s", keyType, l.key.Type())
	}
	if cert, ok := l.key.(*ssh.Certificate); ok {
		if l.marker != markRevoked {
			return l, errors.New("holds a certificate, and the key itself is needed")
		}
		l.key, l.blob = cert.Key, cert.Key.Marshal() // whoever revokes one means the key
	}
	return l, nil
}

// hostNames are the names of a line, as OpenSSH writes them.
type hostNames struct {
	text       string // as it stands there, in lower case if it is not hashed
	salt, hash []byte // of a hashed name
	patterns   []string
}

func parseHostNames(text string) (n hostNames, err error) {
	n.text = text
	if text == "" {
		return n, errors.New("names no host")
	}
	if len(text) > maxHostNames {
		return n, fmt.Errorf("its names take more than %d bytes", maxHostNames)
	}
	if text[0] != '|' {
		n.text = strings.ToLower(text)
		n.patterns = strings.Split(n.text, ",")
		return n, nil
	}
	parts := strings.Split(text, "|")
	if len(parts) == 4 && parts[1] == "1" {
		var saltErr, hashErr error
		n.salt, saltErr = base64.StdEncoding.DecodeString(parts[2])
		n.hash, hashErr = base64.StdEncoding.DecodeString(parts[3])
		if saltErr == nil && hashErr == nil && len(n.salt) == sha1.Size && len(n.hash) == sha1.Size {
			return n, nil
		}
	}
	return n, errors.New("its hashed name is damaged")
}

// maxHostNames bounds the names of a line, in bytes: they are a key in the database.
const maxHostNames = 1000

func (n hostNames) hashed() bool { return n.hash != nil }

// plain says whether the names are names, without patterns.
func (n hostNames) plain() bool { return !n.hashed() && !strings.ContainsAny(n.text, "*?!") }

// match says whether the line speaks of a host, which is written as in a file: "host", or
// "[host]:port" where the port is not 22.
func (n hostNames) match(host string) bool {
	if n.hashed() {
		mac := hmac.New(sha1.New, n.salt)
		mac.Write([]byte(host))
		return bytes.Equal(mac.Sum(nil), n.hash)
	}
	matched := false
	for _, p := range n.patterns {
		p, not := strings.CutPrefix(p, "!")
		if wild(p, host) {
			if not {
				return false
			}
			matched = true
		}
	}
	return matched
}

// wild matches * and ?, in time linear in the product of the lengths.
func wild(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
