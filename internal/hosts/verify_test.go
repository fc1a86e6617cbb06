package hosts

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestVerifyRecorded holds for each host, each way to sign and each recording.
func TestVerifyRecorded(t *testing.T) {
	for _, r := range recordings(t) {
		if unsignedPing(r.header) {
			continue
		}
		ways := 0
		for _, s := range signers {
			if s.kind != r.host.Kind() {
				continue
			}
			ways++
			t.Run(r.name+" "+s.way, func(t *testing.T) {
				conform(t, r.host, s.proof(r.header), s.secret, func(body []byte, secret string) http.Header {
					h := r.header.Clone()
					s.sign(h, body, secret)
					return h
				}, r.body)
			})
		}
		if _, path := r.host.(PathSecret); ways == 0 && !path {
			t.Errorf("no signer for %s", r.host.Kind())
		}
	}
}

// unsignedPing: the one delivery that Bitbucket Server does not sign has a test of its own.
func unsignedPing(h http.Header) bool { return h.Get("X-Event-Key") == "diagnostics:ping" }

// uncovered are the proofs that do not depend on the body.
var uncovered = []string{labToken, "Authorization"}

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
	if !slices.Contains(uncovered, header) {
		check("another body", false, good, changed(body), secret)
		check("no body", len(body) == 0, good, nil, secret)
	}
	value := good.Get(header)
	bad := map[string][]string{
		"none": nil, "empty": {""}, "twice": {value, value}, "doubled": {value + value},
		"with a space": {" " + value}, "NUL": {value + "\x00"},
		"prefix alone": {"sha256="}, "version alone": {"v1,"}, "x": {"x"}, "not UTF-8": {"\xff\xfe"}, "long": {strings.Repeat("a", 30_000)},
	}
	if !bareHex(value) { // whose digits may be upper case
		bad["upper case"] = []string{strings.ToUpper(value)}
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

// changed gives a body of one more letter, in the field that a form is signed by.
func changed(body []byte) []byte {
	if at := bytes.Index(body, []byte("payload=")); at >= 0 {
		return slices.Insert(bytes.Clone(body), at+len("payload="), 'x')
	}
	return append([]byte("x"), body...)
}

func bareHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

// TestVerifyPath holds for the hosts that cannot sign.
func TestVerifyPath(t *testing.T) {
	const text, other = "path-secret-of-more-than-32-bytes!!", "another-secret-of-more-than-32-bytes"
	for _, host := range All() {
		p, ok := host.(PathSecret)
		if !ok {
			continue
		}
		if err := host.Verify(http.Header{}, nil, secretOf(t, text)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s without its path: %v", host.Kind(), err)
		}
		for _, c := range []struct {
			given  string
			secret Secret
			want   bool
		}{
			{text, secretOf(t, text), true},
			{text, secretOf(t, other, text), true},
			{text, secretOf(t, text, other), true},
			{text, secretOf(t, other), false},
			{text, Secret{}, false},
			{"", Secret{}, false},
			{"", secretOf(t, text), false},
			{text + text, secretOf(t, text), false},
			{text[:len(text)-1], secretOf(t, text), false},
			{strings.ToUpper(text), secretOf(t, text), false},
			{strings.Repeat("a", 30_000), secretOf(t, text), false},
		} {
			err := p.VerifyPath(c.given, c.secret)
			if (err == nil) != c.want || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("%s, %.40q: %v", host.Kind(), c.given, err)
			}
			if err != nil && (strings.Contains(err.Error(), text) || strings.Contains(err.Error(), other)) {
				t.Errorf("%s: the error holds the secret", host.Kind())
			}
		}
	}
}

// TestAnotherHostsDelivery: with one secret for all of them, each host still refuses
// what is evidently another one's.
func TestAnotherHostsDelivery(t *testing.T) {
	scripts := []string{kindGit, kindGitolite, kindGitBlit} // one wire format
	for _, r := range recordings(t) {
		from := r.host.Kind()
		for _, s := range append(signers, signer{kind: from, way: "unsigned", secret: "x", sign: func(http.Header, []byte, string) {}}) {
			if s.kind != from {
				continue
			}
			h := r.header.Clone()
			s.sign(h, r.body, s.secret)
			for _, to := range All() {
				_, path := to.(PathSecret)
				same := to == r.host || slices.Contains(scripts, from) && slices.Contains(scripts, to.Kind())
				// A script that writes like GitHub is not evidently anything else.
				like := slices.Contains(scripts, from) && to.Kind() == kindGitHub && h.Get(scriptDelivery) == ""
				if path || same || like {
					continue
				}
				if err := to.Verify(h, r.body, secretOf(t, s.secret)); !errors.Is(err, ErrSignature) {
					t.Errorf("%s, %s, at %s: %v", r.name, s.way, to.Kind(), err)
				}
			}
		}
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
