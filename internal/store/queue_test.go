package store

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/testpg"
)

func TestRequestsMergeIntoOneWaitingJob(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		now := must(nowOf(s))(t)
		ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		for _, r := range []model.Request{
			{RepoID: repo, Priority: model.PriorityBackfill, RunAt: now.Add(time.Hour)},
			{RepoID: repo, Priority: model.PrioritySchedule, RunAt: now.Add(2 * time.Hour), Fetch: true},
		} {
			ok(t, s.Enqueue(t.Context(), r))
		}
		_, err := s.Claim(t.Context(), node1)
		wantErr(t, err, model.ErrNotFound)
		wantNear(t, must(s.NextRunAt(t.Context()))(t), now.Add(time.Hour))
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityWebhook}))
		j := claimJob(t, s)
		if !j.Fetch || j.Priority != model.PriorityWebhook || j.Attempt != 1 || j.Repo.Name != "acme/app" {
			t.Errorf("claimed %+v", j)
		}
		// A push during the sync leaves exactly one follow-up, which waits for its end.
		for range 3 {
			ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityWebhook, Fetch: true}))
		}
		_, err = s.Claim(t.Context(), node1)
		wantErr(t, err, model.ErrNotFound)
		ok(t, s.Finish(t.Context(), j.Job))
		ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		if n := countRows(t, s, "job"); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

func TestClaimsGoByPriorityAndHostLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		var repos []model.Repo
		for i, host := range []string{"a", "a", "a", "b"} {
			sp := spec
			sp.URL = fmt.Sprintf("git@%s.example.com:acme/app%d.git", host, i)
			repos = append(repos, must(s.AddRepo(t.Context(), sp))(t))
		}
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repos[2].ID, Priority: model.PriorityWebhook, Fetch: true}))
		o := model.ClaimOptions{Node: "n", Lease: time.Minute, PerHost: 2}
		var got []string
		for range 3 {
			got = append(got, must(s.Claim(t.Context(), o))(t).Repo.Name)
		}
		if want := "[acme/app2 acme/app0 acme/app3]"; fmt.Sprint(got) != want {
			t.Errorf("claimed %v, want %s", got, want)
		}
		_, err := s.Claim(t.Context(), o)
		wantErr(t, err, model.ErrNotFound)
		o.PerHost, o.Skip = 0, []string{"x:22", "a.example.com:22"}
		_, err = s.Claim(t.Context(), o)
		wantErr(t, err, model.ErrNotFound)
		o.Skip = nil
		must(s.Claim(t.Context(), o))(t)
	})
}

func TestFailuresAreRetriedAndShown(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		now := must(nowOf(s))(t)
		j := claimJob(t, s)
		ok(t, s.Renew(t.Context(), j.Job, time.Minute, &model.Progress{Stage: "history", Commits: 7}))
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.State != model.StateSyncing || st.Progress == nil || st.Progress.Commits != 7 {
			t.Errorf("while it runs: %+v", st)
		}
		ok(t, s.Fail(t.Context(), j.Job, &model.Failure{Code: model.CodeTimeout, Detail: "too \xff slow\x00", Hint: "wait"}, now.Add(time.Hour)))
		st := must(s.RepoStatus(t.Context(), repo))(t)
		if st.State != model.StateFailing || st.LastFailure.Detail != "too \uFFFD slow" || st.FailedAt.IsZero() {
			t.Errorf("after the failure: %+v", st)
		}
		// A push in the meantime does not wait for the end of the backoff.
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityWebhook, Fetch: true}))
		j = claimJob(t, s)
		if j.Attempt != 2 || j.Failures != 1 {
			t.Errorf("second try: %+v", j)
		}
		// A retry that meets a waiting job merges into it.
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PrioritySchedule, RunAt: now.Add(2 * time.Hour)}))
		ok(t, s.Fail(t.Context(), j.Job, &model.Failure{Code: model.CodeTimeout}, now.Add(time.Hour)))
		wantNear(t, must(s.NextRunAt(t.Context()))(t), now.Add(time.Hour))
		if n := countRows(t, s, "job"); n != 1 {
			t.Errorf("%d jobs", n)
		}
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual}))
		j = claimJob(t, s)
		ok(t, s.Fail(t.Context(), j.Job, &model.Failure{Code: model.CodeAuthFailed, Detail: "refused"}, time.Time{}))
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.State != model.StateAttention || countRows(t, s, "job") != 0 {
			t.Errorf("after the refusal: %+v", st)
		}
		c := commit("APP-1", 1)
		record(t, s, syncJob(t, s, repo), []model.BatchCommit{c}, map[string]model.Hash{"refs/heads/main": c.Hash})
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.State != model.StateIdle || st.LastFailure != nil || st.LastSyncedAt.IsZero() {
			t.Errorf("after success: %+v", st)
		}
		if c := claimAgain(t, s, repo); c.Failures != 0 || !c.Indexed || c.Rules != "rules" {
			t.Errorf("after success: %+v", c)
		}
	})
}

func TestTicksAreWonOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		at := time.Unix(1_700_000_000, 0).UTC()
		ok(t, s.PlanTick(t.Context(), repo, at))
		won := 0
		for range 2 {
			won += int(flag(must(s.EnqueueTick(t.Context(), repo, at, at.Add(time.Hour)))(t)))
		}
		if won != 1 {
			t.Errorf("won %d times", won)
		}
		if st := must(s.RepoStatus(t.Context(), repo))(t); st.State != model.StateQueued || !st.NextSyncAt.Equal(at.Add(time.Hour)) {
			t.Errorf("status is %+v", st)
		}
		suspended := true
		must(s.UpdateRepo(t.Context(), repo, model.RepoPatch{Suspended: &suspended}))(t)
		if must(s.EnqueueTick(t.Context(), repo, at.Add(time.Hour), at.Add(2*time.Hour)))(t) || countRows(t, s, "job") != 0 {
			t.Error("a suspended repo was queued")
		}
	})
}

func TestEnqueueAllSpreads(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		for i := range 4 {
			addRepo(t, s, fmt.Sprint("acme/app", i))
			ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		}
		ok(t, s.EnqueueAll(t.Context(), model.PriorityBackfill, true, time.Hour))
		claimJob(t, s)
		_, err := s.Claim(t.Context(), node1)
		wantErr(t, err, model.ErrNotFound)
		if n := countRows(t, s, "job"); n != 4 {
			t.Errorf("%d jobs", n)
		}
	})
}

// Two daemons on one PostgreSQL, and two goroutines on one SQLite.
func TestRacingNodesShareTheWork(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		stores := []*Store{b.open()}
		if b.opts.URL != "" {
			stores = append(stores, b.open())
		} else {
			stores = append(stores, stores[0])
		}
		const repos = 12
		for i := range repos {
			addRepo(t, stores[0], fmt.Sprint("acme/app", i))
		}
		at := time.Unix(1_700_000_000, 0)
		var mu sync.Mutex
		running, runs := map[int64]bool{}, 0
		var wg sync.WaitGroup
		for n, s := range stores {
			for w := range 3 {
				wg.Go(func() {
					o := model.ClaimOptions{Node: fmt.Sprint("node", n, w), Lease: time.Minute, PerHost: 3}
					for i := range 40 {
						id := int64(i%repos + 1)
						if n == 0 && w == 0 {
							_ = s.PlanTick(t.Context(), id, at)
						}
						if _, err := s.EnqueueTick(t.Context(), id, at, at.Add(time.Hour)); err != nil {
							t.Error(err)
						}
						_, err := s.Accept(t.Context(), model.Delivery{Host: "h", Push: model.Push{DeliveryID: fmt.Sprint(i), RepoName: fmt.Sprint("acme/app", id-1)}})
						if err != nil {
							t.Error(err)
						}
						j, err := s.Claim(t.Context(), o)
						if err != nil {
							continue
						}
						mu.Lock()
						if running[j.RepoID] || len(running) >= 3 {
							t.Errorf("repo %d runs twice, or %d run on one host", j.RepoID, len(running)+1)
						}
						running[j.RepoID] = true
						runs++
						mu.Unlock()
						runtime.Gosched()
						mu.Lock()
						delete(running, j.RepoID)
						mu.Unlock()
						var end error
						if i%3 > 0 {
							end = s.Finish(t.Context(), j.Job)
						} else {
							end = s.Fail(t.Context(), j.Job, &model.Failure{Code: model.CodeTimeout}, at)
						}
						if end != nil {
							t.Error(end)
						}
					}
				})
			}
		}
		wg.Wait()
		if runs < repos {
			t.Errorf("%d runs", runs)
		}
		if n := countRows(t, stores[0], "delivery"); n != 40 {
			t.Errorf("%d deliveries were stored, want 40", n)
		}
	})
}

func TestAnotherNodesWorkIsSeen(t *testing.T) {
	b := &bed{t, Options{URL: testpg.New(t)}}
	one, two := b.open(), b.open()
	repo := addRepo(t, one, "acme/app").ID
	select {
	case <-two.Wake():
	case <-time.After(20 * time.Second):
		t.Fatal("the other node was not woken")
	}
	a := commit("APP-1 a", 1)
	c := commit("APP-1 b", 2, a.Hash)
	record(t, one, syncJob(t, one, repo), []model.BatchCommit{a}, map[string]model.Hash{"refs/heads/main": a.Hash})
	if got := issue(t, two, "APP-1"); len(got.Commits) != 1 || got.Commits[0].BranchCount != 1 {
		t.Errorf("the second node sees %+v", got.Commits)
	}
	record(t, two, syncJob(t, two, repo), []model.BatchCommit{a, c}, map[string]model.Hash{"refs/heads/main": c.Hash, "refs/tags/t": a.Hash})
	for _, s := range []*Store{one, two} {
		if got := issue(t, s, "APP-1"); len(got.Commits) != 2 || got.Commits[0].BranchCount != 1 || len(got.Tags) != 1 {
			t.Errorf("seen: %+v", got)
		}
	}
	record(t, one, syncJob(t, one, repo), nil, map[string]model.Hash{"refs/heads/main": a.Hash, "refs/tags/t": a.Hash})
	for _, s := range []*Store{one, two} {
		if got := subjects(issue(t, s, "APP-1")); len(got) != 1 {
			t.Errorf("after the force-push: %q", got)
		}
	}
}

func TestTheListenerComesBack(t *testing.T) {
	b := &bed{t, Options{URL: testpg.New(t)}}
	one, two := b.open(), b.open()
	repo := addRepo(t, one, "acme/app").ID
	ok(t, one.db.read(t.Context(), func(x *tx) error {
		_, err := x.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN issuetrail_job' AND datname = current_database()`)
		return err
	}))
	until(t, func() bool {
		ok(t, one.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual}))
		listening := 0
		ok(t, one.db.read(t.Context(), func(x *tx) error {
			return x.row(`SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN issuetrail_job' AND datname = current_database()`).Scan(&listening)
		}))
		return listening == 2
	})
	for len(two.Wake()) > 0 {
		<-two.Wake()
	}
	ok(t, one.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual}))
	select {
	case <-two.Wake():
	case <-time.After(20 * time.Second):
		t.Fatal("the other node was not woken")
	}
}

// Making links anew tells nothing of the server: a failing repo stays failing.
func TestRelinkJobLeavesTheFailure(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		ok(t, s.Fail(t.Context(), claimJob(t, s).Job, &model.Failure{Code: model.CodeTimeout, Detail: "slow"}, time.Time{}))
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual}))
		ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		st := must(s.RepoStatus(t.Context(), repo))(t)
		if st.LastFailure == nil || !st.LastSyncedAt.IsZero() || st.State != model.StateFailing {
			t.Errorf("after a relink: %+v", st)
		}
		if n := countRows(t, s, "job"); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

// A flood of deliveries of one push: the sync that finds nothing new is followed by a pause,
// the one that found something is not.
func TestDeliveriesWaitAfterASyncThatFoundNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		root := commit("R-1 root", 1)
		record(t, s, claimJob(t, s).Job, []model.BatchCommit{root}, map[string]model.Hash{"refs/heads/main": root.Hash})
		ring := model.Request{RepoID: repo, Priority: model.PriorityWebhook, Fetch: true}
		ok(t, s.Enqueue(t.Context(), ring))
		job := claimJob(t, s).Job // at once
		before := must(nowOf(s))(t)
		ok(t, s.Finish(t.Context(), job))
		ok(t, s.Enqueue(t.Context(), ring))
		if at := must(s.NextRunAt(t.Context()))(t); at.Sub(before) < quiet {
			t.Errorf("runs %v after the sync", at.Sub(before))
		}
		ok(t, s.Enqueue(t.Context(), model.Request{RepoID: repo, Priority: model.PriorityManual, Fetch: true}))
		claimJob(t, s) // a person does not wait
	})
}
