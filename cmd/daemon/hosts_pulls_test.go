package main

import (
	"fmt"
	"strings"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/testssh"
)

// A pullForm is how a kind of host tells of a pull request.
type pullForm struct {
	kind    string
	path    string // of the repository in its clone URL
	web     string // links.PullRequest of number 12
	tell    func(w *world, state, title, source, at string) (int, map[string]any)
	updated bool // whether its deliveries say when the request changed
}

// at are times of one request in their order.
const (
	at1 = "2026-03-02T09:00:00Z"
	at2 = "2026-03-02T10:00:00Z"
	at0 = "2026-03-01T08:00:00Z"
)

// pullForms are the vendors' bodies with all that is read of them; state is open, merged or declined.
var pullForms = []pullForm{
	{"github", "acme/github", "https://github.example/acme/github/pull/12", func(w *world, state, title, source, at string) (int, map[string]any) {
		return w.send("github", hubPullBody("acme/github", state, title, source, at), "X-GitHub-Event", "pull_request")
	}, true},
	{"gitea", "acme/gitea", "https://gitea.example/acme/gitea/pulls/12", func(w *world, state, title, source, at string) (int, map[string]any) {
		return w.send("gitea", hubPullBody("acme/gitea", state, title, source, at), "X-Gitea-Event", "pull_request", "X-GitHub-Event", "pull_request")
	}, true},
	{"gitlab", "acme/gitlab", "https://gitlab.example/acme/gitlab/-/merge_requests/12", func(w *world, state, title, source, at string) (int, map[string]any) {
		word := map[string]string{"open": "opened", "merged": "merged", "declined": "closed"}[state]
		body := fmt.Sprintf(`{"object_kind":"merge_request","project":{"id":31,"path_with_namespace":"acme/gitlab"},`+
			`"object_attributes":{"iid":12,"title":%q,"state":%q,"source_branch":%q,"target_branch":"main","updated_at":%q}}`, title, word, source, at)
		return w.send("gitlab", body, "X-Gitlab-Event", "Merge Request Hook")
	}, true},
	{"bitbucket", "acme/bitbucket", "https://bitbucket.example/acme/bitbucket/pull-requests/12", func(w *world, state, title, source, at string) (int, map[string]any) {
		word, event := map[string]string{"open": "OPEN", "merged": "MERGED", "declined": "DECLINED"}[state], "pullrequest:updated"
		event = map[string]string{"merged": "pullrequest:fulfilled", "declined": "pullrequest:rejected"}[state]
		if event == "" {
			event = "pullrequest:updated"
		}
		body := fmt.Sprintf(`{"repository":{"uuid":"{41}","full_name":"acme/bitbucket"},"pullrequest":{"id":12,"title":%q,"state":%q,"updated_on":%q,`+
			`"source":{"branch":{"name":%q}},"destination":{"branch":{"name":"main"},"repository":{"uuid":"{41}","full_name":"acme/bitbucket"}}}}`, title, word, at, source)
		return w.send("bitbucket", body, "X-Event-Key", event, "X-Hook-UUID", "h", "X-Request-UUID", "r-"+state+at)
	}, true},
	{"bitbucket-server", "acme/bitbucket-server", "https://bitbucket-server.example/projects/ACME/repos/bitbucket-server/pull-requests/12", func(w *world, state, title, source, at string) (int, map[string]any) {
		word := map[string]string{"open": "OPEN", "merged": "MERGED", "declined": "DECLINED"}[state]
		event := map[string]string{"open": "pr:modified", "merged": "pr:merged", "declined": "pr:declined"}[state]
		repository := `{"id":51,"slug":"bitbucket-server","project":{"key":"ACME"}}`
		body := fmt.Sprintf(`{"eventKey":%q,"date":"x","pullRequest":{"id":12,"title":%q,"state":%q,"updatedDate":%d,`+
			`"fromRef":{"id":"refs/heads/%s","displayId":%q,"repository":%s},"toRef":{"id":"refs/heads/main","displayId":"main","repository":%s}}}`,
			event, title, word, unixMillis(w.t, at), source, source, repository, repository)
		return w.send("bitbucket-server", body, "X-Event-Key", event, "X-Request-Id", "q-"+state+at)
	}, true},
	{"azure-devops", "acme/shop/_git/azure", "https://azure.example/acme/shop/_git/azure/pullrequest/12", func(w *world, state, title, source, _ string) (int, map[string]any) {
		word := map[string]string{"open": "active", "merged": "completed", "declined": "abandoned"}[state]
		body := fmt.Sprintf(`{"subscriptionId":"00000000-0000-0000-0000-000000000007","notificationId":%d,"eventType":"git.pullrequest.updated","resource":{"pullRequestId":12,"title":%q,"status":%q,`+
			`"sourceRefName":"refs/heads/%s","targetRefName":"refs/heads/main","repository":{"id":"61","name":"azure","project":{"id":"62","name":"shop"},`+
			`"remoteUrl":"https://azure.example/acme/shop/_git/azure"}}}`, len(state), title, word, source)
		return w.send("azure-devops", body)
	}, false},
	{"gerrit", "acme/gerrit", "https://gerrit.example/c/acme/gerrit/+/12", func(w *world, state, title, source, at string) (int, map[string]any) {
		word := map[string]string{"open": "NEW", "merged": "MERGED", "declined": "ABANDONED"}[state]
		event := map[string]string{"open": "patchset-created", "merged": "change-merged", "declined": "change-abandoned"}[state]
		body := fmt.Sprintf(`{"type":%q,"change":{"project":"acme/gerrit","branch":"main","topic":%q,"number":12,"subject":%q,"status":%q},`+
			`"project":"acme/gerrit","refName":"refs/heads/main","eventCreatedOn":%d}`, event, source, title, word, unixMillis(w.t, at)/1000)
		return w.send("gerrit", body)
	}, true},
}

// hubPullBody is a pull request in GitHub's shape.
func hubPullBody(name, state, title, source, at string) string {
	word, merged := "open", "false"
	if state != "open" {
		word = "closed"
	}
	if state == "merged" {
		merged = "true"
	}
	return fmt.Sprintf(`{"action":"edited","number":12,"repository":{"id":21,"full_name":%q},"pull_request":{"number":12,"title":%q,"state":%q,`+
		`"merged":%s,"updated_at":%q,"head":{"ref":%q},"base":{"ref":"main"}}}`, name, title, word, merged, at, source)
}

// pullsWorld follows one repository of each kind that tells of pull requests.
func pullsWorld(t *testing.T) *world {
	t.Helper()
	w := newWorldOn(t, namedSSH(t, testssh.Options{}))
	var entries, repos []string
	for _, f := range pullForms {
		testssh.AddCommits(t, w.ssh.InitRepo(f.path+".git"), "main", 1, nil)
		entries = append(entries, hostEntry(f.kind, `web_url: "https://`+strings.TrimSuffix(f.kind, "-devops")+`.example"`))
		repos = append(repos, repoEntry(strings.TrimSuffix(namedURL(w.ssh, f.path), ".git"), f.kind))
	}
	w.hostsConfig(entries, repos)
	return w
}

// pull gives the one pull request of a repository under an issue, or nil.
func (w *world) pull(key, host string) *wire.PullRequest {
	w.t.Helper()
	var found *wire.PullRequest
	for _, p := range w.issue(key).PullRequests {
		if p.Host == host {
			if found != nil {
				w.t.Errorf("%s: two pull requests of %s", key, host)
			}
			found = &p
		}
	}
	return found
}

// A pull request appears under the issues that its title and its source branch name, with its
// status as it goes on; what came late changes nothing.
func TestPullRequests(t *testing.T) {
	t.Parallel()
	w := pullsWorld(t)
	w.mustStart()
	for _, f := range pullForms {
		t.Run(f.kind, func(t *testing.T) {
			tell := func(state, title, source, at string) {
				t.Helper()
				status, answer := f.tell(w, state, title, source, at)
				if reason, _ := answer["reason"].(string); status != 200 || answer["status"] != "ignored" || !strings.Contains(reason, "12") {
					t.Fatalf("%s: %d %v", state, status, answer)
				}
			}
			tell("open", "APP-21 <b>one</b>", "feature/OPS-22-x", at1)
			p := w.pull("APP-21", f.kind)
			if p == nil || w.pull("OPS-22", f.kind) == nil {
				t.Fatalf("not linked: by title %v, by branch %v", p, w.pull("OPS-22", f.kind))
			}
			if p.Number != 12 || p.Title != "APP-21 <b>one</b>" || p.Status != "open" || p.Source != "feature/OPS-22-x" || p.Target != "main" || p.URL == nil || *p.URL != f.web {
				t.Errorf("%+v, %v", *p, p.URL)
			}
			tell("merged", "APP-23 one", "feature/OPS-22-x", at2)
			if p = w.pull("APP-23", f.kind); p == nil || p.Status != "merged" || w.pull("APP-21", f.kind) != nil {
				t.Errorf("after the merge: %+v; under its old title: %+v", p, w.pull("APP-21", f.kind))
			}
			if f.updated {
				tell("open", "APP-24 late", "feature/OPS-22-x", at0)
				if p = w.pull("APP-23", f.kind); p == nil || p.Status != "merged" || w.pull("APP-24", f.kind) != nil {
					t.Errorf("after a late delivery: %+v", p)
				}
			}
		})
	}
	if n := len(w.issue("OPS-22").PullRequests); n != len(pullForms) {
		t.Errorf("%d pull requests under one issue, want %d", n, len(pullForms))
	}
}

// A pull request that is declined says so.
func TestPullRequestDeclined(t *testing.T) {
	t.Parallel()
	w := pullsWorld(t)
	w.mustStart()
	for _, f := range pullForms {
		if status, answer := f.tell(w, "declined", "no APP-25", "x", at1); status != 200 {
			t.Fatalf("%s: %d %v", f.kind, status, answer)
		}
		if p := w.pull("APP-25", f.kind); p == nil || p.Status != "declined" {
			t.Errorf("%s: %+v", f.kind, p)
		}
	}
}

// A pull request that was deleted at the host leaves the issue.
func TestPullRequestRemoved(t *testing.T) {
	t.Parallel()
	w := pullsWorld(t)
	w.mustStart()
	for _, f := range pullForms {
		if f.kind != "bitbucket-server" {
			continue
		}
		if status, answer := f.tell(w, "open", "APP-26 soon gone", "x", at1); status != 200 {
			t.Fatalf("%d %v", status, answer)
		}
		if w.pull("APP-26", f.kind) == nil {
			t.Error("it is not listed")
		}
	}
	repository := `{"id":51,"slug":"bitbucket-server","project":{"key":"ACME"}}`
	body := fmt.Sprintf(`{"eventKey":"pr:deleted","date":"x","pullRequest":{"id":12,"title":"APP-26 soon gone","state":"OPEN","updatedDate":%d,`+
		`"fromRef":{"id":"refs/heads/x","repository":%s},"toRef":{"id":"refs/heads/main","repository":%s}}}`, unixMillis(t, at2), repository, repository)
	if status, answer := w.send("bitbucket-server", body, "X-Event-Key", "pr:deleted", "X-Request-Id", "gone"); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	if p := w.pull("APP-26", "bitbucket-server"); p != nil {
		t.Errorf("it is still listed: %+v", p)
	}
}

// A change of the project list links what was told before it.
func TestPullRequestsRelinked(t *testing.T) {
	t.Parallel()
	w := pullsWorld(t)
	w.mustStart()
	for _, f := range pullForms {
		if status, answer := f.tell(w, "open", "NEW-7 APP-9", "old/OPS-5", at1); status != 200 {
			t.Fatalf("%s: %d %v", f.kind, status, answer)
		}
	}
	if n := len(w.issue("NEW-7").PullRequests); n != 0 {
		t.Errorf("%d before its project is listed", n)
	}
	w.kill()
	w.head = "issues: {projects: [APP, NEW]}\n"
	text := strings.Replace(w.read("config.yaml"), "projects: [APP, OPS]", "projects: [APP, NEW]", 1)
	w.write("config.yaml", text)
	w.mustStart()
	if out, errs, code := w.run("relink"); code != 0 {
		t.Fatalf("relink: %s%s", out, errs)
	}
	for _, f := range pullForms {
		w.until(f.kind+": linked anew", func() bool { return w.pull("NEW-7", f.kind) != nil && w.pull("OPS-5", f.kind) == nil })
		if w.pull("APP-9", f.kind) == nil {
			t.Errorf("%s: what was linked is gone", f.kind)
		}
	}
}
