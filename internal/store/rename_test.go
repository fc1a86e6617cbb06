package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"issuetrail/internal/model"
)

// A repo that was renamed is the same repo, by whatever name it is asked for.
func TestARenameThatTheHostTellsMovesTheRepo(t *testing.T) {
	for _, c := range []struct{ why, learnt, told, was string }{
		{"by the id", "1", "1", ""},
		{"by the old name", "", "1", "Acme/Old"},
		{"by the old name alone", "", "", "acme/old"},
	} {
		t.Run(c.why, func(t *testing.T) {
			onHost(t, func(t *testing.T, b *bed) {
				s := b.open()
				repo := addRepo(t, s, "acme/old").ID
				x := commit("APP-1 kept", 1)
				record(t, s, claimJob(t, s).Job, []model.BatchCommit{x}, map[string]model.Hash{"refs/heads/main": x.Hash})
				deliver(t, s, at(c.learnt, "acme/old"))
				idle(t, s)
				d := deliver(t, s, renamed(c.told, c.was, "Corp/new"))
				wantDelivery(t, d, model.DeliveryAccepted, "acme/old is now called Corp/new", "Corp/new")
				want := "git@example.com:Corp/new.git Corp/new id=" + c.told + " moved="
				wantRepo(t, s, repo, want)
				if j := claimJob(t, s); j.RepoID != repo || j.Repo.Name != "Corp/new" {
					t.Errorf("claimed %+v", j)
				}
				if got := issue(t, s, "APP-1"); len(got.Commits) != 1 || got.Repos[repo].Name != "Corp/new" {
					t.Errorf("its links are %+v", got)
				}
				// Told twice, and told again by a person.
				deliver(t, s, renamed(c.told, c.was, "Corp/new"))
				must(s.Redeliver(t.Context(), d.ID))(t)
				wantRepo(t, s, repo, want)

				ok(t, s.Close())
				s = b.open()
				old := []string{"git@example.com:acme/old.git", "ssh://me@example.com/ACME/OLD", "ssh://git@ssh.example.com:443/acme/old.git"}
				for _, url := range append(old, "git@example.com:corp/new") {
					if got := must(s.FindRepo(t.Context(), url))(t); got.ID != repo {
						t.Errorf("%s finds %+v", url, got)
					}
					sp := spec
					sp.URL = url
					_, err := s.AddRepo(t.Context(), sp)
					wantErr(t, err, model.ErrExists)
					for range 2 {
						ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{sp}))
					}
					if r := must(s.Repo(t.Context(), repo))(t); r.Name != "Corp/new" && r.Name != "corp/new" || r.Source != model.SourceConfig || r.Suspended || countRows(t, s, "repo") != 1 {
						t.Errorf("declared as %s: %+v", url, r)
					}
				}
				ok(t, s.DeclareRepos(t.Context(), nil))
				if r := must(s.Repo(t.Context(), repo))(t); !r.Suspended {
					t.Error("it left the file and is not suspended")
				}
				ok(t, s.DeleteRepo(t.Context(), repo))
				addRepo(t, s, "acme/old")
				if n := countRows(t, s, "repo_alias"); n != 0 {
					t.Errorf("%d aliases are left", n)
				}
			})
		})
	}
}

func TestARenameThatCannotBeFollowedSaysSo(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		one, two := addRepo(t, s, "acme/one").ID, addRepo(t, s, "acme/two").ID
		deliver(t, s, at("1", "acme/one"))
		for _, c := range []struct {
			push   model.Push
			status model.DeliveryStatus
			reason string
			rung   []string
		}{
			{renamed("1", "acme/one", "acme/two"), model.DeliveryAccepted, "acme/one is now called acme/two, which is another repository here: nothing moved", []string{"acme/one", "acme/two"}},
			{renamed("8", "acme/one", "acme/three"), model.DeliveryAccepted, "acme/one has another id than the delivery: nothing moved", []string{"acme/one"}},
			{renamed("", "acme/one", "acme/three"), model.DeliveryAccepted, "acme/one has another id than the delivery: nothing moved", []string{"acme/one"}},
			{renamed("1", "acme/one", "-x/y"), model.DeliveryAccepted, `acme/one is now called "-x/y", which makes no address: nothing moved`, []string{"acme/one"}},
			{renamed("8", "acme/none", "acme/three"), model.DeliveryIgnored, "the repository is not mirrored", nil},
			{renamed("8", "one", "acme/three"), model.DeliveryIgnored, "the repository is not mirrored", nil},
			{renamed("", "", ""), model.DeliveryIgnored, "the repository is not mirrored", nil},
		} {
			wantDelivery(t, deliver(t, s, c.push), c.status, c.reason, c.rung...)
			wantRepo(t, s, one, "git@example.com:acme/one.git acme/one id=1 moved=")
			wantRepo(t, s, two, "git@example.com:acme/two.git acme/two id= moved=")
		}
		// The repository is the one that somebody added by its new name, too.
		addRepo(t, s, "acme/new")
		d := deliver(t, s, renamed("5", "acme/two", "acme/new"))
		wantDelivery(t, d, model.DeliveryAccepted, "acme/two is now called acme/new, which is another repository here: nothing moved", "acme/two", "acme/new")
		if n := countRows(t, s, "repo_alias"); n != 0 {
			t.Errorf("%d aliases", n)
		}
	})
}

// Two repositories that exchange their names keep their histories apart.
func TestNamesAreExchanged(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		one, two := addRepo(t, s, "acme/one").ID, addRepo(t, s, "acme/two").ID
		deliver(t, s, at("1", "acme/one"))
		deliver(t, s, at("2", "acme/two"))
		deliver(t, s, renamed("1", "acme/one", "acme/tmp"))
		deliver(t, s, renamed("2", "acme/two", "acme/one"))
		deliver(t, s, renamed("1", "acme/tmp", "acme/two"))
		wantRepo(t, s, one, "git@example.com:acme/two.git acme/two id=1 moved=")
		wantRepo(t, s, two, "git@example.com:acme/one.git acme/one id=2 moved=")
		if r := must(s.FindRepo(t.Context(), "git@example.com:acme/tmp.git"))(t); r.ID != one || countRows(t, s, "repo_alias") != 1 {
			t.Errorf("the name between leads to %+v", r)
		}
		deliver(t, s, renamed("1", "acme/two", "acme/TWO")) // a new case is no new address
		wantRepo(t, s, one, "git@example.com:acme/TWO.git acme/TWO id=1 moved=")
		if n := countRows(t, s, "repo_alias"); n != 1 {
			t.Errorf("%d aliases, want 1", n)
		}
	})
}

func TestAnAliasDies(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/old").ID
		deliver(t, s, at("1", "acme/old"))
		deliver(t, s, renamed("1", "acme/old", "acme/new"))
		// Deliveries without an id, or with its own, leave it.
		wantDelivery(t, deliver(t, s, at("", "acme/old")), model.DeliveryAccepted, "", "acme/new")
		late := at("1", "acme/old")
		late.Change = model.ChangeDeleted
		d := must(s.Accept(t.Context(), model.Delivery{Host: "h", Status: model.DeliveryIgnored, Reason: "a ping", Push: at("2", "acme/old")}))(t)
		wantDelivery(t, d, model.DeliveryIgnored, "a ping")
		if n := countRows(t, s, "repo_alias"); n != 1 {
			t.Fatalf("%d aliases, want 1", n)
		}
		// Another repository is there now.
		wantDelivery(t, deliver(t, s, at("2", "acme/old")), model.DeliveryIgnored, "the repository is not mirrored")
		if n := countRows(t, s, "repo_alias"); n != 0 {
			t.Fatalf("%d aliases, want 0", n)
		}
		fresh := addRepo(t, s, "acme/old").ID
		deliver(t, s, at("2", "acme/old"))
		wantRepo(t, s, repo, "git@example.com:acme/new.git acme/new id=1 moved=")
		wantRepo(t, s, fresh, "git@example.com:acme/old.git acme/old id=2 moved=")
	})
}

// An old address of a repo of one hosts entry is not for a repo of another entry to take: the
// config may still write it, and would then mean that one.
func TestAnAliasIsSafeFromOtherHosts(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		mine := spec
		mine.URL, mine.Source = "git@example.com:acme/old.git", model.SourceConfig
		repo := must(s.AddRepo(t.Context(), mine))(t).ID
		deliver(t, s, at("1", "acme/old"))
		deliver(t, s, renamed("1", "acme/old", "acme/new"))

		theirs := spec
		theirs.Host, theirs.URL = "other", "git@example.com:evil/x.git"
		other := must(s.AddRepo(t.Context(), theirs))(t).ID
		tell := func(p model.Push) model.Delivery {
			return must(s.Accept(t.Context(), model.Delivery{Host: "other", Push: p}))(t)
		}
		const taken = "evil/x is now called acme/old, which is another repository here: nothing moved"
		for i, p := range []model.Push{renamed("", "evil/x", "Acme/Old"), renamed("1", "evil/x", "acme/old"), at("1", "acme/old")} {
			if i == 1 {
				tell(at("1", "evil/x"))
			}
			if d := tell(p); !strings.EqualFold(d.Reason, taken) {
				t.Errorf("%+v: %q", p, d.Reason)
			}
		}
		wantRepo(t, s, other, "git@example.com:evil/x.git evil/x id=1 moved=")

		// A suspicion that is older than the alias.
		third := spec
		third.URL = "git@example.com:acme/third.git"
		must(s.AddRepo(t.Context(), third))(t)
		deliver(t, s, at("3", "acme/third"))
		tell(at("1", "acme/fourth"))
		j := claimOf(t, s, other)
		deliver(t, s, renamed("3", "acme/third", "acme/fourth"))
		deliver(t, s, renamed("3", "acme/fourth", "acme/fifth"))
		wantErr(t, s.ConfirmMove(t.Context(), j.Job, true), model.ErrExists)

		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{mine}))
		wantRepo(t, s, repo, "git@example.com:acme/new.git acme/new id=1 moved=")
		wantRepo(t, s, other, "git@example.com:evil/x.git evil/x id=1 moved=")
		if r := must(s.Repo(t.Context(), repo))(t); r.Suspended || r.Host != "h" {
			t.Errorf("%+v", r)
		}
	})
}

// claimOf claims jobs until it has that of a repo.
func claimOf(t testing.TB, s *Store, repo int64) model.Claimed {
	t.Helper()
	for {
		if j := claimJob(t, s); j.RepoID == repo {
			return j
		}
	}
}

// A server that was set up anew may give a repository the id that another one had. What id and
// address say of two repositories is believed of neither.
func TestIDsOfAServerThatWasSetUpAnew(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		x, y := addRepo(t, s, "acme/x").ID, addRepo(t, s, "acme/y").ID
		deliver(t, s, at("5", "acme/x"))
		deliver(t, s, at("9", "acme/y"))
		push := at("5", "acme/y")
		wantDelivery(t, deliver(t, s, push), model.DeliveryAccepted, "acme/x is now called acme/y, which is another repository here: nothing moved", "acme/x", "acme/y")
		push.PullRequest = &model.PullRequest{Number: 3, Title: "APP-1", Status: model.PullRequestOpen}
		wantDelivery(t, deliver(t, s, push), model.DeliveryIgnored, "no ref moved; whose pull request 3 is, is not sure")
		wantPulls(t, s, "APP-1")
		deliver(t, s, renamed("5", "acme/y", "acme/z"))
		wantRepo(t, s, x, "git@example.com:acme/x.git acme/x id=5 moved=git@example.com:acme/z.git")
		wantRepo(t, s, y, "git@example.com:acme/y.git acme/y id=9 moved=")
	})
}

// A file with the old address and the new one means two repositories.
func TestBothAddressesInTheFileAreTwoRepos(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		old, fresh := spec, spec
		old.URL, fresh.URL = "git@example.com:acme/old.git", "git@example.com:acme/new.git"
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{old}))
		repo := must(s.FindRepo(t.Context(), "acme/old"))(t).ID
		deliver(t, s, at("1", "acme/old"))
		deliver(t, s, renamed("1", "acme/old", "acme/new"))
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{old, old}))
		if n := countRows(t, s, "repo"); n != 1 {
			t.Errorf("%d repos, want 1", n)
		}
		for range 2 {
			ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{old, fresh}))
		}
		if r := must(s.FindRepo(t.Context(), old.URL))(t); r.ID == repo || r.HostID != "" || countRows(t, s, "repo") != 2 {
			t.Errorf("at the old address is %+v", r)
		}
		if r := must(s.FindRepo(t.Context(), fresh.URL))(t); r.ID != repo || r.Suspended {
			t.Errorf("at the new address is %+v", r)
		}
	})
}

// Renames, pushes by both names and reloads at once: one repo comes out of it, at one address.
func TestARenameAmongOtherThings(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		stores := []*Store{b.open()}
		if b.opts.URL != "" {
			stores = append(stores, b.open())
		}
		s := stores[0]
		sp := spec
		sp.URL = "git@example.com:acme/app0.git"
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{sp}))
		repo := must(s.FindRepo(t.Context(), "acme/app0"))(t).ID
		deliver(t, s, at("1", "acme/app0"))
		var wg sync.WaitGroup
		for n := range 3 {
			s := stores[n%len(stores)]
			wg.Go(func() {
				for i := range 10 {
					p := renamed("1", fmt.Sprint("acme/app", i), fmt.Sprint("acme/app", i+1))
					if n == 1 {
						p = at("1", fmt.Sprint("acme/app", i))
					}
					if n == 2 {
						if err := s.DeclareRepos(t.Context(), []model.RepoSpec{sp}); err != nil {
							t.Error(err)
						}
						continue
					}
					if _, err := s.Accept(t.Context(), model.Delivery{Host: "h", Push: p}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		r := must(s.Repo(t.Context(), repo))(t)
		if r.Name != "acme/app10" || countRows(t, s, "repo") != 1 || countRows(t, s, "repo_alias") != 10 {
			t.Errorf("%+v, %d repos, %d aliases", r, countRows(t, s, "repo"), countRows(t, s, "repo_alias"))
		}
	})
}
