package hosts

import (
	"strings"
	"testing"

	"issuetrail/internal/model"
)

var linkHash, _ = model.ParseHash("c0ffee25d5b1d1b0a6c4b3b1b2f4a1e2d3c4b5a6")

// linkTexts are all links of a repository, with values that need escaping.
func linkTexts(l model.Links) []string {
	return []string{
		l.Repo, l.CommitURL(linkHash), l.BranchURL("feature/APP-7 #1"), l.TagURL("v1.2+b"), l.CompareURL("main", "feature/x"),
		l.FileURL(linkHash, "src/a b?.go", 12), l.FileURL(linkHash, "README", 0), l.PullRequestURL(12),
	}
}

func TestLinks(t *testing.T) {
	const hash = "c0ffee25d5b1d1b0a6c4b3b1b2f4a1e2d3c4b5a6"
	for _, c := range []struct {
		host       Host
		base, name string
		repo       string
		rest       []string // of commit, branch, tag, compare, file, file without a line, pull request
	}{
		{github{}, "https://github.com", "acme/app", "https://github.com/acme/app", []string{
			"/commit/" + hash, "/tree/feature/APP-7%20%231", "/releases/tag/v1.2+b", "/compare/main...feature/x",
			"/blob/" + hash + "/src/a%20b%3F.go#L12", "/blob/" + hash + "/README", "/pull/12",
		}},
		{github{}, "https://git.corp.example/", "acme/app", "https://git.corp.example/acme/app", []string{
			"/commit/" + hash, "/tree/feature/APP-7%20%231", "/releases/tag/v1.2+b", "/compare/main...feature/x",
			"/blob/" + hash + "/src/a%20b%3F.go#L12", "/blob/" + hash + "/README", "/pull/12",
		}},
		{gitlab{}, "http://intra:8080/gitlab", "a/b/c", "http://intra:8080/gitlab/a/b/c", []string{
			"/-/commit/" + hash, "/-/tree/feature/APP-7%20%231", "/-/tags/v1.2+b", "/-/compare/main...feature/x",
			"/-/blob/" + hash + "/src/a%20b%3F.go#L12", "/-/blob/" + hash + "/README", "/-/merge_requests/12",
		}},
		{gitea{}, "https://git.example.com", "acme/app", "https://git.example.com/acme/app", []string{
			"/commit/" + hash, "/src/branch/feature/APP-7%20%231", "/src/tag/v1.2+b", "/compare/main...feature/x",
			"/src/commit/" + hash + "/src/a%20b%3F.go#L12", "/src/commit/" + hash + "/README", "/pulls/12",
		}},
	} {
		want := []string{c.repo}
		for _, r := range c.rest {
			want = append(want, c.repo+r)
		}
		got := linkTexts(c.host.Links(c.base, model.Repo{Name: c.name}))
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", c.host.Kind(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestLinksOfOddBases: what is no web address gives no links, and nothing but the
// address itself of one that is.
func TestLinksOfOddBases(t *testing.T) {
	repo := model.Repo{Name: "a/{hash} [b]"}
	if got, want := (gitlab{}).Links("https://u:pw@h?x#y", repo).Commit, "https://h/a/%7Bhash%7D%20%5Bb%5D/-/commit/{hash}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, host := range All() {
		for _, base := range []string{"", "javascript:alert(1)", "github.com", "//github.com", "ftp://h", "https://", ":", "http:/h", "data:text/html,x"} {
			if got := host.Links(base, model.Repo{Name: "acme/app"}); got != (model.Links{}) {
				t.Errorf("%s, %q: %+v", host.Kind(), base, got)
			}
		}
		if got := host.Links("https://h", model.Repo{}); got != (model.Links{}) {
			t.Errorf("%s, without a name: %+v", host.Kind(), got)
		}
	}
}

// TestLinksDoNotClimb: browsers take "%2E%2E" for "..", so there is no link at all.
func TestLinksDoNotClimb(t *testing.T) {
	for _, host := range All() {
		l := host.Links("https://h.example", model.Repo{Name: "acme/app"})
		for _, link := range []string{
			host.Links("https://h.example", model.Repo{Name: "acme/../../x"}).CommitURL(linkHash), l.BranchURL("a/../../x"), l.FileURL(linkHash, "../x", 1),
		} {
			if link != "" {
				t.Errorf("%s: %s", host.Kind(), link)
			}
		}
	}
}

// TestLinksAreNoMarkup: no name that people choose breaks out of a link.
func TestLinksAreNoMarkup(t *testing.T) {
	const evil = `a/"><svg/onload=alert(1)>?#&;'` + "`\n\\ {hash}[x]%41/..b"
	for _, host := range All() {
		l := host.Links("https://h.example", model.Repo{Name: "acme/app"})
		if (l.BranchURL(evil) == "") != (l.Branch == "") || (l.FileURL(linkHash, evil, 1) == "") != (l.File == "") {
			t.Errorf("%s: no link", host.Kind())
		}
		for _, link := range []string{
			host.Links("https://h.example", model.Repo{Name: evil}).CommitURL(linkHash), l.BranchURL(evil), l.TagURL(evil),
			l.CompareURL(evil, evil), l.FileURL(linkHash, evil, 1),
		} {
			if strings.ContainsAny(link, "\"<>`\n\\ {}") || strings.Contains(link, "%41") || strings.Contains(link, "/../") {
				t.Errorf("%s: %s", host.Kind(), link)
			}
			if link != "" && !strings.HasPrefix(link, "https://h.example") && !strings.HasPrefix(link, "https://acme.") {
				t.Errorf("%s: %s", host.Kind(), link)
			}
		}
	}
}
