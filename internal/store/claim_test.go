package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"issuetrail/internal/model"
)

func claimable(t *testing.T, s *Store, o model.ClaimOptions) bool {
	t.Helper()
	_, err := s.Claim(t.Context(), o)
	if err != nil && !errors.Is(err, model.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// UpdateRepo removes the waiting job alone. One that ran then waited again after its failure, or
// after the death of its node, and the suspended repo went on syncing.
func TestASuspendedRepoStopsSyncing(t *testing.T) {
	yes := true
	past := time.Now().Add(-time.Hour)
	for name, end := range map[string]func(*testing.T, *Store, model.Job){
		"failed": func(t *testing.T, s *Store, j model.Job) {
			ok(t, s.Fail(t.Context(), j, &model.Failure{Code: model.CodeTimeout}, past))
		},
		"given back": func(t *testing.T, s *Store, j model.Job) { ok(t, s.Renew(t.Context(), j, 0, nil)) },
		"died":       func(t *testing.T, s *Store, _ model.Job) { expire(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, b *bed) {
				s := b.open()
				repo := addRepo(t, s, "acme/app").ID
				c := claimJob(t, s)
				must(s.UpdateRepo(t.Context(), repo, model.RepoPatch{Suspended: &yes}))(t)
				end(t, s, c.Job)
				if claimable(t, s, node1) {
					t.Error("it is claimed again")
				}
				if n := countRows(t, s, "job"); n != 0 {
					t.Errorf("%d jobs are left", n)
				}
			})
		})
	}
}

// A job that waits although its repo is suspended, as two nodes may leave it that suspend and
// fail at once, is not due.
func TestAJobOfASuspendedRepoIsNotDue(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		addRepo(t, s, "acme/app")
		ok(t, s.db.write(t.Context(), "test", func(x *tx) error {
			_, err := x.exec(`UPDATE repo SET suspended = 1`)
			return err
		}))
		if at := must(s.NextRunAt(t.Context()))(t); claimable(t, s, node1) || !at.IsZero() {
			t.Errorf("it is due at %v", at)
		}
	})
}

// The limit of a server, and its breaker, hold back only who talks to it: links can be made anew
// while the server is away.
func TestRelinkJobsNeedNoServer(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		o := model.ClaimOptions{Node: "n", Lease: time.Minute, PerHost: 1, Skip: []string{"example.com:22"}}
		repo := addRepo(t, s, "acme/app").ID
		if claimable(t, s, o) {
			t.Error("a fetch went to a server that is to be left alone")
		}
		ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual}))
		if !claimable(t, s, o) {
			t.Error("the relink waits for the server")
		}
		addRepo(t, s, "acme/fetch")
		if o.Skip = nil; !claimable(t, s, o) {
			t.Error("the running relink counts as a connection")
		}
		addRepo(t, s, "acme/second")
		if claimable(t, s, o) {
			t.Error("the limit does not hold")
		}
	})
}

// A late clock of the node made a retry long past by the database's clock: a hot loop. One ahead
// made it wait for an hour.
func TestTheClockOfANodeDoesNotMatter(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		for _, skew := range []time.Duration{-time.Hour, time.Hour} {
			here := time.Now()
			x := &tx{sql: sqliteDialect, at: here.Add(skew)} // the database's clock was read
			if got := must(x.due(time.Now().Add(15 * time.Minute)))(t).Sub(x.at).Round(time.Minute); got != 15*time.Minute {
				t.Errorf("with a skew of %v the retry comes after %v", skew, got)
			}
			if got := must(x.due(here.Add(-time.Minute)))(t); !got.Equal(x.at) {
				t.Errorf("with a skew of %v what is past comes at %v, want %v", skew, got, x.at)
			}
		}
		s := b.open()
		addRepo(t, s, "acme/app")
		ok(t, s.Fail(t.Context(), claimJob(t, s).Job, &model.Failure{Code: model.CodeProtocol}, time.Now().Add(15*time.Minute)))
		if claimable(t, s, node1) {
			t.Error("the retry came at once")
		}
		wantNear(t, must(s.NextRunAt(t.Context()))(t), time.Now().Add(15*time.Minute))
	})
}

// wantNear compares times of which one went through the clock of the database.
func wantNear(t *testing.T, at, want time.Time) {
	t.Helper()
	if d := at.Sub(want).Abs(); d > 5*time.Second {
		t.Errorf("it is %v, want %v", at, want)
	}
}

// A job that is given back is heard of by the other nodes; they took it up by their timers
// before, 15 seconds later.
func TestAJobGivenBackWakesOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		other := s
		if b.opts.URL != "" {
			other = b.open()
		}
		addRepo(t, s, "acme/app")
		c := claimJob(t, s)
		until(t, func() bool { return len(other.Wake()) > 0 })
		<-other.Wake()
		ok(t, s.Renew(t.Context(), c.Job, 0, nil))
		until(t, func() bool { return len(other.Wake()) > 0 })
		if again := must(other.Claim(t.Context(), node1))(t); again.Attempt != 2 {
			t.Errorf("claimed %+v", again)
		}
		wantErr(t, s.Renew(t.Context(), c.Job, 0, nil), model.ErrFenced)
	})
}

// A repo that kills the daemon was claimed first at every start. Now it waits, until a push or a
// person asks for it.
func TestADeadlyJobWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		die := func() {
			claimJob(t, s)
			expire(t, s)
		}
		for range deadly {
			die()
		}
		// The catch-up of the start does not shorten the wait.
		for range 2 {
			if claimable(t, s, node1) {
				t.Fatal("it is claimed at once after its deaths")
			}
			wantNear(t, must(s.NextRunAt(t.Context()))(t), time.Now().Add(deathWait))
			ok(t, s.EnqueueAll(t.Context(), model.PriorityBackfill, true, 0))
		}
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityWebhook, Fetch: true}))
		die()
		if claimable(t, s, node1) {
			t.Fatal("it is claimed at once after one death more")
		}
		wantNear(t, must(s.NextRunAt(t.Context()))(t), time.Now().Add(2*deathWait))
		// A tick that came while it ran does not shorten the wait either; a push does.
		for _, p := range []model.Priority{model.PrioritySchedule, model.PriorityWebhook} {
			ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual, Fetch: true}))
			claimJob(t, s)
			ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: p, Fetch: true}))
			expire(t, s)
			if got := claimable(t, s, node1); got != (p == model.PriorityWebhook) {
				t.Errorf("asked for with priority %d: claimed is %v", p, got)
			}
			expire(t, s)
			claimable(t, s, node1)
		}
		// A failure is no death.
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual, Fetch: true}))
		ok(t, s.Fail(t.Context(), claimJob(t, s).Job, &model.Failure{Code: model.CodeTimeout}, time.Now()))
		die()
		if !claimable(t, s, node1) {
			t.Error("the failure counts as a death")
		}
	})
	for deaths, want := range map[int64]time.Duration{0: 0, 2: 0, 3: 30 * time.Second, 5: 2 * time.Minute, 8: 15 * time.Minute, 90: 15 * time.Minute} {
		if got := afterDeath(deaths); got != want {
			t.Errorf("after %d deaths it waits %v, want %v", deaths, got, want)
		}
	}
}

// Each waiting job of a full server had the running ones counted: 28 ms in the writer with 10,000.
func BenchmarkClaimAtAFullServer(b *testing.B) {
	s := (&bed{b, Options{DataDir: b.TempDir()}}).open()
	specs := make([]model.RepoSpec, 10_000)
	for i := range specs {
		specs[i] = spec
		specs[i].URL = fmt.Sprintf("git@example.com:acme/app%d.git", i)
	}
	ok(b, s.DeclareRepos(b.Context(), specs))
	o := node1
	o.PerHost = 4
	for range o.PerHost {
		must(s.Claim(b.Context(), o))(b)
	}
	for b.Loop() {
		_, err := s.Claim(b.Context(), o)
		wantErr(b, err, model.ErrNotFound)
	}
}
