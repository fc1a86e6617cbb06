package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

var someDay = time.Unix(1_700_000_000, 0).UTC()

// pull is a delivery of a pull request of acme/app.
func pull(p model.PullRequest) model.Push {
	push := at("1", "acme/app")
	push.Event, push.PullRequest = "pull_request", &p
	return push
}

func pulls(i model.Issue) (list []string) {
	for _, p := range i.PullRequests {
		list = append(list, fmt.Sprintf("%d %s %q %s>%s %d", p.Number, p.Status, p.Title, p.Source, p.Target, p.UpdatedAt.Unix()-someDay.Unix()))
	}
	return list
}

func wantPulls(t testing.TB, s *Store, key model.IssueKey, want ...string) {
	t.Helper()
	if got := pulls(issue(t, s, key)); !cmp.Equal(got, want) {
		t.Errorf("%s has %q, want %q", key, got, want)
	}
}

func TestPullRequestsAreNoted(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app")
		idle(t, s)
		one := model.PullRequest{Number: 12, Title: "APP-1 and APP-1: a\x00b", Status: model.PullRequestOpen, Source: "feature/APP-2-x", Target: "main", UpdatedAt: someDay}
		d := deliver(t, s, pull(one))
		wantDelivery(t, d, model.DeliveryIgnored, "no ref moved; pull request 12 is noted")
		if got := must(s.Delivery(t.Context(), d.ID))(t); got.Push.PullRequest.Title != one.Title || got.Status != d.Status || got.Reason != d.Reason {
			t.Errorf("stored as %+v", got)
		}
		if n := countRows(t, s, "job"); n != 0 {
			t.Error("it is queued, though no ref moved")
		}
		first := `12 open "APP-1 and APP-1: ab" feature/APP-2-x>main 0`
		wantPulls(t, s, "APP-1", first)
		wantPulls(t, s, "APP-2", first)
		if r := must(s.Repo(t.Context(), repo.ID))(t); r.HostID != "1" || issue(t, s, "APP-2").Repos[repo.ID].Name != "acme/app" {
			t.Errorf("its repo is %+v", r)
		}
		two := one
		two.Title, two.Status, two.Source, two.Target, two.UpdatedAt = "APP-3", model.PullRequestMerged, "", "", someDay.Add(time.Hour)
		deliver(t, s, pull(two))
		later := `12 merged "APP-3" feature/APP-2-x>main 3600`
		wantPulls(t, s, "APP-1")
		wantPulls(t, s, "APP-2", later)
		wantPulls(t, s, "APP-3", later)
		for range 2 {
			wantDelivery(t, deliver(t, s, pull(one)), model.DeliveryIgnored, "no ref moved; pull request 12 was told of in a newer state before")
		}
		wantDelivery(t, must(s.Redeliver(t.Context(), d.ID))(t), model.DeliveryIgnored, "no ref moved; pull request 12 was told of in a newer state before")
		wantPulls(t, s, "APP-3", later)
		two.Status = model.PullRequestDeclined // within one second of its clock, the later delivery counts
		deliver(t, s, pull(two))
		wantPulls(t, s, "APP-3", `12 declined "APP-3" feature/APP-2-x>main 3600`)
		two.Status = model.PullRequestRemoved
		wantDelivery(t, deliver(t, s, pull(two)), model.DeliveryIgnored, "no ref moved; pull request 12 is removed")
		wantPulls(t, s, "APP-3")
		if n := countRows(t, s, "pull_request") + countRows(t, s, "pull_request_link"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func TestPullRequestsGoToTheirRepoAlone(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		addRepo(t, s, "deep/acme/lib")
		two := spec
		two.URL = "ssh://git@example.com:2222/acme/app.git"
		must(s.AddRepo(t.Context(), two))(t)
		p := &model.PullRequest{Number: 3, Title: "APP-1", Status: model.PullRequestOpen, UpdatedAt: someDay}
		for _, c := range []struct {
			push   model.Push
			reason string
		}{
			{model.Push{RepoName: "acme/lib", PullRequest: p}, "no ref moved; whose pull request 3 is, is not sure"},
			{model.Push{URLs: []string{"https://example.com:8443/acme/app"}, PullRequest: p}, "no ref moved; whose pull request 3 is, is not sure"},
			{model.Push{RepoName: "acme/none", PullRequest: p}, "the repository is not mirrored"},
			{model.Push{RepoName: "deep/acme/lib", PullRequest: &model.PullRequest{Title: "APP-1"}}, "no ref moved; the pull request has no number"},
		} {
			wantDelivery(t, deliver(t, s, c.push), model.DeliveryIgnored, c.reason)
		}
		if n := countRows(t, s, "pull_request"); n != 0 {
			t.Errorf("%d are stored", n)
		}
		yes := true
		must(s.UpdateRepo(t.Context(), repo, model.RepoPatch{Suspended: &yes}))(t)
		push := at("", "acme/app")
		push.PullRequest = p
		wantDelivery(t, deliver(t, s, push), model.DeliveryIgnored, "no ref moved; pull request 3 is noted")
		no := false
		must(s.UpdateRepo(t.Context(), repo, model.RepoPatch{Suspended: &no}))(t)
		deliver(t, s, at("1", "acme/app"))
		idle(t, s)
		// Its repo has moved: that rings.
		push = at("1", "acme/new")
		push.PullRequest = p
		wantDelivery(t, deliver(t, s, push), model.DeliveryAccepted, "pull request 3 is noted; acme/app may be called acme/new now: its next sync finds out", "acme/app")
		if j := claimJob(t, s); j.RepoID != repo {
			t.Errorf("claimed %+v", j)
		}
		if got := issue(t, s, "APP-1"); len(got.PullRequests) != 1 || got.PullRequests[0].RepoID != repo {
			t.Errorf("the issue has %+v", got.PullRequests)
		}
	})
}

// A host that tells Acme/App from acme/app has its pull requests and ids apart, too.
func TestNamesThatDifferInCaseAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		b.knowHosts()
		b.opts.Identify = func(_ string, a model.Address) model.Identity { return a.Identity() }
		s := b.open()
		upper := addRepo(t, s, "Acme/App").ID
		p := &model.PullRequest{Number: 3, Title: "APP-1", Status: model.PullRequestOpen, UpdatedAt: someDay}
		wantDelivery(t, deliver(t, s, model.Push{RepoName: "acme/app", PullRequest: p}), model.DeliveryIgnored, "no ref moved; whose pull request 3 is, is not sure")
		deliver(t, s, model.Push{RepoID: "7", RepoName: "acme/app"})
		deliver(t, s, at("7", "acme/app"))
		wantRepo(t, s, upper, "git@example.com:Acme/App.git Acme/App id= moved=")
		wantPulls(t, s, "APP-1")

		lower := addRepo(t, s, "acme/app").ID
		for _, name := range []string{"Acme/App", "acme/app"} {
			wantDelivery(t, deliver(t, s, model.Push{RepoName: name, PullRequest: p}), model.DeliveryIgnored, "no ref moved; pull request 3 is noted")
		}
		deliver(t, s, model.Push{RepoID: "8", RepoName: "Acme/App", URLs: []string{"https://example.com/Acme/App"}})
		deliver(t, s, model.Push{RepoID: "7", RepoName: "acme/app"})
		wantRepo(t, s, upper, "git@example.com:Acme/App.git Acme/App id=8 moved=")
		wantRepo(t, s, lower, "git@example.com:acme/app.git acme/app id=7 moved=")
		if got := issue(t, s, "APP-1").PullRequests; len(got) != 2 || got[0].RepoID != upper || got[1].RepoID != lower {
			t.Errorf("the issue has %+v", got)
		}
	})
}

// A time that no host can mean is the time of the delivery.
func TestTimesOfPullRequestsAreBounded(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		addRepo(t, s, "acme/app")
		for i, told := range []time.Time{{}, someDay.Add(99 * time.Hour), time.UnixMilli(1 << 60), time.UnixMilli(-1 << 60), time.Unix(-5, 0)} {
			p := pull(model.PullRequest{Number: int64(i + 1), Title: "APP-1", Status: model.PullRequestOpen, UpdatedAt: told})
			must(s.Accept(t.Context(), model.Delivery{Host: "h", ReceivedAt: someDay.Add(time.Duration(i) * time.Minute), Push: p}))(t)
		}
		wantPulls(t, s, "APP-1", `5 open "APP-1" > 240`, `4 open "APP-1" > 180`, `3 open "APP-1" > 120`, `2 open "APP-1" > 60`, `1 open "APP-1" > 0`)
		page := must(s.Issue(t.Context(), "APP-1", model.IssueQuery{Limit: 2}))(t)
		if len(page.PullRequests) != 2 || page.PullRequests[0].Number != 5 {
			t.Errorf("two of them are %q", pulls(page))
		}
	})
}

func TestPullRequestsAreActivity(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("APP-1 APP-2", someDay.Unix())
		record(t, s, claimJob(t, s).Job, []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/main": c.Hash})
		for i, title := range []string{"APP-3", "APP-2 APP-3", "APP-4"} {
			deliver(t, s, pull(model.PullRequest{Number: int64(i + 1), Title: title, Status: model.PullRequestOpen, UpdatedAt: someDay.Add(time.Duration(i-1) * time.Hour)}))
		}
		want := []string{"APP-4 0 0 1 3600", "APP-1 1 0 0 0", "APP-2 1 0 1 0", "APP-3 0 0 2 0"}
		for _, prefix := range []string{"", "APP"} {
			for _, limit := range []int{1, 3, 100} {
				var got []string
				for cur := ""; ; {
					page, next, err := s.Issues(t.Context(), prefix, limit, cur)
					ok(t, err)
					for _, i := range page {
						got = append(got, fmt.Sprint(i.Key, " ", i.Commits, " ", i.Branches, " ", i.PullRequests, " ", i.ActivityAt.Unix()-someDay.Unix()))
					}
					if cur = next; cur == "" {
						break
					}
				}
				if !cmp.Equal(got, want) {
					t.Errorf("%q by %d: got %q, want %q", prefix, limit, got, want)
				}
			}
		}
		ok(t, s.DeleteRepo(t.Context(), repo))
		if list, _, err := s.Issues(t.Context(), "", 9, ""); err != nil || len(list) != 0 {
			t.Errorf("of a removed repo: %v %v", list, err)
		}
		wantPulls(t, s, "APP-3")
		purged(t, s)
		for _, table := range []string{"pull_request", "pull_request_link"} {
			if n := countRows(t, s, table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
	})
}

func TestRelinkMakesTheLinksOfPullRequestsAnew(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		renamed := false
		rules := b.opts.PullRequestKeys
		b.opts.PullRequestKeys = func(r model.Repo, p model.PullRequest) (out []model.IssueKey) {
			for _, k := range rules(r, p) {
				if renamed && k.Project() == "OLD" {
					k = "NEW" + k[3:]
				}
				out = append(out, k)
			}
			return out
		}
		s := b.open()
		addRepo(t, s, "acme/app")
		for i, title := range []string{"OLD-1 APP-1", "APP-2", "nothing", "OLD-3"} {
			deliver(t, s, pull(model.PullRequest{Number: int64(i + 1), Title: title, Status: model.PullRequestOpen, UpdatedAt: someDay}))
		}
		renamed = true
		want := []model.LinkChange{
			{Key: "OLD-1", PullRequest: 1},
			{Key: "NEW-1", PullRequest: 1, Added: true},
			{Key: "OLD-3", PullRequest: 4},
			{Key: "NEW-3", PullRequest: 4, Added: true},
		}
		none := func(model.RawCommit) []model.IssueKey { return nil }
		j := claimJob(t, s).Job
		for _, dry := range []bool{true, false} {
			var got []model.LinkChange
			ok(t, s.Relink(t.Context(), j, "new", none, func(string) []model.IssueKey { return nil }, dry, func(c model.LinkChange) { got = append(got, c) }))
			if !cmp.Equal(got, want) {
				t.Errorf("dry %v: changes are %v, want %v", dry, got, want)
			}
			if n := len(issue(t, s, "OLD-1").PullRequests); n != int(flag(dry)) {
				t.Errorf("dry %v: OLD-1 has %d", dry, n)
			}
		}
		wantPulls(t, s, "NEW-1", `1 open "OLD-1 APP-1" > 0`)
		wantPulls(t, s, "APP-1", `1 open "OLD-1 APP-1" > 0`)
		ok(t, s.Finish(t.Context(), j))
		wantErr(t, s.Relink(t.Context(), j, "new", none, func(string) []model.IssueKey { return nil }, false, nil), model.ErrFenced)
	})
}
