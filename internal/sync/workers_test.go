package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"issuetrail/internal/model"
)

// A yard is a whole Runner over fakes, running.
type yard struct {
	t       *testing.T
	history *fakeHistory
	store   *fakeStore
	runner  *Runner
	stop    func() error
}

// inYard runs f in a bubble of fake time, with a Runner over n repos, each on a host of its
// own unless hosts says otherwise, that were synced just now.
func inYard(t *testing.T, o Options, n int, host func(id int) string, f func(y *yard)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		y := &yard{t: t, history: newFakeHistory(), store: newFakeStore()}
		y.history.commit("main", "APP-1 one")
		for id := 1; id <= n; id++ {
			r := y.store.addRepo(int64(id), "git@"+host(id)+":acme/app.git", "")
			r.indexed, r.LastSyncedAt = true, time.Now()
		}
		o.Schedule = "@yearly"
		var err error
		y.runner, err = New(Parts{Node: "n", Queue: y.store, Planner: y.store, Ledger: y.store, Relinker: y.store, History: y.history}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range y.store.repos {
			r.rules = y.runner.plan.Load().rulesOf(r.Repo).fingerprint
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- y.runner.Run(ctx) }()
		y.stop = func() error {
			cancel()
			return <-done
		}
		f(y)
		cancel()
		synctest.Wait()
	})
}

func oneHost(int) string { return "host" }

func ownHost(id int) string { return string(rune('a' + id)) }

func (y *yard) enqueue(id int, p model.Priority) {
	y.t.Helper()
	if err := y.store.Enqueue(y.t.Context(), model.Request{RepoID: int64(id), Priority: p, Fetch: true}); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) syncs(result string) int64 { return y.runner.Stats().Syncs[result] }

// settle lets the catch-up of the start, which only looks for changed rules, run out.
func (y *yard) settle() {
	<-time.After(time.Minute)
	synctest.Wait()
}

func TestJobRuns(t *testing.T) {
	inYard(t, appOptions, 1, oneHost, func(y *yard) {
		y.settle()
		began := time.Now()
		y.enqueue(1, model.PriorityWebhook)
		synctest.Wait()
		if y.syncs(resultChanged) != 1 || time.Since(began) != 0 {
			t.Errorf("%+v after %s", y.runner.Stats(), time.Since(began))
		}
		if st := y.runner.Stats(); st.Commits != 1 || st.Links != 1 || st.Running != 0 {
			t.Errorf("%+v", st)
		}
		if err := y.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestLimits: no more workers than allowed, and no more of them on one host.
func TestLimits(t *testing.T) {
	o := appOptions
	o.Workers, o.PerHost = 3, 2
	for _, c := range []struct {
		host func(int) string
		most int
	}{{ownHost, 3}, {oneHost, 2}} {
		inYard(t, o, 9, c.host, func(y *yard) {
			y.settle()
			y.history.fast.Store(true)
			y.history.onFetch = func(ctx context.Context, _ int) error {
				<-time.After(time.Minute)
				return nil
			}
			for id := 1; id <= 9; id++ {
				y.enqueue(id, model.PrioritySchedule)
			}
			eventually(t, "all repos are synced", func() bool { return y.syncs(resultChanged) == 9 })
			if y.history.most != c.most {
				t.Errorf("%d at the same time, want %d", y.history.most, c.most)
			}
		})
	}
}

// TestOneRunsOneWaits: bells during a sync make one more sync.
func TestOneRunsOneWaits(t *testing.T) {
	inYard(t, appOptions, 1, oneHost, func(y *yard) {
		y.settle()
		y.history.onFetch = func(context.Context, int) error { <-time.After(time.Minute); return nil }
		y.enqueue(1, model.PriorityWebhook)
		synctest.Wait()
		for range 100 {
			y.enqueue(1, model.PriorityWebhook)
		}
		<-time.After(10 * time.Minute)
		if y.syncs(resultChanged) != 1 || y.syncs(resultUnchanged) != 2 { // one of the start, one of the bells
			t.Errorf("%+v", y.runner.Stats())
		}
	})
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		fail  func() error
		code  string
		retry bool
	}{
		"protocol":  {func() error { return &model.Failure{Code: model.CodeProtocol, Detail: "garbage"} }, model.CodeProtocol, true},
		"auth":      {func() error { return &model.Failure{Code: model.CodeAuthFailed, Detail: "no"} }, model.CodeAuthFailed, false},
		"plain":     {func() error { return errors.New("odd") }, model.CodeInternal, true},
		"panic":     {func() error { panic("aargh") }, model.CodeInternal, true},
		"not found": {func() error { return &model.Failure{Code: model.CodeNotFound, Detail: "gone"} }, model.CodeNotFound, false},
	} {
		inYard(t, appOptions, 1, oneHost, func(y *yard) {
			y.settle()
			var broken atomic.Bool
			broken.Store(true)
			y.history.openErr = func(string) error {
				if broken.Load() {
					return c.fail()
				}
				return nil
			}
			if name == "panic" { // a mutex of the fake must not stay locked
				y.history.openErr = nil
				y.history.onFetch = func(context.Context, int) error {
					if broken.Load() {
						return c.fail()
					}
					return nil
				}
			}
			y.enqueue(1, model.PriorityWebhook)
			<-time.After(20 * time.Minute)
			n := y.syncs(c.code)
			if f := look(y.store, func() *model.Failure { return y.store.repos[1].LastFailure }); f == nil || f.Code != c.code {
				t.Fatalf("%s: noted as %+v", name, f)
			}
			if c.retry && (n < 4 || n > 60) || !c.retry && n != 1 {
				t.Errorf("%s: tried %d times", name, n)
			}
			broken.Store(false)
			<-time.After(20 * time.Minute)
			if healed := y.syncs(resultChanged) == 1; healed != c.retry {
				t.Errorf("%s: healed by itself: %t", name, healed)
			}
			if y.runner.Stats().Running != 0 {
				t.Errorf("%s: %+v", name, y.runner.Stats())
			}
		})
	}
}

// TestBreakerAtWork: a host that is away gets one try at a time, and others all they want.
func TestBreakerAtWork(t *testing.T) {
	host := func(id int) string {
		if id <= 20 {
			return "away"
		}
		return ownHost(id - 20)
	}
	inYard(t, appOptions, 25, host, func(y *yard) {
		y.settle()
		var away atomic.Bool
		away.Store(true)
		y.history.openErr = func(host string) error {
			if host == "away" && away.Load() {
				return &model.Failure{Code: model.CodeUnreachable, Detail: "connection refused"}
			}
			return nil
		}
		for id := 1; id <= 25; id++ {
			y.enqueue(id, model.PriorityWebhook)
		}
		<-time.After(time.Second)
		if y.syncs(resultChanged) != 5 {
			t.Errorf("the others had to wait: %+v", y.runner.Stats())
		}
		<-time.After(time.Hour)
		y.history.mu.Lock()
		tries := y.history.opens["away"]
		y.history.mu.Unlock()
		if tries < 6 || tries > 60 {
			t.Errorf("%d tries within an hour for 20 repos of a host that is away", tries)
		}
		if y.runner.Stats().OpenHosts != 1 {
			t.Errorf("%+v", y.runner.Stats())
		}
		away.Store(false)
		<-time.After(16 * time.Minute)
		if got := y.syncs(resultChanged); got != 25 || y.runner.Stats().OpenHosts != 0 {
			t.Errorf("back again: %+v", y.runner.Stats())
		}
	})
}

// TestTimeout: a sync that takes too long ends; a first index may take what it takes.
func TestTimeout(t *testing.T) {
	o := appOptions
	o.Timeout = 5 * time.Minute
	inYard(t, o, 2, ownHost, func(y *yard) {
		y.settle()
		y.store.repos[2].indexed = false
		y.history.onFetch = func(ctx context.Context, _ int) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Hour):
				return nil
			}
		}
		y.enqueue(1, model.PriorityWebhook)
		y.enqueue(2, model.PriorityWebhook)
		<-time.After(5*time.Minute + time.Second)
		f := look(y.store, func() *model.Failure { return y.store.repos[1].LastFailure })
		if f == nil || f.Code != model.CodeTimeout || f.Hint == "" {
			t.Errorf("the slow sync ended as %+v", f)
		}
		<-time.After(time.Hour)
		if !look(y.store, func() bool { return y.store.repos[2].results != nil }) {
			t.Error("the first index did not get through")
		}
	})
}

// TestShutdown gives running jobs back, without a failure.
func TestShutdown(t *testing.T) {
	inYard(t, appOptions, 3, ownHost, func(y *yard) {
		y.settle()
		y.history.onFetch = func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}
		for id := 1; id <= 3; id++ {
			y.enqueue(id, model.PriorityWebhook)
		}
		synctest.Wait()
		if y.runner.Stats().Running != 3 {
			t.Fatalf("%+v", y.runner.Stats())
		}
		began := time.Now()
		if err := y.stop(); err != nil || time.Since(began) > time.Second {
			t.Errorf("stopped in %s: %v", time.Since(began), err)
		}
		y.store.mu.Lock()
		defer y.store.mu.Unlock()
		if y.store.released != 3 || len(y.store.waiting) != 3 || y.store.repos[1].LastFailure != nil || y.syncs(resultReleased) != 3 {
			t.Errorf("released %d, waiting %d, %+v", y.store.released, len(y.store.waiting), y.store.repos[1].LastFailure)
		}
	})
}

// TestStuckShutdown: a sync that does not listen holds the end up for 15 s and no longer.
func TestStuckShutdown(t *testing.T) {
	inYard(t, appOptions, 1, oneHost, func(y *yard) {
		y.settle()
		y.history.onFetch = func(context.Context, int) error { <-time.After(time.Minute); return nil }
		y.enqueue(1, model.PriorityWebhook)
		synctest.Wait()
		began := time.Now()
		if err := y.stop(); err == nil || time.Since(began) != drainTime {
			t.Errorf("stopped in %s: %v", time.Since(began), err)
		}
		<-time.After(time.Minute)
	})
}

// TestLease: it is renewed each second while there is news and each six without; a lost one
// ends the sync, which writes nothing more.
func TestLease(t *testing.T) {
	inYard(t, appOptions, 1, oneHost, func(y *yard) {
		y.settle()
		ended := make(chan error, 1)
		y.history.onFetch = func(ctx context.Context, n int) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}
		y.enqueue(1, model.PriorityWebhook)
		<-time.After(61 * time.Second)
		if n := look(y.store, func() int { return len(y.store.renewals) }); n != 10 {
			t.Errorf("%d renewals in a quiet minute", n)
		}
		look(y.store, func() int { y.store.running[1].Attempt++; return 0 }) // another node has it
		<-time.After(10 * time.Second)
		select {
		case err := <-ended:
			if !errors.Is(err, model.ErrFenced) {
				t.Errorf("ended by %v", err)
			}
		default:
			t.Fatal("the sync goes on without its lease")
		}
		synctest.Wait()
		if y.syncs(resultLost) != 1 || look(y.store, func() *model.Failure { return y.store.repos[1].LastFailure }) != nil {
			t.Errorf("%+v", y.runner.Stats())
		}
	})
}

func TestProgressIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore()
		s.addRepo(1, "git@host:a.git", "")
		_ = s.Enqueue(t.Context(), model.Request{RepoID: 1})
		job, err := s.Claim(t.Context(), model.ClaimOptions{PerHost: 1})
		if err != nil {
			t.Fatal(err)
		}
		l := &lease{queue: s, job: job.Job, lost: func(err error) { t.Error(err) }}
		stop := l.hold(t.Context())
		for i := range 100 { // ten seconds of news
			l.progress(model.Progress{Objects: int64(i)})
			<-time.After(100 * time.Millisecond)
		}
		stop()
		if n := len(s.renewals); n < 9 || n > 10 || s.renewals[n-1].Objects < 80 {
			t.Errorf("told %d times: %v", n, s.renewals)
		}
	})
}

// TestClaimSurvives: errors of the queue stop nothing.
func TestClaimSurvives(t *testing.T) {
	inYard(t, appOptions, 1, oneHost, func(y *yard) {
		y.settle()
		look(y.store, func() int { y.store.claimErr = errors.New("database is away"); return 0 })
		y.enqueue(1, model.PriorityWebhook)
		<-time.After(time.Minute)
		look(y.store, func() int { y.store.claimErr = nil; return 0 })
		<-time.After(2 * errorNap)
		if y.syncs(resultChanged) != 1 {
			t.Errorf("%+v", y.runner.Stats())
		}
	})
}

// TestSetWorkers: a reload changes the number of workers at once.
func TestSetWorkers(t *testing.T) {
	o := appOptions
	o.Workers = 1
	inYard(t, o, 5, ownHost, func(y *yard) {
		y.settle()
		y.history.fast.Store(true)
		y.history.onFetch = func(context.Context, int) error { <-time.After(time.Hour); return nil }
		for id := 1; id <= 5; id++ {
			y.store.repos[int64(id)].indexed = false
			y.enqueue(id, model.PriorityWebhook)
		}
		synctest.Wait()
		if n := y.runner.Stats().Running; n != 1 {
			t.Errorf("%d of one worker", n)
		}
		o.Workers, o.Schedule = 4, "@yearly"
		if err := y.runner.SetOptions(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := y.runner.Stats().Running; n != 4 {
			t.Errorf("%d of four workers", n)
		}
		<-time.After(3 * time.Hour)
	})
}
