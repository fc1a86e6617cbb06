package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"issuetrail/internal/model"
)

// onHost runs a test on each engine, with a host whose addresses have two servers and no case.
func onHost(t *testing.T, f func(t *testing.T, b *bed)) {
	onBoth(t, func(t *testing.T, b *bed) {
		b.knowHosts()
		f(t, b)
	})
}

func (b *bed) knowHosts() {
	b.opts.Identify = func(_ string, a model.Address) model.Identity {
		if a.Host == "ssh.example.com" && a.Port == 443 {
			a.Host, a.Port = "example.com", 22
		}
		return model.Identity{Key: strings.ToLower(a.Key()), Name: a.Name()}
	}
	b.opts.Moved = func(r model.Repo, name string) string {
		a, err := model.ParseAddress(r.URL)
		if err != nil || name == "" || strings.HasPrefix(name, "-") {
			return ""
		}
		a.Path = name + ".git"
		return a.URL()
	}
	b.opts.PullRequestKeys = func(_ model.Repo, p model.PullRequest) []model.IssueKey {
		return keysIn(p.Title + " " + p.Source)
	}
}

func deliver(t testing.TB, s *Store, p model.Push) model.Delivery {
	t.Helper()
	return must(s.Accept(t.Context(), model.Delivery{Host: "h", Push: p}))(t)
}

// at is a push by the id and the SSH address of a repository of that name.
func at(id, name string) model.Push {
	return model.Push{RepoID: id, RepoName: name, URLs: []string{"git@example.com:" + name + ".git", "https://example.com/" + name}}
}

func renamed(id, was, name string) model.Push {
	p := at(id, name)
	p.Change, p.Was = model.ChangeRenamed, was
	return p
}

// repoOf gives a repo without what no test of names asks for.
func repoOf(t testing.TB, s *Store, id int64) string {
	t.Helper()
	r := must(s.Repo(t.Context(), id))(t)
	return fmt.Sprintf("%s %s id=%s moved=%s", r.URL, r.Name, r.HostID, r.MovedTo)
}

func wantRepo(t testing.TB, s *Store, id int64, want string) {
	t.Helper()
	if got := repoOf(t, s, id); got != want {
		t.Errorf("the repo is %q, want %q", got, want)
	}
}

func wantDelivery(t testing.TB, d model.Delivery, status model.DeliveryStatus, reason string, repos ...string) {
	t.Helper()
	if d.Status != status || d.Reason != reason || fmt.Sprint(d.Repositories) != fmt.Sprint(repos) {
		t.Errorf("the delivery is %s %q %q, want %s %q %q", d.Status, d.Reason, d.Repositories, status, reason, repos)
	}
}

// idle ends the jobs that wait, so that what is queued next is seen.
func idle(t testing.TB, s *Store) {
	t.Helper()
	ok(t, s.db.write(t.Context(), "test", func(x *tx) error {
		_, err := x.exec(`DELETE FROM job WHERE state = 0`)
		return err
	}))
}

func TestAnIDIsLearntFromAnAddressThatMatches(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		other := "ssh://git@example.com:2222/acme/app.git"
		for i, c := range []struct {
			why    string
			push   model.Push
			known  string // HostID before
			beside string // URL of another repo
			learnt bool
		}{
			{"an SSH address", at("7", "acme/app"), "", "", true},
			{"another form of it", model.Push{RepoID: "7", URLs: []string{"ssh://git@ssh.example.com:443/Acme/App"}}, "", "", true},
			{"a web address", model.Push{RepoID: "7", URLs: []string{"https://example.com/acme/app.git"}}, "", "", true},
			{"a name and no address", model.Push{RepoID: "7", RepoName: "Acme/App"}, "", "", true},
			{"an SSH address, beside one of its path", at("7", "acme/app"), "", other, true},
			{"a web address that may be two", model.Push{RepoID: "7", URLs: []string{"https://example.com:8443/acme/app"}}, "", other, false},
			{"a name that two have", model.Push{RepoID: "7", RepoName: "acme/app"}, "", other, false},
			{"a name and an address of elsewhere", model.Push{RepoID: "7", RepoName: "acme/app", URLs: []string{"https://elsewhere/x/y"}}, "", "", false},
			{"the end of a name", model.Push{RepoID: "7", RepoName: "app"}, "", "", false},
			{"another id", at("7", "acme/app"), "6", "", false},
			{"no id", at("", "acme/app"), "6", "", false},
			{"a deletion", model.Push{RepoID: "7", RepoName: "acme/app", Change: model.ChangeDeleted}, "", "", false},
			{"everything", model.Push{RepoID: "7", RepoName: "acme/app", Everything: true}, "", "", false},
		} {
			repo := addRepo(t, s, "acme/app").ID
			if c.beside != "" {
				sp := spec
				sp.URL = c.beside
				must(s.AddRepo(t.Context(), sp))(t)
			}
			if c.known != "" {
				deliver(t, s, at(c.known, "acme/app"))
			}
			idle(t, s)
			d := deliver(t, s, c.push)
			want := c.known
			if c.learnt {
				want = "7"
			}
			if got := must(s.Repo(t.Context(), repo))(t); got.HostID != want || got.MovedTo != "" || d.Status != model.DeliveryAccepted {
				t.Errorf("%d: by %s: %+v, delivery %+v", i, c.why, got, d)
			}
			if j := claimJob(t, s); j.Priority != model.PriorityWebhook || j.Repo.HostID != want {
				t.Errorf("%d: by %s: claimed %+v", i, c.why, j)
			}
			for _, st := range first(s.RepoStatuses(t.Context(), 9, "")) {
				ok(t, s.DeleteRepo(t.Context(), st.ID))
			}
		}
	})
}

func first[T any](list []T, _ string, _ error) []T { return list }

func TestARepoWithAnIDIsFoundByItFirst(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		one, two := addRepo(t, s, "acme/one").ID, addRepo(t, s, "acme/two").ID
		deliver(t, s, at("1", "acme/one"))
		deliver(t, s, at("2", "acme/two"))
		wantDelivery(t, deliver(t, s, model.Push{RepoID: "1"}), model.DeliveryAccepted, "", "acme/one")
		wantDelivery(t, deliver(t, s, model.Push{RepoID: "1", RepoName: "one"}), model.DeliveryAccepted, "", "acme/one")
		wantDelivery(t, deliver(t, s, model.Push{RepoID: "9\x00", RepoName: "x\xff", URLs: []string{"git@h:\xff\x00"}}), model.DeliveryIgnored, "the repository is not mirrored")
		// The id of another hosts entry says nothing.
		d := must(s.Accept(t.Context(), model.Delivery{Host: "other", Push: model.Push{RepoID: "1"}}))(t)
		wantDelivery(t, d, model.DeliveryIgnored, "the repository is not mirrored")
		// Its own name, though the address is a proxy's.
		p := at("1", "acme/one")
		p.URLs = []string{"https://proxy.example.net/acme/one"}
		deliver(t, s, p)
		wantRepo(t, s, one, "git@example.com:acme/one.git acme/one id=1 moved=")
		wantRepo(t, s, two, "git@example.com:acme/two.git acme/two id=2 moved=")
	})
}

// Where two repositories claim one id at once, one gets it, and neither delivery is lost.
func TestAnIDIsLearntOnce(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		stores := []*Store{b.open()}
		if b.opts.URL != "" {
			stores = append(stores, b.open())
		}
		var ids []int64
		for i := range 6 {
			ids = append(ids, addRepo(t, stores[0], fmt.Sprint("acme/app", i)).ID)
		}
		for round := range 5 {
			var wg sync.WaitGroup
			for i := range ids {
				for n := range 2 {
					wg.Go(func() {
						p := at(fmt.Sprint("id", round), fmt.Sprint("acme/app", i))
						p.DeliveryID = fmt.Sprint(round, "-", i, "-", n)
						d, err := stores[(i+n)%len(stores)].Accept(t.Context(), model.Delivery{Host: "h", Push: p})
						if err != nil || d.Status != model.DeliveryAccepted {
							t.Errorf("%+v, %v", d, err)
						}
					})
				}
			}
			wg.Wait()
			holders := 0
			for _, id := range ids {
				if r := must(stores[0].Repo(t.Context(), id))(t); r.HostID == fmt.Sprint("id", round) {
					holders++
				}
			}
			if holders != 1 {
				t.Errorf("round %d: %d repos have the id", round, holders)
			}
		}
	})
}

func TestADeletionForgetsTheID(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		deliver(t, s, at("1", "acme/app"))
		idle(t, s)
		p := at("1", "acme/app-deleted-9")
		p.Change = model.ChangeDeleted
		wantDelivery(t, deliver(t, s, p), model.DeliveryAccepted, "", "acme/app")
		wantRepo(t, s, repo, "git@example.com:acme/app.git acme/app id= moved=")
		if j := claimJob(t, s); j.RepoID != repo {
			t.Errorf("claimed %+v", j)
		}
		deliver(t, s, at("2", "acme/app"))
		wantRepo(t, s, repo, "git@example.com:acme/app.git acme/app id=2 moved=")
		ok(t, s.DeleteRepo(t.Context(), repo))
		again := addRepo(t, s, "acme/app").ID
		deliver(t, s, at("2", "acme/app"))
		wantRepo(t, s, again, "git@example.com:acme/app.git acme/app id=2 moved=")
	})
}

func TestADeliveryOfEverythingRingsForTheWholeHost(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		p := model.Push{Everything: true, Event: "stream-events connected"}
		wantDelivery(t, deliver(t, s, p), model.DeliveryIgnored, "it names no repository, and none of the host is mirrored")
		resting := addRepo(t, s, "acme/resting").ID
		yes := true
		must(s.UpdateRepo(t.Context(), resting, model.RepoPatch{Suspended: &yes}))(t)
		wantDelivery(t, deliver(t, s, p), model.DeliveryIgnored, "suspended")
		sp := spec
		sp.URL, sp.Host = "git@elsewhere.example.com:x.git", "elsewhere"
		must(s.AddRepo(t.Context(), sp))(t)
		for i := range 3 {
			addRepo(t, s, fmt.Sprint("acme/app", i))
		}
		idle(t, s)
		for range 2 {
			wantDelivery(t, deliver(t, s, p), model.DeliveryAccepted, "it names no repository: all 3 of the host are queued", "acme/app0", "acme/app1", "acme/app2")
		}
		if n := countRows(t, s, "job"); n != 3 {
			t.Errorf("%d jobs, want 3", n)
		}
		if j := claimJob(t, s); j.Priority != model.PriorityWebhook || !j.Fetch {
			t.Errorf("claimed %+v", j)
		}
	})
}
