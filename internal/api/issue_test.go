package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// link records one commit on main, a branch and a tag for APP-7, and gives the hash.
func (s *stage) link(repoURL string) model.Hash {
	s.t.Helper()
	s.addRepo(`{"url":"` + repoURL + `"}`)
	job := s.claim()
	h := model.Hash{0xaa, byte(job.RepoID)}
	raw := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor Ann <ann@example.com> 1700000000 +0100\n" +
		"committer Ann <ann@example.com> 1700000100 +0100\n\nAPP-7 fix the <door>\n\nwith care\n"
	commit := model.BatchCommit{RawCommit: model.RawCommit{Hash: h, Raw: []byte(raw)}, CommittedAt: 1700000100, Keys: []model.IssueKey{"APP-7", "OPS-1"}}
	if err := s.store.Add(s.t.Context(), job, []model.BatchCommit{commit}); err != nil {
		s.t.Fatal(err)
	}
	err := s.store.Record(s.t.Context(), job, model.SyncResult{
		Updates: []model.RefUpdate{
			{Name: "refs/heads/feature/APP-7-login", New: h}, {Name: "refs/heads/main", New: h}, {Name: "refs/tags/v1.2", New: h},
		},
		Branches: []model.BranchLink{{Key: "APP-7", RepoID: job.RepoID, Name: "feature/APP-7-login", Tip: h}},
		Default:  "refs/heads/main", Digest: [32]byte{1}, Rules: "r",
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func TestIssue(t *testing.T) {
	s := newStage(t)
	h := s.link("git@github.com:acme/app.git")
	for _, key := range []string{"APP-7", "app-7", "App%2D7"} {
		i := as[wire.Issue](s.call(s.request("GET", Prefix+"/issues/"+key, "", s.viewer)).ok(http.StatusOK))
		if i.Key != "APP-7" || *i.JiraURL != "https://acme.atlassian.net/browse/APP-7" || len(i.Commits) != 1 || len(i.Branches) != 1 || len(i.Tags) != 1 {
			t.Fatalf("%+v", i)
		}
		c := i.Commits[0]
		if c.Hash != h.String() || c.Subject != "APP-7 fix the <door>" || c.Message != "APP-7 fix the <door>\n\nwith care" || c.Merge ||
			c.Author != (wire.Person{Name: "Ann", Email: "ann@example.com"}) || c.Repository != "acme/app" || c.Host != "github" ||
			*c.URL != "https://github.com/acme/app/commit/"+h.String() || !c.Reachable || c.BranchCount != 2 || c.Branches[0] != "main" ||
			c.Files != nil || c.FileCount != nil {
			t.Errorf("%+v", c)
		}
		if c.AuthoredAt.Unix() != 1700000000 || c.CommittedAt.Unix() != 1700000100 {
			t.Error(c.AuthoredAt, c.CommittedAt)
		}
		b := i.Branches[0]
		if b.Name != "feature/APP-7-login" || b.Tip != h.String() || *b.URL != "https://github.com/acme/app/tree/feature/APP-7-login" || b.Default {
			t.Errorf("%+v", b)
		}
		if tag := i.Tags[0]; tag.Name != "v1.2" || tag.Commits != 1 || tag.Repository != "acme/app" || *tag.URL != "https://github.com/acme/app/releases/tag/v1.2" {
			t.Errorf("%+v", tag)
		}
	}
	// A site's address only for its keys; a host without pages gives null.
	if i := as[wire.Issue](s.do("GET", Prefix+"/issues/OPS-1", "").ok(http.StatusOK)); i.JiraURL != nil || len(i.Commits) != 1 {
		t.Errorf("%+v", i)
	}
}

func TestIssuePullRequests(t *testing.T) {
	s := newStage(t)
	s.addRepo(`{"url":"git@github.com:acme/app.git"}`)
	s.addRepo(`{"url":"git@git.example.com:acme/bare.git"}`)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	tell := func(host, url string, p model.PullRequest) {
		s.deliver(model.Delivery{Host: host, Push: model.Push{Event: "pull_request", RepoName: "acme/app", URLs: []string{url}, PullRequest: &p}})
	}
	tell("github", "git@github.com:acme/app.git", model.PullRequest{Number: 12, Title: `APP-7 <b>"x"`, Status: "open", Source: "f/x", Target: "main", UpdatedAt: at})
	tell("github", "git@github.com:acme/app.git", model.PullRequest{Number: 13, Title: "of nothing", Status: "open", UpdatedAt: at})
	tell("git", "git@git.example.com:acme/bare.git", model.PullRequest{Number: 4, Title: "APP-7", Status: "merged", UpdatedAt: at.Add(time.Minute)})
	i := as[wire.Issue](s.call(s.request("GET", Prefix+"/issues/APP-7", "", s.viewer)).ok(http.StatusOK))
	if len(i.PullRequests) != 2 {
		t.Fatalf("%+v", i.PullRequests)
	}
	bare, p := i.PullRequests[0], i.PullRequests[1]
	if p.Number != 12 || p.Title != `APP-7 <b>"x"` || p.Status != "open" || p.Source != "f/x" || p.Target != "main" || !p.UpdatedAt.Equal(at) ||
		p.Repository != "acme/app" || p.RepositoryID == "" || p.Host != "github" || *p.URL != "https://github.com/acme/app/pull/12" {
		t.Errorf("%+v", p)
	}
	l := as[wire.List[wire.IssueSummary]](s.do("GET", Prefix+"/issues", "").ok(http.StatusOK)).Items
	if len(l) != 1 || l[0].PullRequests != 2 || l[0].Commits != 0 || l[0].ActivityAt.IsZero() {
		t.Errorf("%+v", l)
	}
	if bare.Number != 4 || bare.Status != "merged" || bare.URL != nil || bare.Host != "git" {
		t.Errorf("%+v", bare)
	}
}

func TestIssueWithoutLinks(t *testing.T) {
	s := newStage(t)
	a := s.do("GET", Prefix+"/issues/APP-404", "").ok(http.StatusOK)
	want := `{"key":"APP-404","jira_url":"https://acme.atlassian.net/browse/APP-404","commits":[],"branches":[],"tags":[],"pull_requests":[],"next":""}`
	if strings.TrimSpace(string(a.Body)) != want {
		t.Errorf("%s", a.Body)
	}
	for _, key := range []string{"APP", "APP-", "-7", "APP-0", "APP-07", "APP-2147483648", "7-APP", "APP-7x", "ÄPP-7", "appı-7", strings.Repeat("A", 300) + "-1", "APP-7-8"} {
		s.do("GET", Prefix+"/issues/"+key, "").problem(http.StatusBadRequest, "issue_key_invalid")
	}
}

func TestIssuePages(t *testing.T) {
	s := newStage(t)
	for n := range 3 {
		s.link(fmt.Sprintf("git@github.com:acme/r%d.git", n))
	}
	seen := map[string]bool{}
	for cursor, more := "", true; more; more = cursor != "" {
		i := as[wire.Issue](s.do("GET", Prefix+"/issues/APP-7?limit=2&cursor="+cursor, "").ok(http.StatusOK))
		for _, c := range i.Commits {
			if seen[c.Hash] {
				t.Errorf("%s came twice", c.Hash)
			}
			seen[c.Hash] = true
		}
		cursor = i.Next
	}
	if len(seen) != 3 {
		t.Error(seen)
	}
}

func TestListIssues(t *testing.T) {
	s := newStage(t)
	s.link("git@github.com:acme/app.git")
	for query, want := range map[string]int{"": 2, "APP-": 1, "app-7": 1, "OPS": 1, "ZZZ": 0, "%25": 0, "A P": 0, "_PP": 0} {
		l := as[wire.List[wire.IssueSummary]](s.do("GET", Prefix+"/issues?query="+strings.ReplaceAll(query, " ", "+"), "").ok(http.StatusOK))
		if len(l.Items) != want {
			t.Errorf("%q: %+v", query, l.Items)
		}
	}
	l := as[wire.List[wire.IssueSummary]](s.do("GET", Prefix+"/issues?query=APP-", ""))
	if i := l.Items[0]; i.Key != "APP-7" || i.Commits != 1 || i.Branches != 1 || i.ActivityAt.Unix() < 1700000100 || i.JiraURL == nil {
		t.Errorf("%+v", i)
	}
}

func TestLinkedOfARepository(t *testing.T) {
	s := newStage(t)
	h := s.link("git@github.com:acme/app.git")
	path := Prefix + "/repositories/" + as[wire.List[wire.Repository]](s.do("GET", Prefix+"/repositories", "")).Items[0].ID
	b := as[wire.List[wire.LinkedBranch]](s.do("GET", path+"/branches", "").ok(http.StatusOK))
	if len(b.Items) != 1 || b.Items[0].Name != "feature/APP-7-login" || b.Items[0].Key != "APP-7" || b.Items[0].Tip != h.String() {
		t.Errorf("%+v", b)
	}
	c := as[wire.List[wire.LinkedCommit]](s.do("GET", path+"/commits", "").ok(http.StatusOK))
	if len(c.Items) != 2 || c.Items[0].Hash != h.String() || c.Items[0].Subject != "APP-7 fix the <door>" || c.Items[0].URL == nil {
		t.Errorf("%+v", c)
	}
	r := as[wire.Repository](s.do("GET", path, ""))
	if r.State != "idle" || r.DefaultBranch != "main" || r.Refs != 3 || r.Commits != 1 || r.LinkedBranches != 1 || r.LastSyncedAt.IsZero() {
		t.Errorf("%+v", r)
	}
}

func BenchmarkIssue(b *testing.B) {
	s := newStage(b)
	s.link("git@github.com:acme/app.git")
	b.ReportAllocs()
	for b.Loop() {
		s.raw(s.request("GET", Prefix+"/issues/APP-7", "", s.viewer))
	}
}
