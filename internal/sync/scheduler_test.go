package sync

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// startScheduler runs the scheduler of a Runner without its workers.
func startScheduler(t *testing.T, s *fakeStore, o Options) (*Runner, func()) {
	t.Helper()
	r, err := New(Parts{Node: "n", Queue: s, Planner: s, Ledger: s, Relinker: s, Log: zap.NewNop()}, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.scheduler.run(ctx)
	}()
	return r, func() {
		cancel()
		<-done
	}
}

func url(id int) string { return fmt.Sprintf("git@host%d:acme/app.git", id) }

func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		s.addRepo(1, url(1), "*/10 * * * *")
		s.addRepo(2, url(2), "")
		s.addRepo(3, url(3), "").Suspended = true
		_, stop := startScheduler(t, s, Options{Schedule: "@every 15m"})
		defer stop()
		<-time.After(time.Hour + time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.ticks[1]); n != 6 {
			t.Errorf("*/10 fired %d times in an hour", n)
		}
		if n := len(s.ticks[2]); n != 4 {
			t.Errorf("@every 15m fired %d times in an hour", n)
		}
		if n := len(s.ticks[3]); n != 0 {
			t.Errorf("a suspended repo was queued %d times", n)
		}
		for _, at := range s.ticks[1] {
			if at.Minute()%10 != 0 || at.Second() != 0 {
				t.Errorf("*/10 fired at %s", at)
			}
		}
		if s.plans != 2 {
			t.Errorf("%d plans for two repos", s.plans)
		}
	})
}

// TestMissedTicks: after a downtime one sync follows, at its turn and not with all others at once,
// and the next tick is in its place. After a sleep of the machine one tick follows.
func TestMissedTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		for id := range 100 {
			s.addRepo(int64(id), url(id), "*/10 * * * *").NextSyncAt = time.Now().Add(-26 * time.Hour)
		}
		s.repos[1].State = model.StateQueued // by a request of the start before, without a fetch
		_, stop := startScheduler(t, s, Options{Schedule: "@every 15m"})
		defer stop()
		<-time.After(time.Second)
		s.mu.Lock()
		if len(s.ticks) != 0 || len(s.requests) != 100 {
			t.Fatalf("%d ticks and %d requests after a long downtime", len(s.ticks), len(s.requests))
		}
		for _, r := range s.requests {
			if !r.Fetch {
				t.Errorf("queued %+v", r)
			}
		}
		for id, r := range s.repos {
			if until := time.Until(r.NextSyncAt); until <= 0 || until > 10*time.Minute {
				t.Fatalf("the next tick of %d comes in %s", id, until)
			}
		}
		s.repos[1].NextSyncAt = time.Now().Add(-time.Hour)
		s.mu.Unlock()
		<-time.After(relist + maxNap)
		if n := look(s, func() int { return len(s.ticks[1]) }); n != 1 {
			t.Fatalf("%d ticks after a long sleep", n)
		}
	})
}

// TestTwoNodes: of two schedulers one wins each tick.
func TestTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		for id := 1; id <= 20; id++ {
			s.addRepo(int64(id), url(id), "")
		}
		_, stop1 := startScheduler(t, s, Options{Schedule: "@every 10m"})
		defer stop1()
		_, stop2 := startScheduler(t, s, Options{Schedule: "@every 10m"})
		defer stop2()
		<-time.After(time.Hour)
		s.mu.Lock()
		defer s.mu.Unlock()
		for id, at := range s.ticks {
			if len(at) != 6 {
				t.Errorf("repo %d has %d ticks in an hour", id, len(at))
			}
		}
	})
}

func TestCatchUp(t *testing.T) {
	for _, n := range []int{10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			s := newFakeStore()
			for id := range n {
				s.addRepo(int64(id), url(id), "").LastSyncedAt = time.Now().Add(-2 * time.Hour)
			}
			s.addRepo(10001, url(1), "@every 1h").LastSyncedAt = time.Now().Add(-time.Second)
			s.addRepo(10002, url(1), "@daily").LastSyncedAt = time.Now().Add(-time.Hour)
			s.addRepo(10003, url(1), "@daily").Suspended = true
			began := time.Now()
			_, stop := startScheduler(t, s, Options{Schedule: "@daily"})
			defer stop()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			var last time.Duration
			seen := map[int64]int{}
			for _, r := range s.requests {
				if r.Priority != model.PriorityBackfill || r.Fetch == (r.RepoID == 10001) {
					t.Fatalf("queued %+v", r)
				}
				last = max(last, r.RunAt.Sub(began))
				seen[r.RepoID]++
			}
			if len(seen) != n+2 || len(s.requests) != n+2 {
				t.Errorf("%d requests for %d repos", len(s.requests), n)
			}
			if want := min(5*time.Minute, time.Duration(n+2)*time.Second); last > want || last < want*9/10-time.Second {
				t.Errorf("%d repos are spread over %s, want about %s", n, last, want)
			}
		})
	}
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		s.addRepo(1, url(1), "")
		s.addRepo(2, url(2), "").Projects = []string{"APP"}
		o := Options{Schedule: "@daily", Issues: issuekey.Options{Projects: []string{"APP", "OPS"}}}
		r, stop := startScheduler(t, s, o)
		defer stop()
		synctest.Wait()
		look(s, func() int { s.requests = nil; return 0 })

		o.Schedule = "@every 10m"
		if err := r.SetOptions(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for id := range int64(2) {
			if until := time.Until(look(s, func() time.Time { return s.repos[id+1].NextSyncAt })); until > 10*time.Minute {
				t.Errorf("the new schedule of repo %d waits %s", id+1, until)
			}
		}
		if n := look(s, func() int { return len(s.requests) }); n != 0 {
			t.Errorf("a change of the schedule queued %d syncs", n)
		}

		o.Issues.Projects = []string{"APP", "OPS", "NEW"} // repo 2 is narrowed: nothing changes for it
		if err := r.SetOptions(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := look(s, func() []model.Request { return s.requests })
		if len(got) != 1 || got[0].RepoID != 1 || got[0].Fetch || got[0].Priority != model.PriorityBackfill {
			t.Fatalf("a new project queued %+v", got)
		}

		look(s, func() int { s.requests = nil; return 0 })
		o.Exclude = []string{"wip/**"}
		if err := r.SetOptions(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := look(s, func() []model.Request { return s.requests }); len(got) != 2 || !got[0].Fetch {
			t.Fatalf("a new glob queued %+v", got)
		}

		o.Schedule, o.Include = "TZ=0", []string{"["}
		if err := r.SetOptions(o); err == nil || r.plan.Load().Schedule != "@every 10m" {
			t.Fatalf("bad options: %v, in force %s", err, r.plan.Load().Schedule)
		}
	})
}

// TestNewAndChangedRepos: what an API call changes is seen after Poke, and without one soon.
func TestNewAndChangedRepos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		s.addRepo(1, url(1), "@daily")
		r, stop := startScheduler(t, s, Options{Schedule: "@daily"})
		defer stop()
		synctest.Wait()
		s.addRepo(2, url(2), "@every 1m")
		look(s, func() int { s.repos[1].Schedule = "@every 1m"; return 0 })
		r.Poke()
		synctest.Wait()
		for id := range int64(2) {
			next := look(s, func() time.Time { return s.repos[id+1].NextSyncAt })
			if next.IsZero() || time.Until(next) > time.Minute {
				t.Errorf("repo %d is planned for %s", id+1, next)
			}
		}
		s.addRepo(3, url(3), "@every 1m")
		<-time.After(relist + maxNap + time.Second)
		if look(s, func() time.Time { return s.repos[3].NextSyncAt }).IsZero() {
			t.Error("a repo that another node added is not planned")
		}
		look(s, func() int { delete(s.repos, 3); return 0 })
		r.Poke()
		<-time.After(10 * time.Minute) // a removed repo is no trouble
	})
}

func TestAttentionPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		r := s.addRepo(1, url(1), "@every 10s")
		r.State, r.FailedAt = model.StateAttention, time.Now()
		_, stop := startScheduler(t, s, Options{Schedule: "@daily"})
		defer stop()
		<-time.After(attentionPace - time.Second)
		if n := look(s, func() int { return len(s.ticks[1]) }); n != 0 {
			t.Errorf("%d ticks while a person must act", n)
		}
		<-time.After(15 * time.Second)
		if n := look(s, func() int { return len(s.ticks[1]) }); n == 0 {
			t.Error("no further try")
		}
	})
}

// TestSchedulerSurvives: errors of the database stop nothing, and LastTick goes on.
func TestSchedulerSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		s.addRepo(1, url(1), "@every 1m")
		s.err = errors.New("database is away")
		r, stop := startScheduler(t, s, Options{Schedule: "@daily"})
		defer stop()
		<-time.After(5 * time.Minute)
		if time.Since(r.LastTick()) > 2*maxNap {
			t.Errorf("the last tick was %s ago", time.Since(r.LastTick()))
		}
		look(s, func() int { s.err = nil; return 0 })
		<-time.After(5 * time.Minute)
		if n := look(s, func() int { return len(s.ticks[1]) }); n < 4 {
			t.Errorf("%d ticks in the five minutes after", n)
		}
	})
}
