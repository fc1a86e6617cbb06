package hosts

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestVerifyRecorded holds for each host, each way to sign and each recording.
func TestVerifyRecorded(t *testing.T) {
	signed := map[string]bool{}
	for _, s := range signers {
		signed[s.kind] = true
	}
	for _, r := range recordings(t) {
		if !signed[r.host.Kind()] {
			t.Errorf("no signer for %s", r.host.Kind())
		}
		for _, s := range signers {
			if s.kind != r.host.Kind() {
				continue
			}
			t.Run(r.name+" "+s.way, func(t *testing.T) {
				conform(t, r.host, s.header, s.secret, func(body []byte, secret string) http.Header {
					h := r.header.Clone()
					s.sign(h, body, secret)
					return h
				}, r.body)
			})
		}
	}
}

// conform says what every host must do with good and bad proofs.
func conform(t *testing.T, host Host, header, text string, sign func([]byte, string) http.Header, body []byte) {
	secret, other := secretOf(t, text), otherSecret(text)
	good := sign(body, text)
	check := func(what string, want bool, h http.Header, body []byte, secret Secret) {
		t.Helper()
		err := host.Verify(h, body, secret)
		if (err == nil) != want {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: the error wraps no ErrSignature: %v", what, err)
		}
		if err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error holds the secret", what)
		}
	}
	check("the right secret", true, good, body, secret)
	check("the first of two", true, good, body, secretOf(t, text, other))
	check("the second of two", true, good, body, secretOf(t, other, text))
	check("another secret", false, good, body, secretOf(t, other))
	check("signed with another", false, sign(body, other), body, secret)
	check("no secret", false, good, body, Secret{})
	check("no secret, signed with the empty one", false, sign(body, ""), body, Secret{})
	if header != labToken { // a token does not cover the body
		check("another body", false, good, append([]byte("x"), body...), secret)
		check("no body", len(body) == 0, good, nil, secret)
	}
	value := good.Get(header)
	bad := map[string][]string{
		"none": nil, "empty": {""}, "twice": {value, value}, "doubled": {value + value},
		"with a space": {" " + value}, "upper case": {strings.ToUpper(value)}, "NUL": {value + "\x00"},
		"prefix alone": {"sha256="}, "version alone": {"v1,"}, "x": {"x"}, "not UTF-8": {"\xff\xfe"}, "long": {strings.Repeat("a", 30_000)},
	}
	for n := range len(value) {
		bad["cut "+value[:n]] = []string{value[:n]}
	}
	for what, values := range bad {
		if what == "with a space" && header == stdSignature {
			continue // a list may begin with a space
		}
		h := good.Clone()
		h[http.CanonicalHeaderKey(header)] = values
		check(what, false, h, body, secret)
	}
}

func otherSecret(text string) string {
	if strings.HasPrefix(text, signingPrefix) {
		return signingSecret("another")
	}
	return "another-secret-of-more-than-32-bytes"
}

func TestSHA1IsNotEnough(t *testing.T) {
	h := http.Header{"X-Hub-Signature": {"sha1=5d41402abc4b2a76b9719d911017c592ae2f1bd1"}}
	for _, host := range []Host{github{}, plain{}} {
		if err := host.Verify(h, []byte("hello"), secretOf(t, "key")); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", host.Kind(), err)
		}
	}
}

func TestHubSignatureOfGitHubsManual(t *testing.T) {
	// The example of docs.github.com, "Validating webhook deliveries".
	h := http.Header{hubSignature: {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}
	if err := (github{}).Verify(h, []byte("Hello, World!"), secretOf(t, "It's a Secret to Everybody")); err != nil {
		t.Error(err)
	}
}
