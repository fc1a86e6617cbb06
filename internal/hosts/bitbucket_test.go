package hosts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// signBucket signs as both Bitbuckets do.
func signBucket(h http.Header, body []byte, secret string) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	h.Set(bucketSignature, "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const bucketSecret = "one-secret-for-both-of-them-by-mistake"

// TestBitbucketsAreToldApart: they sign alike, and a proxy may add X-Request-Id to a
// delivery of the cloud.
func TestBitbucketsAreToldApart(t *testing.T) {
	body := []byte(`{}`)
	cloud := headers(bucketEvent, "repo:push", bucketHook, "7b1c", bucketDelivery, "3d0a", serverDelivery, "of a proxy")
	center := headers(bucketEvent, "repo:refs_changed", serverDelivery, "8c1f")
	for _, h := range []http.Header{cloud, center} {
		signBucket(h, body, bucketSecret)
	}
	without := func(h http.Header, names ...string) http.Header {
		h = h.Clone()
		for _, n := range names {
			h.Del(n)
		}
		return h
	}
	for what, c := range map[string]struct {
		h             http.Header
		cloud, center bool
	}{
		"cloud":                          {cloud, true, false},
		"cloud, the hook alone":          {without(cloud, bucketDelivery), true, false},
		"cloud, the request alone":       {without(cloud, bucketHook), true, false},
		"cloud, without its two headers": {without(cloud, bucketHook, bucketDelivery), false, true},
		"data center":                    {center, false, true},
		"data center, without an id":     {without(center, serverDelivery), false, true},
		"data center, without an event":  {without(center, bucketEvent), false, false},
		"data center, unsigned":          {without(center, bucketSignature), false, false},
	} {
		if err := (bitbucket{}).Verify(c.h, body, secretOf(t, bucketSecret)); (err == nil) != c.cloud {
			t.Errorf("%s, by the cloud: %v", what, err)
		}
		if err := (bitbucketServer{}).Verify(c.h, body, secretOf(t, bucketSecret)); (err == nil) != c.center {
			t.Errorf("%s, by data center: %v", what, err)
		}
	}
}

// TestUnsignedPing: "Test connection" of Data Center signs nothing. Nobody can do
// anything with that: neither another event, nor another body, nor a wrong signature passes.
func TestUnsignedPing(t *testing.T) {
	header := func(event string) http.Header {
		return headers(bucketEvent, event, serverDelivery, "8c1f52aa")
	}
	signed := func(secret, body string) http.Header {
		h := header(serverPing)
		signBucket(h, []byte(body), secret)
		return h
	}
	fromCloud := header(serverPing)
	fromCloud.Set(bucketHook, "7b1c")
	twice := header(serverPing)
	twice[bucketEvent] = []string{serverPing, "repo:refs_changed"}
	empty := header(serverPing)
	empty.Set(bucketSignature, "")
	right, repo := secretOf(t, bucketSecret), `{"test":true,"repository":{"id":84}}`
	for what, c := range map[string]struct {
		h      http.Header
		body   string
		secret Secret
		want   bool
	}{
		"a ping":                  {header(serverPing), serverPingBody, right, true},
		"a ping with spaces":      {header(serverPing), " {\n \"test\": true\r\n}\n", right, true},
		"a signed ping":           {signed(bucketSecret, serverPingBody), serverPingBody, right, true},
		"signed, any body":        {signed(bucketSecret, repo), repo, right, true},
		"wrongly signed":          {signed("another-secret", serverPingBody), serverPingBody, right, false},
		"empty signature":         {empty, serverPingBody, right, false},
		"no secret":               {header(serverPing), serverPingBody, Secret{}, false},
		"another event":           {header("repo:refs_changed"), serverPingBody, right, false},
		"a like event":            {header("Diagnostics:Ping"), serverPingBody, right, false},
		"two events":              {twice, serverPingBody, right, false},
		"no event":                {headers(serverDelivery, "8c1f"), serverPingBody, right, false},
		"with a repository":       {header(serverPing), repo, right, false},
		"with changes":            {header(serverPing), `{"test":true,"changes":[]}`, right, false},
		"no body":                 {header(serverPing), "", right, false},
		"much space":              {header(serverPing), strings.Repeat(" ", 1000) + serverPingBody, right, false},
		"of the cloud":            {fromCloud, serverPingBody, right, false},
		"not true":                {header(serverPing), `{"test":false}`, right, false},
		"test of something else":  {header(serverPing), `{"test":true}{}`, right, false},
		"a key of another case":   {header(serverPing), `{"TEST":true}`, right, false},
		"a word cut by a space":   {header(serverPing), `{"te st":true}`, right, true}, // spaces are not looked at, and nothing is read
		"secret in the body, too": {header(serverPing), bucketSecret, right, false},
	} {
		if err := (bitbucketServer{}).Verify(c.h, []byte(c.body), c.secret); (err == nil) != c.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestPingSaysNothing: whatever the body of a ping, Parse reads none of it, and gives no
// id, which would make a real delivery of that id look like a repetition.
func TestPingSaysNothing(t *testing.T) {
	for _, body := range []string{serverPingBody, "", `{"repository":{"id":84,"slug":"app","project":{"key":"CORE"}},"changes":[]}`, "\x00"} {
		p, err := bitbucketServer{}.Parse(headers(bucketEvent, serverPing, serverDelivery, "8c1f52aa"), []byte(body))
		if !errors.Is(err, ErrIgnored) || !errors.Is(err, ErrUnsigned) || err.Error() != "ping" {
			t.Errorf("%q: %v", body, err)
		}
		if p.Event != serverPing || p.DeliveryID != "" || p.RepoID != "" || p.RepoName != "" || len(p.URLs) > 0 || p.Everything {
			t.Errorf("%q: %+v", body, p)
		}
	}
	p, err := bitbucketServer{}.Parse(headers(bucketEvent, serverPing, bucketSignature, "sha256=00"), []byte(serverPingBody))
	if !errors.Is(err, ErrIgnored) || errors.Is(err, ErrUnsigned) || p.Event != serverPing {
		t.Errorf("a signed one: %+v, %v", p, err)
	}
}

func TestBitbucketStates(t *testing.T) {
	for _, c := range []struct {
		event, state string
		want         model.PullRequestStatus
	}{
		{"pullrequest:created", "OPEN", model.PullRequestOpen},
		{"pullrequest:created", "OPEN|MERGED|DECLINED", model.PullRequestOpen},
		{"pullrequest:created", "", model.PullRequestOpen},
		{"pullrequest:fulfilled", "OPEN|MERGED|DECLINED", model.PullRequestMerged},
		{"pullrequest:rejected", "OPEN|MERGED|DECLINED", model.PullRequestDeclined},
		{"pullrequest:comment_created", "MERGED", model.PullRequestMerged},
		{"pullrequest:comment_created", "DECLINED", model.PullRequestDeclined},
		{"pullrequest:updated", "SUPERSEDED", model.PullRequestDeclined},
	} {
		if got := (bucketPull{State: c.state}).model(c.event).Status; got != c.want {
			t.Errorf("%s, %s: %s", c.event, c.state, got)
		}
	}
}

func TestBitbucketLinks(t *testing.T) {
	hash, _ := model.ParseHash("6f1ed002ab5595859014ebf0951522d9aa3f6c11")
	other, _ := model.ParseHash("c0ffee25d5b1d1b0a6c4b3b1b2f4a1e2d3c4b5a6")
	for _, c := range []struct {
		host       Host
		base, name string
		want       []string // repo, commit, branch, tag, compare, file, file without line, pull request
	}{
		{bitbucket{}, "https://bitbucket.org", "acme/app", []string{
			"https://bitbucket.org/acme/app",
			"https://bitbucket.org/acme/app/commits/" + hash.String(),
			"https://bitbucket.org/acme/app/branch/feature/TST-7%20%23",
			"https://bitbucket.org/acme/app/commits/tag/v1.0",
			"https://bitbucket.org/acme/app/branches/compare/" + other.String() + "%0D" + hash.String(),
			"https://bitbucket.org/acme/app/src/" + hash.String() + "/a%20b/c.go#lines-3",
			"https://bitbucket.org/acme/app/src/" + hash.String() + "/a%20b/c.go",
			"https://bitbucket.org/acme/app/pull-requests/12",
		}},
		{bitbucketServer{}, "https://tools.example.com/bitbucket/", "core/app", []string{
			"https://tools.example.com/bitbucket/projects/CORE/repos/app",
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/commits/" + hash.String(),
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/browse?at=refs%2Fheads%2Ffeature%2FTST-7%20%23",
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/browse?at=refs%2Ftags%2Fv1.0",
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/compare/diff?sourceBranch=" + other.String() + "&targetBranch=" + hash.String(),
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/browse/a%20b/c.go?at=" + hash.String() + "#3",
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/browse/a%20b/c.go?at=" + hash.String(),
			"https://tools.example.com/bitbucket/projects/CORE/repos/app/pull-requests/12",
		}},
		{bitbucketServer{}, "https://b.example.com", "~mlopez/app", []string{
			"https://b.example.com/users/mlopez/repos/app", "https://b.example.com/users/mlopez/repos/app/commits/" + hash.String(),
			"https://b.example.com/users/mlopez/repos/app/browse?at=refs%2Fheads%2Ffeature%2FTST-7%20%23",
		}},
		{azure{}, "https://dev.azure.com", "acme/Core Team/my app", []string{
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app",
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app/commit/" + hash.String(),
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app?version=GBfeature%2FTST-7%20%23",
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app?version=GTv1.0",
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app/branchCompare?baseVersion=GC" + hash.String() + "&targetVersion=GC" + other.String(),
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app?path=/a%20b%2Fc.go&version=GC" + hash.String() + "&line=3&lineEnd=3&lineStartColumn=1&lineEndColumn=1",
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app?path=/a%20b%2Fc.go&version=GC" + hash.String(),
			"https://dev.azure.com/acme/Core%20Team/_git/my%20app/pullrequest/12",
		}},
		{azure{}, "https://acme.visualstudio.com", "acme/core/app", []string{"https://acme.visualstudio.com/core/_git/app"}},
		{azure{}, "https://azure.example.com/tfs", "DefaultCollection/core/app", []string{"https://azure.example.com/tfs/DefaultCollection/core/_git/app"}},
	} {
		l := c.host.Links(c.base, model.Repo{Name: c.name})
		got := []string{
			l.Repo, l.CommitURL(hash), l.BranchURL("feature/TST-7 #"), l.TagURL("v1.0"), l.CompareURL(hash.String(), other.String()),
			l.FileURL(hash, "a b/c.go", 3), l.FileURL(hash, "a b/c.go", 0), l.PullRequestURL(12),
		}
		for i, want := range c.want {
			if got[i] != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", c.host.Kind(), c.name, got[i], want)
			}
		}
	}
	for _, host := range []Host{bitbucketServer{}, azure{}} {
		for _, name := range []string{"", "app", "a/b/c/d", "/app", "core/"} {
			if got := host.Links("https://h", model.Repo{Name: name}); got != (model.Links{}) {
				t.Errorf("%s %q: %+v", host.Kind(), name, got)
			}
		}
	}
}

// TestHintsSayWhatTheVendorHides: what a person would otherwise look for long.
func TestHintsSayWhatTheVendorHides(t *testing.T) {
	for _, c := range []struct{ kind, code, says string }{
		{kindBitbucket, model.CodeAuthFailed, "Access keys"},
		{kindBitbucket, model.CodeNotFound, "the key may not read"},
		{kindBitbucket, model.CodeTimeout, "ssh://git@altssh.bitbucket.org:443/"},
		{kindBitbucketServer, model.CodeAuthFailed, "keys expire"},
		{kindBitbucketServer, model.CodeNotFound, "one repository, or all of one project"},
		{kindBitbucketServer, model.CodeUnreachable, "7999"},
		{kindAzure, model.CodeAuthFailed, "expires a year after"},
		{kindAzure, model.CodeAuthFailed, "RSA keys alone"},
		{kindAzure, model.CodeAuthFailed, "rsa-sha2"},
		{kindAzure, model.CodeNotFound, "a member of the project"},
		{kindAzure, model.CodeTimeout, "port 22 alone"},
	} {
		if got := Hint(c.kind, c.code); !strings.Contains(got, c.says) || strings.HasSuffix(got, ".") {
			t.Errorf("%s, %s: %q", c.kind, c.code, got)
		}
		if got := Hint(c.kind, model.CodeDiskFull); got != "" {
			t.Errorf("%s: the host has nothing to do with our disk: %q", c.kind, got)
		}
	}
}

// TestGuidesOfBitbucketAndAzure: the examples are those of the configured server.
func TestGuidesOfBitbucketAndAzure(t *testing.T) {
	for _, c := range []struct {
		host    Host
		ssh     string
		example string
	}{
		{bitbucket{}, "bitbucket.org", "git@bitbucket.org:acme/app.git"},
		{bitbucketServer{}, "git.corp.example", "ssh://git@git.corp.example:7999/acme/app.git"},
		{azure{}, "ssh.dev.azure.com", "git@ssh.dev.azure.com:v3/acme/project/app"},
		{azure{}, "vs-ssh.visualstudio.com", "git@ssh.dev.azure.com:v3/acme/project/app"},
		{azure{}, "tfs.corp.example", "ssh://git@tfs.corp.example:22/DefaultCollection/project/_git/app"},
	} {
		text := ""
		for _, s := range c.host.Guide(Site{Name: "x", SSHHost: c.ssh, Webhook: "https://trail.example.com/webhooks/x", PublicKey: "ssh-rsa AAAA x"}) {
			text += s.Title + "\n" + s.Text + "\n" + s.Code + "\n"
		}
		for _, part := range []string{"repo add " + c.example + "\n", "https://trail.example.com/webhooks/x\n", "ssh-rsa AAAA x\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the guide has no %q:\n%s", c.host.Kind(), part, text)
			}
		}
		if a, err := model.ParseAddress(c.example); err != nil || strings.Count(Identify(c.host.Kind(), a).Name, "/") == 0 {
			t.Errorf("%s: %s: %v", c.host.Kind(), c.example, err)
		}
	}
}
