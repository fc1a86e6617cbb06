package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// oddBranch holds what a web address or a page could mistake for its own.
const oddBranch = `feature/APP-5-ü&b#1%41+"<i>`

// docTemplates are the templates that docs/hosts.md tells people to write for a web front end, by the
// heading word behind "links:" there.
func docTemplates(t *testing.T, front string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- links: " + front + " -->\\s*```yaml\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/hosts.md has no templates for %s", front)
	}
	return string(m[1])
}

// pageWorld serves one repository over SSH and through a web front end, which handler makes of the
// folder of the repositories.
func pageWorld(t *testing.T, front string, handler func(root string) http.Handler) (w *world, dir string) {
	t.Helper()
	server := namedSSH(t, testssh.Options{})
	w = newWorldOn(t, server)
	dir = server.InitRepo("acme/app.git")
	testssh.FastImport(t, dir, func(out io.Writer) {
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter A <a@example.com> 1700000000 +0000\ndata 11\nAPP-1 first\n"+
			"M 100644 inline \"dir/a b#\\303\\274.txt\"\ndata 10\nfirst line\n\n")
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter A <a@example.com> 1700000001 +0000\ndata 12\nAPP-2 second\n"+
			"M 100644 inline \"dir/a b#\\303\\274.txt\"\ndata 22\nfirst line\nsecond line\n\ndone\n")
	})
	testssh.AddCommits(t, dir, oddBranch, 1, func(int) string { return "APP-6 on the odd branch" })
	testssh.Git(t, dir, "tag", "-a", "-m", "APP-2 second, tagged", "v1/ü&", "main")
	web := httptest.NewServer(handler(server.Root))
	t.Cleanup(web.Close)
	entry := regexp.MustCompile(`web_url: "[^"]*"`).ReplaceAllString(docTemplates(t, front), `web_url: "`+web.URL+"/"+front+`"`)
	entry = regexp.MustCompile(`ssh_host: \S+`).ReplaceAllString(entry, "ssh_host: 127.0.0.1")
	entry = regexp.MustCompile(`webhook_secret_file: \S+`).ReplaceAllString(entry, "webhook_secret_file: secret")
	w.hostsConfig([]string{strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(entry), "hosts:\n  -"))}, []string{repoEntry(namedURL(server, "acme/app"), "git")})
	w.mustStart()
	w.synced("app")
	return w, dir
}

// page reads a page; it must be there.
func page(t *testing.T, what, address string, want ...string) {
	t.Helper()
	if address == "" {
		t.Errorf("%s: no link", what)
		return
	}
	res, err := http.Get(address)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	text := strings.ReplaceAll(html.UnescapeString(string(body)), "\u00a0", " ") // as gitweb writes spaces
	for _, word := range want {
		if !strings.Contains(text, word) {
			t.Errorf("%s: %s shows no %q", what, address, word)
		}
	}
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s: %s: %s\n%.600s", what, address, res.Status, body)
	}
}

// shows follows every kind of link: those of the API, and those that the configured templates give.
func (w *world) shows(dir string) {
	w.t.Helper()
	second, first := testssh.Git(w.t, dir, "rev-parse", "main"), testssh.Git(w.t, dir, "rev-parse", "main^")
	commit := w.issue("APP-2").Commits[0]
	page(w.t, "commit", *commit.URL, "APP-2 second", second)
	branch := w.issue("APP-5").Branches[0]
	if branch.Name != oddBranch || strings.ContainsAny(*branch.URL, `"<>`) {
		w.t.Errorf("branch %+v, %s", branch, *branch.URL)
	}
	page(w.t, "branch", *branch.URL, "APP-6 on the odd branch", oddBranch)
	links := w.directory().links(model.Repo{Name: "acme/app", RepoSpec: model.RepoSpec{Host: "git", URL: namedURL(w.ssh, "acme/app")}})
	page(w.t, "compare", links.CompareURL(first, second), "second line")
	page(w.t, "compare branches", links.CompareURL("main", oddBranch), "file0")
	page(w.t, "file", links.FileURL(hashOf(w.t, second), "dir/a b#ü.txt", 2), "second line")
	page(w.t, "older file", links.FileURL(hashOf(w.t, first), "dir/a b#ü.txt", 0), "first line")
	page(w.t, "tag", links.TagURL("v1/ü&"), "APP-2 second")
	page(w.t, "repository", links.Repo, "acme/app")
}

func hashOf(t *testing.T, text string) model.Hash {
	t.Helper()
	h, err := model.ParseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// directory is what the daemon makes of its config.
func (w *world) directory() *directory {
	w.t.Helper()
	cfg, err := loadConfig(filepath.Join(w.dir, "config.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := newDirectory(cfg, zap.NewNop())
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// Each link that the documented templates for gitweb give leads to its page in Debian's gitweb.
func TestGitwebLinks(t *testing.T) {
	t.Parallel()
	w, dir := pageWorld(t, "gitweb", func(root string) http.Handler {
		config := filepath.Join(t.TempDir(), "gitweb.conf")
		text := fmt.Sprintf("$projectroot = %q;\n$feature{'pathinfo'}{'default'} = [0];\n1;\n", root)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &cgi.Handler{
			Path: program(t, "/usr/lib/cgi-bin/gitweb.cgi", "/usr/share/gitweb/gitweb.cgi"), Root: "/gitweb",
			Env: append(servedGit(), "GITWEB_CONFIG="+config),
		}
	})
	w.shows(dir)
}

// The same with cgit, whose addresses are paths.
func TestCgitLinks(t *testing.T) {
	t.Parallel()
	w, dir := pageWorld(t, "cgit", func(root string) http.Handler {
		config := filepath.Join(t.TempDir(), "cgitrc")
		text := "virtual-root=/cgit/\ncache-size=0\nenable-index-links=1\nscan-path=" + root + "\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &cgi.Handler{
			Path: program(t, "/usr/lib/cgit/cgit.cgi", "/var/www/cgi-bin/cgit"), Root: "/cgit",
			Env: append(servedGit(), "CGIT_CONFIG="+config),
		}
	})
	w.shows(dir)
}

// servedGit lets git read repositories of whoever runs the test.
func servedGit() []string {
	return []string{
		"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}
}

// program is the first of these that is there.
func program(t *testing.T, paths ...string) string {
	t.Helper()
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Fatalf("none of %v: make test-deps installs them", paths)
	return ""
}
