package store

import (
	"context"
	"testing"
	"time"

	"issuetrail/internal/model"
)

// A stuck engine runs no bulk slices of one name until it is let go.
type stuck struct {
	engine
	name string
	free chan struct{}
}

func (e *stuck) bulk(ctx context.Context, name string, f func(*tx) error) error {
	if name == e.name {
		select {
		case <-e.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return e.engine.bulk(ctx, name, f)
}

// What a job added in vain can be a million links. Fail removed them before it noted the failure,
// in the ten seconds that it is given, so that none was noted and the job ran again at once; and
// Claim removed them while all other jobs waited.
func TestASweepHoldsNothingUp(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		e := &stuck{s.db, "drop_links", make(chan struct{})}
		s.db = e
		dead := claimJob(t, s)
		ok(t, s.Add(t.Context(), dead.Job, []model.BatchCommit{commit("R-1 dead", 1)}))
		ok(t, s.Fail(t.Context(), dead.Job, &model.Failure{Code: model.CodeProtocol}, time.Now()))
		c := claimJob(t, s)
		if c.Failures != 1 || countRows(t, s, "link") != 1 {
			t.Errorf("%d failures, %d links", c.Failures, countRows(t, s, "link"))
		}
		// The sweep leaves what the running job adds.
		live := commit("R-1 live", 2)
		ok(t, s.Add(t.Context(), c.Job, []model.BatchCommit{live}))
		close(e.free)
		s.sweepLater(repo)
		until(t, s.sweeps.idle)
		if n := countRows(t, s, "link"); n != 1 {
			t.Errorf("%d links, want that of the running job", n)
		}
		ok(t, s.Record(t.Context(), c.Job, resultOf(t, s, repo, map[string]model.Hash{"refs/heads/main": live.Hash})))
		if got := subjects(issue(t, s, "R-1")); len(got) != 1 || got[0] != "R-1 live" {
			t.Errorf("commits are %q", got)
		}
	})
}

func TestCloseEndsASweep(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		addRepo(t, s, "acme/app")
		s.db = &stuck{s.db, "drop_links", nil}
		dead := claimJob(t, s)
		ok(t, s.Add(t.Context(), dead.Job, []model.BatchCommit{commit("R-1 dead", 1)}))
		ok(t, s.Fail(t.Context(), dead.Job, &model.Failure{Code: model.CodeProtocol}, time.Now()))
		ok(t, s.Close())
		s = b.open()
		claimJob(t, s)
		until(t, func() bool { return countRows(t, s, "link") == 0 && countRows(t, s, "segment") == 0 })
	})
}

// The hashes that a job added were kept for good when the job was lost, 20 bytes and more for
// each commit of a first index.
func TestALostJobIsForgotten(t *testing.T) {
	batch := []model.BatchCommit{commit("x", 1)}
	for name, lose := range map[string]func(*testing.T, *Store, model.Claimed){
		"removed, and adds": func(t *testing.T, s *Store, c model.Claimed) {
			ok(t, s.DeleteRepo(t.Context(), c.RepoID))
			wantErr(t, s.Add(t.Context(), c.Job, []model.BatchCommit{commit("y", 2)}), model.ErrFenced)
		},
		"removed, and renews": func(t *testing.T, s *Store, c model.Claimed) {
			ok(t, s.DeleteRepo(t.Context(), c.RepoID))
			wantErr(t, s.Renew(t.Context(), c.Job, time.Minute, nil), model.ErrFenced)
		},
		"given back": func(t *testing.T, s *Store, c model.Claimed) { ok(t, s.Renew(t.Context(), c.Job, 0, nil)) },
		"expired": func(t *testing.T, s *Store, _ model.Claimed) {
			expire(t, s)
			claimJob(t, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, b *bed) {
				s := b.open()
				addRepo(t, s, "acme/app")
				c := claimJob(t, s)
				ok(t, s.Add(t.Context(), c.Job, batch))
				lose(t, s, c)
				s.adding.mu.Lock()
				defer s.adding.mu.Unlock()
				if n := len(s.adding.jobs); n != 0 {
					t.Errorf("%d are kept", n)
				}
			})
		})
	}
}
