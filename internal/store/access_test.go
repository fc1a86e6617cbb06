package store

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

func TestTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		hash := sha256.Sum256([]byte("secret"))
		ok(t, s.CreateToken(t.Context(), "ci", model.RoleViewer, hash))
		wantErr(t, s.CreateToken(t.Context(), "ci", model.RoleAdmin, [32]byte{1}), model.ErrExists)
		k := must(s.TokenByHash(t.Context(), hash))(t)
		if k.Name != "ci" || k.Role != model.RoleViewer || k.LastUsedAt.IsZero() {
			t.Errorf("got %+v", k)
		}
		list := must(s.Tokens(t.Context()))(t)
		if len(list) != 1 || !list[0].LastUsedAt.Equal(time.Now().UTC().Truncate(time.Hour)) {
			t.Errorf("list is %+v", list)
		}
		ok(t, s.RevokeToken(t.Context(), "ci"))
		wantErr(t, s.RevokeToken(t.Context(), "ci"), model.ErrNotFound)
		_, err := s.TokenByHash(t.Context(), hash)
		wantErr(t, err, model.ErrNotFound)
	})
}

func TestRepos(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		one := spec
		one.Projects = []string{"APP"}
		r := must(s.AddRepo(t.Context(), one))(t)
		if r.Name != "acme/app" || !cmp.Equal(r.Projects, one.Projects) || r.CreatedAt.IsZero() {
			t.Errorf("added %+v", r)
		}
		one.URL = "ssh://someone@example.com/acme/app"
		_, err := s.AddRepo(t.Context(), one)
		wantErr(t, err, model.ErrExists)
		_, err = s.AddRepo(t.Context(), model.RepoSpec{URL: "/etc"})
		if model.AsFailure(err).Code != model.CodeURLInvalid {
			t.Errorf("a path gives %v", err)
		}
		for _, word := range []string{"1", "acme/app", one.URL, r.URL} {
			if got := must(s.FindRepo(t.Context(), word))(t); got.ID != r.ID {
				t.Errorf("%s finds %+v", word, got)
			}
		}
		other := one
		other.URL = "git@elsewhere.org:acme/app"
		must(s.AddRepo(t.Context(), other))(t)
		_, err = s.FindRepo(t.Context(), "acme/app")
		wantErr(t, err, model.ErrNotFound)
		_, err = s.Repo(t.Context(), 99)
		wantErr(t, err, model.ErrNotFound)
		page, next, err := s.RepoStatuses(t.Context(), 1, "")
		ok(t, err)
		rest, end, err := s.RepoStatuses(t.Context(), 5, next)
		ok(t, err)
		if len(page) != 1 || len(rest) != 1 || end != "" || page[0].ID == rest[0].ID || page[0].State != model.StateQueued {
			t.Errorf("pages are %+v and %+v", page, rest)
		}
		st := must(s.Stats(t.Context()))(t)
		if st.Repos[model.StateQueued] != 2 || st.JobsWaiting != 2 || st.JobsRunning != 0 || st.OldestWaiting.IsZero() || st.Deliveries != 0 {
			t.Errorf("stats are %+v", st)
		}
		ok(t, s.Ping(t.Context()))
	})
}

func TestTheConfigsReposWin(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		byHand := addRepo(t, s, "acme/app")
		declared := spec
		declared.Schedule = "@hourly"
		second := declared
		second.URL = "git@example.com:acme/lib.git"
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{declared, second}))
		r := must(s.Repo(t.Context(), byHand.ID))(t)
		if r.Source != model.SourceConfig || r.Schedule != "@hourly" {
			t.Errorf("after the config: %+v", r)
		}
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{declared}))
		lib := must(s.FindRepo(t.Context(), "acme/lib"))(t)
		if !lib.Suspended {
			t.Errorf("what left the file is not suspended: %+v", lib)
		}
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{declared, second}))
		if lib = must(s.Repo(t.Context(), lib.ID))(t); lib.Suspended {
			t.Error("what came back to the file stays suspended")
		}
		yes := true
		must(s.UpdateRepo(t.Context(), lib.ID, model.RepoPatch{Suspended: &yes}))(t)
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{declared, second}))
		if lib = must(s.Repo(t.Context(), lib.ID))(t); !lib.Suspended {
			t.Error("what a person suspended was resumed")
		}
		no := false
		must(s.UpdateRepo(t.Context(), lib.ID, model.RepoPatch{Suspended: &no}))(t)
		if st := must(s.RepoStatus(t.Context(), lib.ID))(t); st.State != model.StateQueued {
			t.Errorf("a resumed repo is %s", st.State)
		}
	})
}
