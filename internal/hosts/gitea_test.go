package hosts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"testing"
)

const teaSecret = "gitea-secret-of-more-than-32-bytes!"

func teaSum(text string) string {
	mac := hmac.New(sha256.New, []byte(teaSecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestGiteaFamilies: the headers of the family that sent the delivery decide.
func TestGiteaFamilies(t *testing.T) {
	const body = `{"ref":"refs/heads/main"}`
	right, wrong := teaSum(body), teaSum("x")
	for what, c := range map[string]struct {
		headers map[string]string
		want    bool
	}{
		"Gitea":                              {map[string]string{"X-Gitea-Event": "push", "X-Gitea-Signature": right}, true},
		"Forgejo":                            {map[string]string{"X-Forgejo-Event": "push", "X-Forgejo-Signature": right}, true},
		"Gogs":                               {map[string]string{"X-Gogs-Event": "push", "X-Gogs-Signature": right}, true},
		"Gitea, wrong, beside Gogs's":        {map[string]string{"X-Gitea-Event": "push", "X-Gitea-Signature": wrong, "X-Gogs-Event": "push", "X-Gogs-Signature": right}, false},
		"Forgejo's is missing":               {map[string]string{"X-Forgejo-Event": "push", "X-Gitea-Event": "push", "X-Gitea-Signature": right}, false},
		"no secret at Gitea":                 {map[string]string{"X-Gitea-Event": "push", "X-Gitea-Signature": "", "X-Hub-Signature-256": "sha256="}, false},
		"GitHub's header alone":              {map[string]string{"X-GitHub-Event": "push", "X-Hub-Signature-256": "sha256=" + right}, false},
		"GitHub's signature, Gitea's event":  {map[string]string{"X-Gitea-Event": "push", "X-Hub-Signature-256": "sha256=" + right}, false},
		"Gitea's signature with a prefix":    {map[string]string{"X-Gitea-Event": "push", "X-Gitea-Signature": "sha256=" + right}, false},
		"an empty event":                     {map[string]string{"X-Gitea-Event": "", "X-Gitea-Signature": right}, false},
		"GitHub itself, with Gitea's header": {map[string]string{"X-Gitea-Event": "push", "X-Gitea-Signature": right, "X-GitHub-Hook-ID": "1"}, false},
	} {
		h := http.Header{}
		for name, v := range c.headers {
			h.Set(name, v)
		}
		err := gitea{}.Verify(h, []byte(body), secretOf(t, teaSecret))
		if (err == nil) != c.want || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestGiteaForm: of a form Gitea, Forgejo and Gogs sign what the field holds, not the body.
func TestGiteaForm(t *testing.T) {
	const text = `{"ref":"refs/heads/main","repository":{"id":1}}`
	form := "payload=" + url.QueryEscape(text)
	for what, c := range map[string]struct {
		kind, body, sum string
		want            bool
	}{
		"the content":                {"application/x-www-form-urlencoded", form, teaSum(text), true},
		"with a charset":             {"application/x-www-form-urlencoded; charset=utf-8", form, teaSum(text), true},
		"the body":                   {"application/x-www-form-urlencoded", form, teaSum(form), false},
		"the content, sent as JSON":  {"application/json", form, teaSum(text), false},
		"another content":            {"application/x-www-form-urlencoded", form + "1", teaSum(text), false},
		"two fields, the first read": {"application/x-www-form-urlencoded", form + "&payload=1", teaSum(text), true},
		"two fields, the other read": {"application/x-www-form-urlencoded", "payload=1&" + form, teaSum(text), false},
		"no field":                   {"application/x-www-form-urlencoded", "a=b", teaSum(""), false},
		"not escaped":                {"application/x-www-form-urlencoded", "payload=%", teaSum(""), false},
	} {
		h := http.Header{"X-Gitea-Event": {"push"}, "X-Gitea-Signature": {c.sum}, "Content-Type": {c.kind}}
		err := gitea{}.Verify(h, []byte(c.body), secretOf(t, teaSecret))
		if (err == nil) != c.want || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
		if p, _ := (gitea{}).Parse(h, []byte(c.body)); err == nil && p.RepoID != "1" {
			t.Errorf("%s: verified, and something else parsed: %+v", what, p)
		}
	}
}
