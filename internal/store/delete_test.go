package store

import (
	"context"
	"testing"

	"issuetrail/internal/model"
)

// A holding engine lets bulk transactions wait until they are let go, and calls gone after the
// transaction that marks a repo as deleted.
type holding struct {
	engine
	gone  func()
	letGo chan struct{}
}

func (h *holding) write(ctx context.Context, name string, f func(*tx) error) error {
	err := h.engine.write(ctx, name, f)
	if name == "delete_repo" {
		h.gone()
	}
	return err
}

func (h *holding) bulk(ctx context.Context, name string, f func(*tx) error) error {
	select {
	case <-h.letGo:
		return h.engine.bulk(ctx, name, f)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// purged waits until the rows of all removed repos are gone.
func purged(t *testing.T, s *Store) {
	t.Helper()
	until(t, func() bool {
		var n int
		ok(t, s.db.read(t.Context(), func(x *tx) error { return x.row(`SELECT count(*) FROM repo WHERE deleted = 1`).Scan(&n) }))
		return n == 0
	})
}

func TestRemovalOutlivesItsCaller(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("R-1", 1)
		record(t, s, claimJob(t, s).Job, []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/R-1-x": c.Hash})
		ctx, cancel := context.WithCancel(t.Context())
		h := &holding{s.db, cancel, make(chan struct{})}
		s.db = h
		ok(t, s.DeleteRepo(ctx, repo))
		if list, _, err := s.RepoStatuses(t.Context(), 10, ""); err != nil || len(list) != 0 {
			t.Errorf("a removed repo is listed: %v %v", list, err)
		}
		if got := issue(t, s, "R-1"); len(got.Commits)+len(got.Branches) != 0 {
			t.Errorf("what was linked to it: %+v", got)
		}
		wantErr(t, s.DeleteRepo(t.Context(), repo), model.ErrNotFound)
		again := addRepo(t, s, "acme/app")
		if again.ID == repo {
			t.Errorf("the new repo has the id of the old one")
		}
		close(h.letGo)
		purged(t, s)
		for table, want := range map[string]int{"repo": 1, "job": 1, "ref": 0, "segment": 0, "segment_block": 0, "link": 0, "branch_link": 0} {
			if n := countRows(t, s, table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
	})
}

func TestRemovalGoesOnAfterClose(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("R-1", 1)
		record(t, s, claimJob(t, s).Job, []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/main": c.Hash})
		s.db = &holding{s.db, func() {}, nil}
		ok(t, s.DeleteRepo(t.Context(), repo))
		ok(t, s.Close())
		s = b.open()
		purged(t, s)
		if n := countRows(t, s, "link"); n != 0 {
			t.Errorf("%d links are left", n)
		}
	})
}
