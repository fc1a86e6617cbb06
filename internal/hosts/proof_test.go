package hosts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// A host that signs as many do needs no code in the tests. testdata/<kind>/proof says how, in one line:
//
//	hmac HEADER [PREFIX]   the HMAC-SHA256 of the body in hexadecimal digits, behind PREFIX
//	token HEADER           the secret itself
func signersOfTestdata() (found []signer) {
	for _, host := range All() {
		text, err := os.ReadFile("testdata/" + host.Kind() + "/proof")
		words := strings.Fields(string(text))
		if err != nil || len(words) < 2 {
			continue
		}
		s := signer{kind: host.Kind(), way: words[0], secret: host.Kind() + "-secret-of-more-than-32-bytes!!!!!!", header: words[1]}
		s.sign = func(h http.Header, body []byte, secret string) {
			if words[0] == "token" {
				h.Set(words[1], secret)
				return
			}
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(body)
			h.Set(words[1], strings.Join(words[2:], "")+hex.EncodeToString(mac.Sum(nil)))
		}
		found = append(found, s)
	}
	return found
}

func TestMain(m *testing.M) {
	for _, s := range signersOfTestdata() {
		signers = append(signers, s)
		if s.way == "token" && !slices.Contains(uncovered, s.header) {
			uncovered = append(uncovered, s.header)
		}
	}
	os.Exit(m.Run())
}

// FuzzParse is the fuzz target of a host that has none of its own yet: the first
// argument chooses among all of them.
func FuzzParse(f *testing.F) {
	all := All()
	for _, r := range recordings(f) {
		i := slices.Index(all, r.host)
		for _, name := range eventHeaders {
			if v := r.header.Get(name); v != "" {
				f.Add(uint8(i), name, v, string(r.body))
			}
		}
		f.Add(uint8(i), "Content-Type", r.header.Get("Content-Type"), string(r.body))
	}
	f.Fuzz(func(t *testing.T, i uint8, name, value, body string) {
		host := all[int(i)%len(all)]
		h := http.Header{http.CanonicalHeaderKey(name): {value}}
		p, err := host.Parse(h, []byte(body))
		sound(t, p, err)
		if host.Verify(h, []byte(body), Secret{}) == nil {
			t.Error("verified without a secret")
		}
	})
}
