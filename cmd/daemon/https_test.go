package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/config"
	"issuetrail/internal/model"
	"issuetrail/internal/testgit"
	"issuetrail/internal/testssh"
)

// The daemon follows a repository over HTTPS: with a token that changes under it, an authority
// of its own, and a server that at last sends it elsewhere.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	const first, second = "first-token-4711", "second-token-0815"
	other := testgit.Start(t, testgit.Options{})
	var away atomic.Bool
	server := testgit.Start(t, testgit.Options{User: "trail", Token: first, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if away.Load() {
				http.Redirect(w, r, "https://"+other.HostPort()+r.URL.RequestURI(), http.StatusMovedPermanently)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	dir := server.InitRepo("acme/app.git")
	one := testssh.AddCommits(t, dir, "main", 3, nil)
	other.InitRepo("acme/app.git")

	w := newWorld(t, testssh.Options{})
	w.write("token", "trail\n"+first+"\n")
	w.write("ca.pem", string(server.CA))
	entry := fmt.Sprintf("{name: lab, kind: git, web_url: \"https://%s\", credentials_file: token, ca_file: ca.pem}", server.HostPort())
	w.hostsConfig([]string{entry}, []string{fmt.Sprintf("{url: %q}", server.URL("acme/app.git"))})
	w.mustStart()
	if r := w.synced("app"); r.Commits != 3 || r.Host != "lab" || !w.linked("APP-3", one) {
		t.Errorf("%+v", r)
	}
	res, err := w.api.TestConnection(context.Background(), server.URL("acme/app.git"))
	if err != nil || !res.OK || res.Refs != 1 {
		t.Errorf("test: %+v, %v", res, err)
	}

	// The token changes at the server, and then in the file. Nobody restarts.
	server.SetToken(second)
	w.syncNow("app")
	w.fails("app", "attention", "auth_failed")
	two := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-9 later\n" })
	w.write("token", "trail\n"+second+"\n")
	w.syncNow("app")
	w.until("the commit is linked", func() bool { return w.linked("APP-9", two) })

	away.Store(true)
	w.syncNow("app")
	w.fails("app", "attention", "not_found")
	if f := w.repos()["app"].LastError; f == nil || !strings.Contains(f.Detail, other.HostPort()) {
		t.Errorf("the failure does not name the other server: %+v", f)
	}
	if came := other.Requests(); len(came) != 0 {
		t.Errorf("the other server was asked: %+v", came)
	}

	// A repository that anybody adds at another server gets nobody's token.
	if _, err := w.api.AddRepository(context.Background(), wire.NewRepository{URL: other.URL("acme/app.git"), Host: "lab"}); err != nil {
		t.Fatal(err)
	}
	w.until("the other server is tried", func() bool {
		for r, err := range w.api.Repositories(context.Background()) {
			if err == nil && strings.Contains(r.URL, other.HostPort()) && (r.LastError != nil || !r.LastSyncedAt.IsZero()) {
				return true
			}
		}
		return false
	})
	for _, r := range other.Requests() {
		if r.Authorization != "" {
			t.Errorf("the other server got %+v", r)
		}
	}
	w.kill()
	text, _ := os.ReadFile(w.log)
	for _, token := range []string{first, second} {
		if strings.Contains(string(text), token) {
			t.Errorf("the log holds %s", token)
		}
	}
}

// syncNow asks for a sync.
func (w *world) syncNow(name string) {
	w.t.Helper()
	if _, stderr, code := w.run("repo", "sync", w.repos()[name].URL); code != 0 {
		w.t.Logf("repo sync: %s", stderr)
	}
}

// Credentials go to the entry's own server alone.
func TestHTTPSEntry(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	d := &directory{}
	for name, h := range map[string]config.Host{
		"hub": {Kind: "github"}, "lab": {Kind: "gitlab", WebURL: "https://lab.example/gitlab"}, "own": {Kind: "git", SSHHost: "own.example:2222"},
		"port": {Kind: "git", WebURL: "https://Own.example:8443/"}, "azure": {Kind: "azure-devops"}, "plain": {Kind: "git", WebURL: "http://plain.example", SSHHost: "plain.example"},
	} {
		h.Name, h.TLSVerify, h.CredentialsFile = name, true, file(name, name+"\r\ntoken of "+name+"\r\n")
		d.entries = append(d.entries, entry{Host: h})
	}
	for url, want := range map[string]string{
		"https://github.com/a/b": "hub", "https://github.com:8443/a/b": "", "https://ssh.github.com/a/b": "", "https://dev.azure.com/o/_git/r": "azure",
		"https://lab.example/gitlab/a/b": "lab", "https://lab.example/gitlabber/a": "", "https://lab.example/a": "", "https://lab.example:444/gitlab/a": "",
		"https://own.example/a": "own", "https://own.example:8443/a": "port", "https://own.example:2222/a": "", "https://evil.own.example/a": "",
		"https://plain.example/a": "", "ssh://git@own.example:443/a": "",
	} {
		a, err := model.ParseAddress(url)
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.https(a)
		if err != nil || o.User != want || want != "" && o.Token != "token of "+want {
			t.Errorf("%s: %+v, %v", url, o, err)
		}
	}
	a, _ := model.ParseAddress("https://github.com/a/b")
	d.entries = []entry{{Host: config.Host{Name: "hub", Kind: "github", TLSVerify: true}}}
	for text, word := range map[string]string{"": "empty", "me\n": "one a line", "\ns3cr3t": "one a line", "s3cr3t": "one a line", "a\ns3cr3t\nc": "more than two", "a:b\ns3cr3t": "colon"} {
		d.entries[0].CredentialsFile = file("bad", text)
		_, err := d.https(a)
		if f := model.AsFailure(err); f.Code != model.CodeAuthFailed || !strings.Contains(f.Detail, word) || strings.Contains(f.Detail+f.Hint, "s3cr3t") {
			t.Errorf("%q: %v", text, err)
		}
	}
	d.entries[0].CredentialsFile, d.entries[0].CAFile = "", filepath.Join(dir, "none")
	if _, err := d.https(a); model.AsFailure(err).Code != model.CodeUnreachable {
		t.Error(err)
	}
}
