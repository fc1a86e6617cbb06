package mirror

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/testgit"
	"issuetrail/internal/testssh"
)

const (
	testUser  = "trail"
	testToken = "tok+en/with=odd&chars"
)

// httpsOptions trust the server and log in.
func httpsOptions(s *testgit.Server) Options {
	return Options{
		Keys: &keys{}, HostKeys: &trust{}, // no key is asked for
		Allow:    options(&testssh.Server{}).Allow,
		Timeouts: Timeouts{Dial: 5 * time.Second, Handshake: 10 * time.Second, Idle: 20 * time.Second},
		HTTPS: func(model.Address) (HTTPSOptions, error) {
			return HTTPSOptions{User: testUser, Token: testToken, CAs: s.CA}, nil
		},
	}
}

// httpsKinds are the ways a server may offer history over HTTPS.
var httpsKinds = map[string]testgit.Options{
	"v2 filtered":      {},
	"v2 plain":         {NoFilter: true},
	"v0 filtered":      {NoProtocolV2: true},
	"v0 plain":         {NoProtocolV2: true, NoFilter: true},
	"v2 over HTTP/1.1": {HTTP1: true},
	"v0 over HTTP/1.1": {NoProtocolV2: true, HTTP1: true},
	"v1":               {Wrap: versionOne},
	"v2 refused":       {GitConfig: []string{"uploadpackfilter.tree.allow=false"}},
	"v0 refused":       {NoProtocolV2: true, GitConfig: []string{"uploadpackfilter.tree.allow=false"}},
}

// versionOne makes git answer in version 1.
func versionOne(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Git-Protocol", "version=1")
		next.ServeHTTP(w, r)
	})
}

func forEachHTTPS(t *testing.T, f func(t *testing.T, s *testgit.Server, p *Pool, filtered bool)) {
	for name, o := range httpsKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.User, o.Token = testUser, testToken
			s := testgit.Start(t, o)
			f(t, s, newPool(t, httpsOptions(s)), !o.NoFilter && len(o.GitConfig) == 0)
			for _, r := range s.Requests() {
				if r.Major == 2 == o.HTTP1 || !strings.HasPrefix(r.Agent, "git/") || r.Authorization == "" {
					t.Errorf("came: %+v", r)
				}
			}
		})
	}
}

func TestHTTPSFetch(t *testing.T) {
	forEachHTTPS(t, func(t *testing.T, s *testgit.Server, p *Pool, filtered bool) {
		dir, url := s.InitRepo("my group/app.git"), s.URL("my%20group/app.git")
		if l := listRefs(t, p, url); len(l.Refs) != 0 {
			t.Errorf("an empty repository lists %v", l.Refs)
		}
		checkWhole(t, p, dir, url, filtered)
	})
}

// A branch goes, then all of them; the same list is not parsed twice.
func TestHTTPSRefs(t *testing.T) {
	forEachHTTPS(t, func(t *testing.T, s *testgit.Server, p *Pool, _ bool) {
		dir, url := s.InitRepo("app.git"), s.URL("app.git")
		tip := testssh.AddCommits(t, dir, "main", 3, nil)
		testssh.Git(t, dir, "branch", "gone", "main~1")
		testssh.Git(t, dir, "tag", "-a", "-m", "one", "v1")
		testssh.Git(t, dir, "update-ref", "refs/pull/1/head", tip)
		first := listRefs(t, p, url)
		if want := []string{"refs/heads/gone", "refs/heads/main", "refs/tags/v1"}; !slices.Equal(names(first.Refs), want) || first.Default != "refs/heads/main" || first.Refs[2].Commit() != id(t, tip) {
			t.Errorf("refs %v, default %q", first.Refs, first.Default)
		}
		s1 := open(t, p, url)
		if again, err := s1.Refs(t.Context(), first.Digest); err != nil || again.Refs != nil {
			t.Errorf("unchanged: %v, %v", again.Refs, err)
		}
		s1.Close()
		testssh.Git(t, dir, "branch", "-D", "gone")
		if l := listRefs(t, p, url); !slices.Equal(names(l.Refs), []string{"refs/heads/main", "refs/tags/v1"}) || l.Digest == first.Digest {
			t.Errorf("after a deletion: %v", names(l.Refs))
		}
		testssh.Git(t, dir, "update-ref", "-d", "refs/heads/main")
		testssh.Git(t, dir, "tag", "-d", "v1")
		testssh.Git(t, dir, "update-ref", "-d", "refs/pull/1/head")
		if l := listRefs(t, p, url); len(l.Refs) != 0 {
			t.Errorf("emptied: %v", names(l.Refs))
		}
	})
}

// Many wants make a request that is compressed, many commits an answer of many pieces.
func TestHTTPSLarge(t *testing.T) {
	forEachHTTPS(t, func(t *testing.T, s *testgit.Server, p *Pool, _ bool) {
		dir, url := s.InitRepo("app.git"), s.URL("app.git")
		testssh.AddCommits(t, dir, "main", 2000, nil)
		for i, c := range strings.Fields(testssh.Git(t, dir, "rev-list", "-n", "100", "main")) {
			testssh.Git(t, dir, "update-ref", "refs/heads/b"+string(rune('a'+i/26))+string(rune('a'+i%26)), c)
		}
		checkHistory(t, dir, fetchHistory(t, p, url, nil, nil), "--all")
		all := s.Requests()
		if last := all[len(all)-1]; last.Encoding != "gzip" || last.Method != "POST" {
			t.Errorf("the request was not compressed: %+v", last)
		}
	})
}

// A sync that finds nothing new takes one or two requests, on the connection of the one before.
func TestHTTPSKeepsConnections(t *testing.T) {
	forEachHTTPS(t, func(t *testing.T, s *testgit.Server, p *Pool, _ bool) {
		testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
		listRefs(t, p, s.URL("app.git"))
		conns, requests := s.Conns(), len(s.Requests())
		for range 5 {
			listRefs(t, p, s.URL("app.git"))
		}
		if n := s.Conns() - conns; n > 1 {
			t.Errorf("%d connections more", n)
		}
		if n := len(s.Requests()) - requests; n > 10 {
			t.Errorf("%d requests for 5 lists", n)
		}
	})
}

// The server closes its idle connections just when they are wanted.
func TestHTTPSConnectionGone(t *testing.T) {
	for _, http1 := range []bool{true, false} {
		s := testgit.Start(t, testgit.Options{HTTP1: http1})
		p := newPool(t, httpsOptions(s))
		testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
		for range 5 {
			se := open(t, p, s.URL("app.git"))
			if _, err := se.Refs(t.Context(), [32]byte{}); err != nil {
				t.Fatal(err)
			}
			se.Close()
			s.Hangup()
		}
	}
}

// Settings are asked for at each session: a new token, a new authority.
func TestHTTPSSettingsChange(t *testing.T) {
	s := testgit.Start(t, testgit.Options{User: testUser, Token: testToken})
	s.InitRepo("app.git")
	o := httpsOptions(s)
	set := HTTPSOptions{User: testUser, Token: "old"}
	o.HTTPS = func(a model.Address) (HTTPSOptions, error) {
		if a.HostPort() != s.HostPort() {
			t.Errorf("asked for %s", a.HostPort())
		}
		return set, nil
	}
	p := newPool(t, o)
	_, err := open(t, p, s.URL("app.git")).Refs(t.Context(), [32]byte{})
	wantCode(t, err, model.CodeUnreachable, "authority", "ca_file", "tls_verify")
	set.CAs = s.CA
	_, err = open(t, p, s.URL("app.git")).Refs(t.Context(), [32]byte{})
	wantCode(t, err, model.CodeAuthFailed, "refused the user name and token", "credentials_file", "Access denied")
	set.Token = testToken
	listRefs(t, p, s.URL("app.git"))
	set.CAs = nil // a held connection is not used by who does not trust it
	_, err = open(t, p, s.URL("app.git")).Refs(t.Context(), [32]byte{})
	wantCode(t, err, model.CodeUnreachable, "authority")
	set.Insecure = true
	listRefs(t, p, s.URL("app.git"))
	set.Insecure, set.CAs = false, []byte("no PEM")
	_, err = p.Open(t.Context(), address(t, s.URL("app.git")))
	wantCode(t, err, model.CodeUnreachable, "ca_file")
}
