package store

import (
	"testing"

	"issuetrail/internal/model"
)

// suspected is a repo that a delivery saw at acme/new, and the job that looks into it.
func suspected(t *testing.T, s *Store) (int64, model.Claimed) {
	t.Helper()
	repo := addRepo(t, s, "acme/old").ID
	deliver(t, s, at("1", "acme/old"))
	idle(t, s)
	d := deliver(t, s, at("1", "acme/new"))
	wantDelivery(t, d, model.DeliveryAccepted, "acme/old may be called acme/new now: its next sync finds out", "acme/old")
	wantDelivery(t, deliver(t, s, at("1", "acme/new")), model.DeliveryAccepted, "", "acme/old")
	wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=git@example.com:acme/new.git")
	j := claimJob(t, s)
	if j.RepoID != repo || j.Repo.MovedTo != "git@example.com:acme/new.git" {
		t.Fatalf("claimed %+v", j)
	}
	return repo, j
}

func TestASuspicionIsConfirmed(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo, j := suspected(t, s)
		ok(t, s.Fail(t.Context(), j.Job, &model.Failure{Code: model.CodeNotFound, Detail: "gone"}, must(nowOf(s))(t)))
		wantErr(t, s.ConfirmMove(t.Context(), j.Job, true), model.ErrFenced)
		j = claimJob(t, s)
		ok(t, s.ConfirmMove(t.Context(), j.Job, true))
		wantRepo(t, s, repo, "git@example.com:acme/new.git acme/new id=1 moved=")
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.LastFailure != nil {
			t.Errorf("its failure is %+v", st.LastFailure)
		}
		ok(t, s.ConfirmMove(t.Context(), j.Job, true)) // again: nothing is left to confirm
		ok(t, s.Finish(t.Context(), j.Job))
		if r := must(s.FindRepo(t.Context(), "git@example.com:acme/old.git"))(t); r.ID != repo {
			t.Errorf("by its old address: %+v", r)
		}
		// It goes back, and nobody tells but its pushes.
		deliver(t, s, at("1", "acme/old"))
		j = claimAgain(t, s, repo)
		ok(t, s.ConfirmMove(t.Context(), j.Job, true))
		wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=")
		if n := countRows(t, s, "repo_alias"); n != 1 {
			t.Errorf("%d aliases, want that of acme/new", n)
		}
	})
}

func TestASuspicionIsDropped(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo, j := suspected(t, s)
		ok(t, s.ConfirmMove(t.Context(), j.Job, false))
		wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=")
		ok(t, s.ConfirmMove(t.Context(), j.Job, true))
		wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=")
		ok(t, s.Finish(t.Context(), j.Job))
		if n := countRows(t, s, "repo_alias"); n != 0 {
			t.Errorf("%d aliases", n)
		}
		deliver(t, s, at("1", "acme/new"))
		wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=git@example.com:acme/new.git")
	})
}

// What a job did not look into, it does not confirm.
func TestAJobConfirmsOnlyWhatItSaw(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo, j := suspected(t, s)
		deliver(t, s, at("1", "acme/newer"))
		for _, sure := range []bool{true, false} {
			ok(t, s.ConfirmMove(t.Context(), j.Job, sure))
			wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=git@example.com:acme/newer.git")
		}
		ok(t, s.Finish(t.Context(), j.Job))
		j = claimJob(t, s)
		// The host tells of a rename while the job runs: that holds, and the job goes on.
		deliver(t, s, renamed("1", "acme/old", "acme/newest"))
		ok(t, s.ConfirmMove(t.Context(), j.Job, true))
		c := commit("APP-1 kept", 1)
		record(t, s, j.Job, []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/main": c.Hash})
		wantRepo(t, s, repo, "git@example.com:acme/newest.git acme/newest id=1 moved=")
		if got := issue(t, s, "APP-1"); len(got.Commits) != 1 {
			t.Errorf("its links are %+v", got)
		}
		if next := claimAgain(t, s, repo); next.Repo.URL != "git@example.com:acme/newest.git" {
			t.Errorf("claimed %+v", next)
		}
	})
}

func TestAnAddressThatIsTakenIsNotConfirmed(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo, j := suspected(t, s)
		other := addRepo(t, s, "acme/new").ID
		wantErr(t, s.ConfirmMove(t.Context(), j.Job, true), model.ErrExists)
		wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=")
		ok(t, s.Finish(t.Context(), j.Job))
		d := deliver(t, s, at("1", "acme/new"))
		wantDelivery(t, d, model.DeliveryAccepted, "acme/old is now called acme/new, which is another repository here: nothing moved", "acme/old", "acme/new")
		wantRepo(t, s, repo, "git@example.com:acme/old.git acme/old id=1 moved=")
		wantRepo(t, s, other, "git@example.com:acme/new.git acme/new id= moved=")
	})
}

// An old delivery, sent again by a person, says where the repo was, maybe not where it is.
func TestARedeliveryMovesNothingByItself(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/a").ID
		deliver(t, s, at("1", "acme/a"))
		d := deliver(t, s, renamed("1", "acme/a", "acme/b"))
		deliver(t, s, renamed("1", "acme/b", "acme/c"))
		again := must(s.Redeliver(t.Context(), d.ID))(t)
		wantDelivery(t, again, model.DeliveryAccepted, "acme/c may be called acme/b now: its next sync finds out", "acme/c")
		wantRepo(t, s, repo, "git@example.com:acme/c.git acme/c id=1 moved=git@example.com:acme/b.git")
		gone := deliver(t, s, renamed("3", "acme/y", "acme/z"))
		named := addRepo(t, s, "acme/y").ID
		wantDelivery(t, must(s.Redeliver(t.Context(), gone.ID))(t), model.DeliveryAccepted, "", "acme/y")
		wantRepo(t, s, named, "git@example.com:acme/y.git acme/y id= moved=")
		stranger := deliver(t, s, at("2", "acme/x"))
		fresh := addRepo(t, s, "acme/x").ID
		wantDelivery(t, must(s.Redeliver(t.Context(), stranger.ID))(t), model.DeliveryAccepted, "", "acme/x")
		wantRepo(t, s, fresh, "git@example.com:acme/x.git acme/x id= moved=")
	})
}
