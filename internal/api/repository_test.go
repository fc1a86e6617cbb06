package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func (s *stage) addRepo(body string) wire.Repository {
	s.t.Helper()
	return as[wire.Repository](s.do("POST", Prefix+"/repositories", body).ok(http.StatusCreated))
}

func TestAddRepository(t *testing.T) {
	var changed []model.Repo
	s := newStage(t, func(o *Options) { o.Changed = func(r model.Repo) { changed = append(changed, r) } })
	a := s.do("POST", Prefix+"/repositories", `{"url":"git@github.com:acme/app.git","schedule":"*/5 * * * *","mirror":"commits","projects":["app"]}`).ok(http.StatusCreated)
	r := as[wire.Repository](a)
	if r.Name != "acme/app" || r.Host != "github" || r.Source != "api" || r.State != "queued" || r.Schedule != "*/5 * * * *" ||
		r.Mirror != "commits" || len(r.Projects) != 1 || r.Projects[0] != "APP" || *r.WebURL != "https://github.com/acme/app" {
		t.Errorf("%+v", r)
	}
	if a.Header.Get("Location") != Prefix+"/repositories/"+r.ID {
		t.Error(a.Header)
	}
	if len(changed) != 1 || changed[0].Name != "acme/app" {
		t.Error(changed)
	}
	for _, field := range []string{`"mirror_path":null`, `"mirror_bytes":0`, `"last_error":null`, `"progress":null`, `"last_synced_at":null`} {
		if !strings.Contains(string(a.Body), field) {
			t.Errorf("no %s in %s", field, a.Body)
		}
	}
	// The defaults of the config are shown as what is in force.
	if r := s.addRepo(`{"url":"ssh://git@other.example.com/a/b.git"}`); r.Mirror != "full" || r.Schedule != "@every 15m" || r.Host != "git" || r.WebURL != nil {
		t.Errorf("%+v", r)
	}
	p := s.do("POST", Prefix+"/repositories", `{"url":"ssh://git@github.com/acme/app"}`).problem(http.StatusConflict, "repository_exists")
	if p.ID != r.ID || p.Hint != "issuetrail repo sync ssh://git@github.com/acme/app" {
		t.Errorf("names %q, not %q; hint %q", p.ID, r.ID, p.Hint)
	}
}

func TestBadRepositories(t *testing.T) {
	s := newStage(t)
	for body, code := range map[string]string{
		`{"url":""}`:                                      "url_invalid",
		`{"url":"http://github.com/acme/app"}`:            "url_invalid",
		`{"url":"https://u:pw@github.com/acme/app"}`:      "url_invalid",
		`{"url":"https://127.0.0.1/acme/app"}`:            "url_forbidden",
		`{"url":"-oProxyCommand=x@h:a"}`:                  "url_invalid",
		`{"url":"git@github.com:a/b\nc"}`:                 "url_invalid",
		`{"url":"ssh://git:pw@github.com/a"}`:             "url_invalid",
		`{"url":"git@127.0.0.1:a"}`:                       "url_forbidden",
		`{"url":"ssh://git@169.254.169.254/a"}`:           "url_forbidden",
		`{"url":"git@github.com:a","host":"nowhere"}`:     "host_unknown",
		`{"url":"git@github.com:a","schedule":"monday"}`:  "schedule_invalid",
		`{"url":"git@github.com:a","mirror":"half"}`:      "mirror_invalid",
		`{"url":"git@github.com:a","projects":["A","ö"]}`: "projects_invalid",
	} {
		p := s.do("POST", Prefix+"/repositories", body).problem(http.StatusUnprocessableEntity, code)
		if p.Detail == "" || strings.Contains(p.Detail, "pw") {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if l := as[wire.List[wire.Repository]](s.do("GET", Prefix+"/repositories", "")); len(l.Items) != 0 || l.Items == nil {
		t.Error(l)
	}
}

func TestChangeRepository(t *testing.T) {
	s := newStage(t)
	path := Prefix + "/repositories/" + s.addRepo(`{"url":"git@github.com:acme/app.git"}`).ID
	r := as[wire.Repository](s.do("PATCH", path, `{"schedule":"*/7 * * * *","mirror":"commits","projects":["OPS","APP"],"suspended":true}`).ok(http.StatusOK))
	if r.Schedule != "*/7 * * * *" || r.Mirror != "commits" || len(r.Projects) != 2 || r.State != "suspended" || !r.Suspended {
		t.Errorf("%+v", r)
	}
	s.do("POST", path+"/sync", "").problem(http.StatusConflict, "repository_suspended")
	r = as[wire.Repository](s.do("PATCH", path, `{"suspended":false,"schedule":"","projects":[]}`).ok(http.StatusOK))
	if r.Suspended || r.Schedule != "@every 15m" || len(r.Projects) != 0 || r.Mirror != "commits" {
		t.Errorf("%+v", r)
	}
	s.do("PATCH", path, `{"schedule":"monday"}`).problem(http.StatusUnprocessableEntity, "schedule_invalid")
	s.do("PATCH", path, `{"mirror":"half"}`).problem(http.StatusUnprocessableEntity, "mirror_invalid")
	s.do("PATCH", path, `{"projects":["-"]}`).problem(http.StatusUnprocessableEntity, "projects_invalid")
	s.do("PATCH", path, `{"url":"x"}`).problem(http.StatusBadRequest, "field_unknown")

	s.do("DELETE", path, "").ok(http.StatusNoContent)
	for _, call := range []string{"GET", "PATCH", "DELETE"} {
		body := ""
		if call == "PATCH" {
			body = "{}"
		}
		s.do(call, path, body).problem(http.StatusNotFound, "not_found")
	}
	s.do("POST", path+"/sync", "").problem(http.StatusNotFound, "not_found")
}

// TestConfigOwnsItsRepositories: what the file declares is changed in the file.
func TestConfigOwnsItsRepositories(t *testing.T) {
	s := newStage(t)
	spec := model.RepoSpec{URL: "git@github.com:acme/app.git", Host: "github", Source: model.SourceConfig}
	if err := s.store.DeclareRepos(t.Context(), []model.RepoSpec{spec}); err != nil {
		t.Fatal(err)
	}
	r := as[wire.List[wire.Repository]](s.do("GET", Prefix+"/repositories", "").ok(http.StatusOK)).Items[0]
	path := Prefix + "/repositories/" + r.ID
	if r.Source != "config" {
		t.Error(r.Source)
	}
	s.do("PATCH", path, `{"schedule":"*/9 * * * *"}`).problem(http.StatusConflict, "managed_by_config")
	s.do("DELETE", path, "").problem(http.StatusConflict, "managed_by_config")
	s.do("POST", path+"/sync", "").ok(http.StatusAccepted)

	if err := s.store.DeclareRepos(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if r := as[wire.Repository](s.do("GET", path, "")); r.State != "suspended" {
		t.Errorf("%+v", r)
	}
	s.do("PATCH", path, `{"suspended":false}`).ok(http.StatusOK)
	s.do("DELETE", path, "").problem(http.StatusConflict, "managed_by_config")
	if err := s.store.DeclareRepos(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.do("DELETE", path, "").ok(http.StatusNoContent)
}

func TestListRepositories(t *testing.T) {
	s := newStage(t)
	for _, name := range []string{"b", "c", "a"} {
		s.addRepo(`{"url":"git@github.com:acme/` + name + `.git"}`)
	}
	var names []string
	for cursor, more := "", true; more; more = cursor != "" {
		l := as[wire.List[wire.Repository]](s.do("GET", Prefix+"/repositories?limit=2&cursor="+cursor, "").ok(http.StatusOK))
		for _, r := range l.Items {
			names = append(names, r.Name)
		}
		cursor = l.Next
	}
	if got := strings.Join(names, " "); got != "acme/a acme/b acme/c" {
		t.Error(got)
	}
	for _, what := range []string{"acme/b", "git@github.com:acme/b", "ssh://git@github.com/acme/b.git"} {
		l := as[wire.List[wire.Repository]](s.do("GET", Prefix+"/repositories?url="+what, "").ok(http.StatusOK))
		if len(l.Items) != 1 || l.Items[0].Name != "acme/b" {
			t.Errorf("%s: %+v", what, l)
		}
	}
	if l := as[wire.List[wire.Repository]](s.do("GET", Prefix+"/repositories?url=nowhere", "").ok(http.StatusOK)); len(l.Items) != 0 {
		t.Error(l)
	}
}

// TestRepositoryStates shows a failure, a running sync and its progress.
func TestRepositoryStates(t *testing.T) {
	s := newStage(t)
	path := Prefix + "/repositories/" + s.addRepo(`{"url":"git@github.com:acme/app.git"}`).ID
	job := s.claim()
	if err := s.store.Renew(t.Context(), job, time.Minute, &model.Progress{Stage: "history", Objects: 3, Total: 10, Bytes: 99, Commits: 2}); err != nil {
		t.Fatal(err)
	}
	r := as[wire.Repository](s.do("GET", path, ""))
	if p := r.Progress; r.State != "syncing" || p == nil || *p != (wire.Progress{Stage: "history", Objects: 3, Total: 10, Bytes: 99, Commits: 2}) {
		t.Errorf("%+v %+v", r, r.Progress)
	}
	f := &model.Failure{Code: model.CodeAuthFailed, Detail: "the server refused the key", Hint: "add it there"}
	if err := s.store.Fail(t.Context(), job, f, time.Time{}); err != nil {
		t.Fatal(err)
	}
	r = as[wire.Repository](s.do("GET", path, ""))
	if e := r.LastError; r.State != "attention" || e == nil || e.Code != f.Code || e.Hint != f.Hint || e.At.IsZero() || r.Progress != nil {
		t.Errorf("%+v %+v", r, r.LastError)
	}
	if len(r.NextRuns) != shownRuns {
		t.Errorf("%+v", r.NextRuns)
	}
}

// claim takes the one job that is due.
func (s *stage) claim() model.Job {
	s.t.Helper()
	c, err := s.store.Claim(s.t.Context(), model.ClaimOptions{Node: "test", Lease: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Job
}

func TestSyncAndRelink(t *testing.T) {
	s := newStage(t)
	id := s.addRepo(`{"url":"git@github.com:acme/app.git"}`).ID
	if q := as[wire.Queued](s.do("POST", Prefix+"/repositories/"+id+"/sync", "").ok(http.StatusAccepted)); len(q.Repositories) != 1 || q.Repositories[0] != id {
		t.Error(q)
	}
	job := s.claim()
	if !job.Fetch || job.Priority != model.PriorityManual {
		t.Errorf("%+v", job)
	}
	if err := s.store.Finish(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	s.do("POST", Prefix+"/repositories/sync", "").ok(http.StatusAccepted)
	if err := s.store.Finish(t.Context(), s.claim()); err != nil {
		t.Fatal(err)
	}
	s.do("POST", Prefix+"/relink", "").ok(http.StatusAccepted)
	if job := s.claim(); job.Fetch || job.Priority != model.PriorityManual {
		t.Errorf("%+v", job)
	}
}

func TestRelinkDryRun(t *testing.T) {
	s := newStage(t)
	s.addRepo(`{"url":"git@github.com:acme/app.git"}`)
	s.addRepo(`{"url":"git@github.com:acme/same.git"}`)
	s.outside.changes["acme/app"] = []model.LinkChange{
		{Key: "APP-1", Commit: model.Hash{1}, Added: true}, {Key: "APP-2", Branch: "app-2"}, {Key: "APP-3", PullRequest: 12},
	}
	r := as[wire.Relink](s.do("POST", Prefix+"/relink?dry_run=true", "").ok(http.StatusOK))
	if !r.DryRun || r.Added != 1 || r.Removed != 2 || len(r.Repositories) != 1 || len(r.Repositories[0].Changes) != 3 || r.Truncated {
		t.Errorf("%+v", r)
	}
	if c := r.Repositories[0].Changes[2]; c != (wire.RelinkChange{Key: "APP-3", Change: "removed", PullRequest: 12}) {
		t.Errorf("%+v", c)
	}
	for range 2 * shownChanges {
		s.outside.changes["acme/same"] = append(s.outside.changes["acme/same"], model.LinkChange{Key: "APP-1", Commit: model.Hash{2}, Added: true})
	}
	r = as[wire.Relink](s.do("POST", Prefix+"/relink?dry_run=true", "").ok(http.StatusOK))
	if r.Added != 1+2*shownChanges || len(r.Repositories[1].Changes) != shownChanges-3 || !r.Truncated {
		t.Error(r.Added, len(r.Repositories[1].Changes), r.Truncated)
	}
}
