package hosts

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/model"
)

var writeWants = flag.Bool("update", false, "write the .want files anew; read the difference")

// A recorded delivery lies in testdata/<kind>/<name>.http: headers, an empty
// line, the body. Its .want file says what Parse must make of it. The names of
// those that must not be understood begin with "bad-".
type recorded struct {
	name   string // "github/push"
	host   Host
	header http.Header
	body   []byte
	want   string // path of the .want file
}

func recordings(t testing.TB) (out []recorded) {
	t.Helper()
	for _, host := range All() {
		files, err := filepath.Glob("testdata/" + host.Kind() + "/*.http")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			base := strings.TrimSuffix(f, ".http")
			header, body := readRecording(t, f)
			out = append(out, recorded{strings.TrimPrefix(base, "testdata/"), host, header, body, base + ".want"})
		}
	}
	return out
}

func readRecording(t testing.TB, file string) (http.Header, []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(data))
	header, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	body, _ := io.ReadAll(r)
	return http.Header(header), bytes.TrimSuffix(body, []byte("\n"))
}

// A want is the content of a .want file.
type want struct {
	Push    model.Push
	Ignored string `json:",omitempty"`
	Error   string `json:",omitempty"`
}

func wantOf(p model.Push, err error) want {
	switch {
	case errors.Is(err, ErrIgnored):
		return want{p, err.Error(), ""}
	case err != nil:
		return want{p, "", err.Error()}
	}
	return want{Push: p}
}

func TestEveryHostIsRecorded(t *testing.T) {
	for _, host := range All() {
		if !slices.ContainsFunc(recordings(t), func(r recorded) bool { return r.host == host }) {
			t.Errorf("%s has no recorded deliveries", host.Kind())
		}
	}
}

func TestParseRecorded(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			got := wantOf(r.host.Parse(r.header, r.body))
			if strings.Contains(r.name, "/bad-") != (got.Error != "") {
				t.Errorf("error %q", got.Error)
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if *writeWants {
				if err := os.WriteFile(r.want, append(text, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(r.want)
			if err != nil {
				t.Fatal(err)
			}
			if string(text)+"\n" != string(want) {
				t.Errorf("got\n%s\nwant\n%s", text, want)
			}
		})
	}
}

// A signer signs a delivery as the host does.
type signer struct {
	kind, way string
	secret    string // the line of the secret file
	sign      func(h http.Header, body []byte, secret string)
	header    string // that carries the proof
}

// signers: one line per host and way. A host whose secret is in the path has none.
var signers = []signer{
	{kindGitHub, "hmac", "github-secret-of-more-than-32-bytes", signHub, hubSignature},
	{kindGit, "hmac", "script-secret-of-more-than-32-bytes", signHub, hubSignature},
	{kindGitolite, "hmac", "script-secret-of-more-than-32-bytes", signHub, hubSignature},
	{kindGitBlit, "hmac", "script-secret-of-more-than-32-bytes", signHub, hubSignature},
	{kindGitLab, "token", "gitlab-token-of-more-than-32-bytes!", signToken, labToken},
	{kindGitLab, "signing token", signingSecret("one"), signStandard, stdSignature},
	{kindBitbucket, "hmac", "bitbucket-secret-of-more-than-32-bytes", signBucket, bucketSignature},
	{kindBitbucketServer, "hmac", "data-center-secret-of-more-than-32-bytes", signBucket, bucketSignature},
	{kindAzure, "basic", "azure-secret-of-more-than-32-bytes!!", signBasic, "Authorization"},
	{kindGitea, "hmac", "gitea-secret-of-more-than-32-bytes!", signTea, "the signature of the family"},
}

// proof is the header that carries the proof of this delivery.
func (s signer) proof(h http.Header) string {
	if s.kind == kindGitea {
		return teaFamily(h) + "Signature"
	}
	return s.header
}

func signHub(h http.Header, body []byte, secret string) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	h.Set(hubSignature, "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

// signTea signs as Gitea does, with all headers: of a form the content of its field.
func signTea(h http.Header, body []byte, secret string) {
	if form, err := url.ParseQuery(string(body)); err == nil && strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form") {
		body = []byte(form.Get("payload"))
	}
	mac, old := hmac.New(sha256.New, []byte(secret)), hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	old.Write(body)
	for _, f := range teaFamilies {
		if h.Get(f+"Event") != "" {
			h.Set(f+"Signature", hex.EncodeToString(mac.Sum(nil)))
		}
	}
	if h.Get("X-Gitea-Event") != "" { // Gogs has these not
		h.Set(hubSignature, "sha256="+hex.EncodeToString(mac.Sum(nil)))
		h.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old.Sum(nil)))
	}
}

func signToken(h http.Header, _ []byte, secret string) { h.Set(labToken, secret) }

func signStandard(h http.Header, body []byte, secret string) {
	h.Set(stdID, "msg_1")
	h.Set(stdTime, fmt.Sprint(time.Now().Unix()))
	h.Set(stdSignature, standardSignature(h, body, secret))
}

func standardSignature(h http.Header, body []byte, secret string) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, signingPrefix))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get(stdID) + "." + h.Get(stdTime) + "." + string(body)))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func signingSecret(seed string) string {
	key := sha256.Sum256([]byte(seed))
	return signingPrefix + base64.StdEncoding.EncodeToString(key[:])
}

func secretOf(t testing.TB, lines ...string) Secret {
	t.Helper()
	s, _, err := ParseSecret([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
