package main

import (
	"strings"
	"testing"

	"issuetrail/internal/config"
	"issuetrail/internal/model"
)

func repoOf(url, host, name string) model.Repo {
	return model.Repo{ID: 1, Name: name, RepoSpec: model.RepoSpec{URL: url, Host: host}}
}

var someHash = model.Hash{0xab, 0xcd}

// The templates of the config win, each for itself, and are filled but for what differs from
// page to page.
func TestOwnLinks(t *testing.T) {
	d := directoryOf(t,
		config.Host{Name: "lite", Kind: "gitolite", SSHHost: "git.example.com", WebURL: "https://git.example.com/gitweb", Links: config.Links{
			Repo: "{web}/?p={repo}.git", Commit: "{web}/?p={repo}.git;a=commit;h={hash}", Branch: "{web}/?p={repo}.git;a=shortlog;h=refs/heads/{branch}",
			File: "{web}/?p={repo}.git;a=blob;hb={hash};f={path}[#l{line}]", Compare: "{web}/?p={repo}.git;a=commitdiff;h={to};hp={from}",
			Tag: "{web}/tag/{project}/{name}/{tag:all}", PullRequest: "https://review.example.com/{project:all}/{number}",
		}},
		config.Host{Name: "hub", Kind: "github", Links: config.Links{Commit: "https://mirror.example.com/{repo}/c/{hash}", Branch: "{web}/x/{branch}"}},
		config.Host{Name: "bare", Kind: "git", SSHHost: "bare.example.com"},
	)
	l := d.links(repoOf("ssh://git@git.example.com/team/sub/big%20app.git", "lite", "team/sub/big app"))
	const web = "https://git.example.com/gitweb/"
	h := someHash.String()
	for got, want := range map[string]string{
		l.Repo:                           web + "?p=team%2Fsub%2Fbig%20app.git",
		l.CommitURL(someHash):            web + "?p=team%2Fsub%2Fbig%20app.git;a=commit;h=" + h,
		l.BranchURL("feature/<APP-7>&x"): web + "?p=team%2Fsub%2Fbig%20app.git;a=shortlog;h=refs/heads/feature%2F%3CAPP-7%3E%26x",
		l.FileURL(someHash, "a/b#c", 7):  web + "?p=team%2Fsub%2Fbig%20app.git;a=blob;hb=" + h + ";f=a%2Fb%23c#l7",
		l.FileURL(someHash, "a", 0):      web + "?p=team%2Fsub%2Fbig%20app.git;a=blob;hb=" + h + ";f=a",
		l.CompareURL("v1", "feature/x"):  web + "?p=team%2Fsub%2Fbig%20app.git;a=commitdiff;h=feature%2Fx;hp=v1",
		l.TagURL("v1/rc"):                web + "tag/team/sub/big%20app/v1%2Frc",
		l.PullRequestURL(12):             "https://review.example.com/team%2Fsub/12",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	// Of a product some templates are changed, the others are its own.
	l = d.links(repoOf("git@github.com:acme/app.git", "hub", "acme/app"))
	if l.CommitURL(someHash) != "https://mirror.example.com/acme/app/c/"+h || l.BranchURL("m") != "https://github.com/x/m" ||
		l.PullRequestURL(3) != "https://github.com/acme/app/pull/3" {
		t.Errorf("%+v", l)
	}
	// {web} without a web address: no link, and never a relative one.
	l = d.links(repoOf("git@ghe.example.com:acme/app.git", "hub", "acme/app"))
	if l.BranchURL("m") != "" || l.PullRequestURL(3) != "" || l.CommitURL(someHash) == "" {
		t.Errorf("%+v", l)
	}
	if l := d.links(repoOf("git@bare.example.com:app.git", "bare", "app")); l != (model.Links{}) {
		t.Errorf("a server without pages: %+v", l)
	}
}

// Names can neither become markup nor leave their place in the address.
func TestLinksOfHostileNames(t *testing.T) {
	d := directoryOf(t, config.Host{Name: "g", Kind: "git", WebURL: "https://x", Links: config.Links{
		Repo: "{web}/{repo}", Branch: "{web}/{project}/{name}/{branch}?q={branch}#{branch}",
	}})
	for _, name := range []string{`a"><script>`, "{hash}/[x]", "a?b#c", "a b\\c", "//evil.example.com", "ü/\xff"} {
		l := d.links(repoOf("git@x:a.git", "g", name))
		for _, got := range []string{l.Repo, l.BranchURL(name)} {
			if !strings.HasPrefix(got, "https://x/") || strings.ContainsAny(got, "\"<>{} []\\`") || strings.Contains(got, "/../") ||
				strings.Count(got, "?") > 1 || strings.Count(got, "#") > 1 {
				t.Errorf("%q: %s", name, got)
			}
		}
	}
	if l := d.links(repoOf("git@x:a.git", "g", "../../etc")); l.Repo != "" || l.BranchURL("main") != "" {
		t.Errorf("a name that climbs: %+v", l)
	}
}

// A repository of a kind, or of an entry that is gone, has the pages of what its address belongs to.
func TestLinksWithoutEntry(t *testing.T) {
	d := directoryOf(t, config.Host{Name: "hub", Kind: "github", Links: config.Links{Commit: "{web}/{repo}/own/{hash}"}})
	for _, host := range []string{"hub", "github", "gone"} {
		if got := d.links(repoOf("git@github.com:acme/app.git", host, "acme/app")).Commit; got != "https://github.com/acme/app/own/{hash}" {
			t.Errorf("%s: %s", host, got)
		}
	}
	if got := d.links(repoOf("git@gitlab.com:acme/app.git", "gitlab", "acme/app")).BranchURL("m"); got != "https://gitlab.com/acme/app/-/tree/m" {
		t.Error(got)
	}
	if got := d.links(repoOf("git@git.example.com:acme/app.git", "gitlab", "acme/app")); got != (model.Links{}) {
		t.Errorf("a server of one's own has the vendor's pages: %+v", got)
	}
}

// A page of 1,000 commits of one repository: what the links cost.
func BenchmarkLinks(b *testing.B) {
	d := directoryOf(b, config.Host{Name: "hub", Kind: "github", Links: config.Links{Commit: "{web}/{repo}/own/{hash}"}})
	r := repoOf("git@github.com:acme/app.git", "hub", "acme/app")
	b.Run("repository", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.links(r)
		}
	})
	b.Run("1000 commits", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l := d.links(r)
			for range 1000 {
				l.CommitURL(someHash)
			}
		}
	})
}
