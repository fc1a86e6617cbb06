package hosts

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A Secret is what a host proves itself by: one value, or two while it is
// rotated. The zero Secret verifies nothing. It prints as "[secret]".
type Secret struct{ values [][]byte }

const (
	minSecret     = 32       // bytes below which a secret gets a warning
	signingPrefix = "whsec_" // of Standard Webhooks: base64 of the key follows
)

// ParseSecret reads the content of a secret file: one or two lines, each one
// secret, spaces around it left out. The warning is "" or says what makes a
// secret weak or useless; it and the error never repeat the secret.
func ParseSecret(file []byte) (s Secret, warning string, err error) {
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	for line := range bytes.SplitSeq(file, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			s.values = append(s.values, bytes.Clone(line))
		}
		if len(s.values) > 2 {
			return Secret{}, "", fmt.Errorf("the secret file has more than two lines; it takes the secret, and a second one while it is rotated")
		}
	}
	if len(s.values) == 0 {
		return Secret{}, "", fmt.Errorf("the secret file is empty; `openssl rand -hex 32` makes a secret")
	}
	var warnings []string
	for i, v := range s.values {
		if w := weakness(v); w != "" {
			warnings = append(warnings, fmt.Sprintf("the secret in line %d %s", i+1, w))
		}
	}
	return s, strings.Join(warnings, "; "), nil
}

func weakness(value []byte) string {
	size := len(value)
	if bytes.HasPrefix(value, []byte(signingPrefix)) {
		key, ok := signingKey(value)
		if !ok {
			return "begins with " + signingPrefix + " but base64 does not follow: as a signing token it verifies nothing"
		}
		size = len(key)
	}
	if size < minSecret {
		return fmt.Sprintf("has %d bytes; take %d or more, such as `openssl rand -hex 32` makes", size, minSecret)
	}
	return ""
}

// Empty says whether there is no secret, so that nothing verifies.
func (s Secret) Empty() bool { return len(s.values) == 0 }

// Format prints "[secret]" whatever the verb, so that no log can hold it.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// signingKey decodes a signing token; ok is false for what is none.
func signingKey(value []byte) (key []byte, ok bool) {
	text, found := strings.CutPrefix(string(value), signingPrefix)
	if !found {
		return nil, false
	}
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return key, err == nil && len(key) > 0
}

// matches compares a given value with each secret, in a time that tells neither
// their length nor which one it was.
func (s Secret) matches(given string) bool {
	want, got := 0, sha256.Sum256([]byte(given))
	for _, v := range s.values {
		sum := sha256.Sum256(v)
		want |= subtle.ConstantTimeCompare(sum[:], got[:])
	}
	return want == 1
}

// verifyHub checks "sha256=<hex>" in a header: the HMAC-SHA256 of the raw body,
// as GitHub made it common. SHA-1 is never enough.
func verifyHub(h http.Header, name string, body []byte, secret Secret) error {
	value, err := single(h, name)
	if err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(value, "sha256=")
	if !ok {
		return fmt.Errorf("%w: %s does not begin with sha256=", ErrSignature, name)
	}
	return verifyHex(digits, name, body, secret)
}

// verifyHex checks hexadecimal digits: the HMAC-SHA256 of text. Name is the header's.
func verifyHex(digits, name string, text []byte, secret Secret) error {
	given, err := hex.DecodeString(digits)
	if err != nil || len(given) != sha256.Size {
		return fmt.Errorf("%w: %s does not hold 64 hexadecimal digits", ErrSignature, name)
	}
	ok := false
	for _, key := range secret.values {
		mac := hmac.New(sha256.New, key)
		mac.Write(text)
		ok = hmac.Equal(mac.Sum(nil), given) || ok
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// single gives a header that must stand exactly once.
func single(h http.Header, name string) (string, error) {
	switch values := h.Values(name); len(values) {
	case 0:
		return "", fmt.Errorf("%w: no %s header", ErrSignature, name)
	case 1:
		return values[0], nil
	}
	return "", fmt.Errorf("%w: several %s headers", ErrSignature, name)
}
