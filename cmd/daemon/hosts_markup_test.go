package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"issuetrail/internal/testssh"
)

// markup stands in what others write: it would run if a page took it for its own.
const (
	markup       = `"><script>alert(1)</script>&'`
	markupBranch = `feature/APP-7-"><svg/onload=alert(1)>&'#%41`
)

// raw reads a path of the API over HTTP as it comes.
func (w *world) raw(path string) (body, kind, sniff string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.base+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(w.read("data/admin-token")))
	return readAnswer(w.t, req)
}

func readAnswer(t *testing.T, req *http.Request) (body, kind, sniff string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), res.Header.Get("Content-Type"), res.Header.Get("X-Content-Type-Options")
}

// harmless asserts that an answer is JSON, says so, and holds no character that begins markup.
func harmless(t *testing.T, what, body, kind, sniff string) {
	t.Helper()
	if strings.ContainsAny(body, "<>") {
		t.Errorf("%s: %s", what, body)
	}
	if !strings.Contains(kind, "json") || sniff != "nosniff" {
		t.Errorf("%s: sent as %q, %q", what, kind, sniff)
	}
}

// Names of branches and authors, messages, titles and what a delivery says are never markup: the
// JSON escapes it, and so do the links.
func TestNoMarkup(t *testing.T) {
	t.Parallel()
	server := namedSSH(t, testssh.Options{})
	w := newWorldOn(t, server)
	dir := server.InitRepo("acme/app.git")
	testssh.FastImport(t, dir, func(out io.Writer) {
		message := "APP-7 " + markup
		fmt.Fprintf(out, "commit refs/heads/main\nauthor \"&';alert(1)// <a\"&'@example.com> 1700000000 +0000\ncommitter C <c@example.com> 1700000000 +0000\ndata %d\n%s\n\ndone\n", len(message), message)
	})
	testssh.Git(t, dir, "branch", markupBranch, "main")
	w.hostsConfig([]string{hostEntry("github", `web_url: "https://hub.example"`), hostEntry("gitlab")}, []string{repoEntry(namedURL(server, "acme/app"), "github")})
	w.mustStart()
	w.synced("app")
	pull := hubPullBody("acme/app", "open", "APP-7 "+markup, markupBranch, at1)
	if status, answer := w.send("github", pull, "X-GitHub-Event", "pull_request"); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}

	i := w.issue("APP-7")
	if len(i.Commits) != 1 || len(i.Branches) != 1 || len(i.PullRequests) != 1 {
		t.Fatalf("%+v", i)
	}
	if i.Commits[0].Subject != "APP-7 "+markup || i.Branches[0].Name != markupBranch || i.PullRequests[0].Title != "APP-7 "+markup {
		t.Errorf("the texts are not what was written: %+v", i)
	}
	for _, link := range []*string{i.Commits[0].URL, i.Branches[0].URL, i.PullRequests[0].URL} {
		u, err := url.Parse(*link)
		if err != nil || u.Host != "hub.example" || u.Fragment != "" || u.RawQuery != "" || strings.ContainsAny(*link, `"'<> `) {
			t.Errorf("link %s", *link)
		}
	}
	if got, want := *i.Branches[0].URL, "https://hub.example/acme/app/tree/feature/APP-7-%22%3E%3Csvg/onload="; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s…", got, want)
	}
	for _, path := range []string{
		"/api/v1/issues/APP-7", "/api/v1/issues?query=APP-", "/api/v1/deliveries", "/api/v1/repositories",
		"/api/v1/issues/" + url.PathEscape(markup), "/api/v1/repositories/" + url.PathEscape(markup), "/api/v1/" + url.PathEscape(markup),
	} {
		body, kind, sniff := w.raw(path)
		harmless(t, path, body, kind, sniff)
	}
	w.answersAreHarmless(t)
}

// answersAreHarmless sends deliveries whose words come back in the answer.
func (w *world) answersAreHarmless(t *testing.T) {
	t.Helper()
	for what, delivery := range map[string][2]string{
		"an unknown event":     {"<b>" + markup, `{}`},
		"a field of no sense":  {"push", `{"<script>":1,"ref":{"<b>":1}}`},
		"a strange repository": {"push", `{"ref":"refs/heads/<b>","repository":{"full_name":"<script>alert(1)</script>"}}`},
		"no JSON":              {"push", `<script>`},
	} {
		req, err := http.NewRequest(http.MethodPost, w.base+"/webhooks/github", strings.NewReader(delivery[1]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-GitHub-Event", delivery[0])
		signer(secretText).prove("github", req.Header, delivery[1])
		body, kind, sniff := readAnswer(t, req)
		harmless(t, what, body, kind, sniff)
	}
	req, err := http.NewRequest(http.MethodPost, w.base+"/webhooks/"+url.PathEscape(markup), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	body, kind, sniff := readAnswer(t, req)
	harmless(t, "an unknown host", body, kind, sniff)
}

// Addresses that are no web addresses are refused with the config, before a link is made of them.
func TestWebAddressesOfConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	for _, entry := range []string{
		`{name: a, kind: github, web_url: "javascript:alert(1)"}`,
		`{name: a, kind: github, web_url: "ftp://files.example"}`,
		`{name: a, kind: github, web_url: "//hub.example"}`,
		`{name: a, kind: git, links: {commit: "javascript:{hash}"}}`,
		`{name: a, kind: git, links: {branch: "data:text/html,{branch}"}}`,
	} {
		w.hostsConfig([]string{entry}, nil)
		if out, errs, code := w.run("check"); code != 78 || !strings.Contains(out+errs, "hosts[0]") {
			t.Errorf("%s: exit %d: %s%s", entry, code, out, errs)
		}
	}
}
