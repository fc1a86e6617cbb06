package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/testgit"
	"issuetrail/internal/testssh"
)

// A verifyCase is what a test of a connection must say.
type verifyCase struct {
	url, code, step string   // code "" = it works, and step is the last one
	words           []string // in the detail of the step or the hint
	public          bool     // the public key is printed, for a person to add
}

// verified runs `key verify` for people and programs, and asks the API; all three must say the same.
func (w *world) verified(t *testing.T, c verifyCase) {
	cmd := w.program("key", "verify", "--json", c.url)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if (err != nil) != (c.code != "") {
		t.Errorf("exit: %v, %s", err, errs.String())
	}
	var list []repositoryCheck
	if err := json.Unmarshal(out.Bytes(), &list); err != nil || len(list) != 1 || len(list[0].Steps) == 0 {
		t.Fatalf("%v in %q, %s", err, out.String(), errs.String())
	}
	r := list[0].TestResult
	last := r.Steps[len(r.Steps)-1]
	if r.Code != c.code || r.OK != (c.code == "") || last.Name != c.step || last.OK != r.OK {
		t.Errorf("code %s at step %+v, want %s at %s", r.Code, last, c.code, c.step)
	}
	for _, s := range r.Steps[:len(r.Steps)-1] {
		if !s.OK {
			t.Errorf("went on after %+v", s)
		}
	}
	for _, word := range c.words {
		if !strings.Contains(last.Detail+" | "+r.Hint, word) {
			t.Errorf("neither detail nor hint says %q:\n%s\n%s", word, last.Detail, r.Hint)
		}
	}
	if !r.OK && (last.Detail == "" || r.Hint == "" || r.Detail == "") {
		t.Errorf("it does not say why, or what mends it: %+v", r)
	}
	if c.code == "timeout" {
		return // it takes 15 s each time
	}
	said, err := w.program("key", "verify", c.url).Output()
	if text := string(said); (err != nil) != !r.OK || !strings.Contains(text, last.Name) || !strings.Contains(text, plain(r.Hint)) || strings.Contains(text, "ssh-rsa AAAA") != c.public {
		t.Errorf("for people it prints\n%s", text)
	}
	api, err := w.api.TestConnection(context.Background(), c.url)
	if err != nil || api.Code != r.Code || len(api.Steps) != len(r.Steps) || api.Hint != r.Hint {
		t.Errorf("the API says %+v, %v", api, err)
	}
}

// TestVerify: each way in which a connection fails is told with the step, and with what mends it on that host.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	closed, changed, strange := testssh.Start(t, testssh.Options{RefuseKey: true}), testssh.Start(t, testssh.Options{}), testssh.Start(t, testssh.Options{})
	silent, web, private := newProxy(t, "", 0), testgit.Start(t, testgit.Options{}), testgit.Start(t, testgit.Options{User: "trail", Token: "right-token"})
	gitblit, old := testssh.StartGitBlit(t), testssh.StartGitBlit(t)
	azure, refusing := testssh.StartAzure(t, testssh.AzureOptions{}), testssh.StartAzure(t, testssh.AzureOptions{})
	_, refusing.Signer = testssh.NewKey(t)
	page := testgit.Start(t, testgit.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html><form>Name <input type=password></form>")
		})
	}})
	for _, make := range []func(string) string{
		func(s string) string { return w.ssh.InitRepo(s) }, gitblit.InitRepo, old.InitRepo,
		func(s string) string { return web.InitRepo(s) }, func(s string) string { return private.InitRepo(s) },
	} {
		testssh.AddCommits(t, make("acme/app.git"), "main", 1, nil)
	}
	testssh.AddCommits(t, w.ssh.InitRepo("acme/sha256.git", "--object-format=sha256"), "main", 1, nil)
	testssh.AddCommits(t, azure.InitRepo("v3/acme/shop/app"), "main", 1, nil)
	testssh.AddCommits(t, refusing.InitRepo("v3/acme/shop/app"), "main", 1, nil)

	wrong := strings.Replace(changed.KnownHosts(), strings.Fields(changed.KnownHosts())[2], strings.Fields(strange.KnownHosts())[2], 1)
	w.write("known_hosts", w.ssh.KnownHosts()+closed.KnownHosts()+gitblit.KnownHosts()+old.KnownHosts()+azure.KnownHosts()+refusing.KnownHosts()+wrong)
	w.write("ca.pem", string(web.CA)+string(private.CA)+string(page.CA))
	w.write("token", "trail\nwrong-token\n")
	entry := func(name, kind, more string) string { return fmt.Sprintf("{name: %s, kind: %s, %s}", name, kind, more) }
	w.hostsConfig([]string{
		entry("blit", "gitblit", "allow_sha1: true, ssh_host: \""+gitblit.HostPort()+"\""), entry("blit-old", "gitblit", "ssh_host: \""+old.HostPort()+"\""),
		entry("azure", "azure-devops", "web_url: \"https://azure.example\", ssh_host: \""+azure.HostPort()+"\""),
		entry("azure-refusing", "azure-devops", "web_url: \"https://refusing.example\", ssh_host: \""+refusing.HostPort()+"\""),
		entry("hub", "github", "web_url: \"https://hub.example\", ssh_host: \""+closed.HostPort()+"\""),
		entry("web", "git", "ca_file: ca.pem, web_url: \"https://"+web.HostPort()+"\""), entry("page", "git", "ca_file: ca.pem, web_url: \"https://"+page.HostPort()+"\""),
		entry("private", "git", "ca_file: ca.pem, credentials_file: token, web_url: \"https://"+private.HostPort()+"\""),
	}, nil)
	w.mustStart()
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused.Close()
	unknown := testgit.Start(t, testgit.Options{})
	for name, c := range map[string]verifyCase{
		"all is well":          {url: w.ssh.URL("acme/app.git"), step: "protocol", words: []string{"protocol 2", "filter"}},
		"unknown name":         {url: "ssh://git@no-such-name.invalid/app.git", code: "unreachable", step: "dns", words: []string{"no-such-name.invalid", "name"}},
		"nobody listens":       {url: "ssh://git@" + unused.Addr().String() + "/app.git", code: "unreachable", step: "tcp", words: []string{"refused", "firewall"}},
		"forbidden address":    {url: "ssh://git@169.254.169.254/app.git", code: "url_forbidden", step: "tcp", words: []string{"sync.allow_addresses"}},
		"silent":               {url: silent.url(w.ssh, "/app.git"), code: "timeout", step: "host_key", words: []string{"time", "firewall"}},
		"unknown host key":     {url: strange.URL("app.git"), code: "host_key_unknown", step: "host_key", words: []string{"SHA256:", "known_hosts"}},
		"changed host key":     {url: changed.URL("app.git"), code: "host_key_changed", step: "host_key", words: []string{"administrator", "known_hosts", "stands in between"}},
		"refused key":          {url: closed.URL("acme/app.git"), code: "auth_failed", step: "authentication", words: []string{"deploy key", "refused the key RSA 2048 SHA256:"}, public: true},
		"missing repository":   {url: w.ssh.URL("acme/none.git"), code: "not_found", step: "repository", words: []string{"acme/none.git", "path"}, public: true},
		"SHA-256 repository":   {url: w.ssh.URL("acme/sha256.git"), code: "unsupported", step: "protocol", words: []string{"SHA-256"}},
		"SHA-1 only":           {url: old.URL("acme/app.git"), code: "auth_failed", step: "host_key", words: []string{"SHA-1", "allow_sha1: true"}, public: true},
		"SHA-1 allowed":        {url: gitblit.URL("acme/app.git"), step: "protocol"},
		"Azure":                {url: azure.URL("v3/acme/shop/app"), step: "protocol", words: []string{"protocol 0"}},
		"Azure, refused key":   {url: refusing.URL("v3/acme/shop/app"), code: "auth_failed", step: "authentication", words: []string{"expires a year after", "RSA keys alone"}, public: true},
		"Azure, no repository": {url: azure.URL("v3/acme/shop/none"), code: "not_found", step: "repository", words: []string{"member of the project"}, public: true},
		"HTTPS, own authority": {url: web.URL("acme/app.git"), step: "protocol"},
		"HTTPS, unknown one":   {url: unknown.URL("acme/app.git"), code: "unreachable", step: "tls", words: []string{"ca_file"}},
		"HTTPS, wrong token":   {url: private.URL("acme/app.git"), code: "auth_failed", step: "authentication", words: []string{"credentials_file"}},
		"HTTPS, missing":       {url: web.URL("acme/none.git"), code: "not_found", step: "repository", words: []string{"path in the URL"}},
		"HTTPS, a page":        {url: page.URL("acme/app.git"), code: "auth_failed", step: "authentication", words: []string{"sign in", "credentials_file"}},
		"HTTPS to SSH":         {url: "https://" + w.ssh.HostPort() + "/acme/app.git", code: "protocol_error", step: "tls", words: []string{"TLS"}},
		"SSH to HTTPS":         {url: "ssh://git@" + web.HostPort() + "/acme/app.git", code: "unreachable", step: "host_key", words: []string{"SSH server"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.verified(t, c)
		})
	}
}

func TestWithoutPassword(t *testing.T) {
	for url, want := range map[string]string{
		"https://u:secret@host/a.git": "https://u:…@host/a.git", "https://u:s@cr:e/t@host/a.git": "https://u:…@host/a.git", "ssh://git:secret@host:22/a": "ssh://git:…@host:22/a",
		"git:secret@host:a.git": "git:…@host:a.git", "http://:secret@host/a": "http://:…@host/a", "https://secret@host/a.git": "https://host/a.git",
		"git@host:a.git": "git@host:a.git", "ssh://git@host:22/a@b": "ssh://git@host:22/a@b", "ssh://host:22/a@b": "ssh://host:22/a@b", "https://host:8443/a@b": "https://host:8443/a@b",
		"": "", ":": ":", "@": "@", "acme/app": "acme/app", "17": "17",
	} {
		if got := withoutPassword(url); got != want {
			t.Errorf("%q: %q, want %q", url, got, want)
		}
	}
}
