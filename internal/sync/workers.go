package sync

import (
	"context"
	"errors"
	stdsync "sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/crash"
	"issuetrail/internal/model"
)

// Times of the workers.
const (
	leaseTime  = 20 * time.Second
	idlePoll   = 15 * time.Second // without any sign the queue is looked at that often
	blockedNap = time.Second      // while a due job may not run: it waits for a limit that another node fills
	errorNap   = time.Second      // after the queue failed
	drainTime  = 15 * time.Second
)

// workers claim jobs and run them, each in its goroutine.
type workers struct {
	node     string
	queue    Queue
	syncer   *syncer
	plan     *atomic.Pointer[plan]
	log      *zap.Logger
	breakers *breakers
	stats    *counters

	running atomic.Int64
	stalled atomic.Int64 // of them, see pulse
	all     stdsync.WaitGroup
	freed   chan struct{} // a worker ended, or the options changed
	failing bool
}

// run claims jobs until ctx is done, then waits until those that run have stopped: at most
// drainTime. It says whether all did.
func (w *workers) run(ctx context.Context) bool {
	for ctx.Err() == nil {
		w.wait(ctx, w.fill(ctx))
	}
	stopped := make(chan struct{})
	go func() {
		w.all.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		return true
	case <-time.After(drainTime):
		return false
	}
}

// fill starts jobs until all workers are busy or none is due, and says how long to wait
// for more; 0 = until a worker is free.
func (w *workers) fill(ctx context.Context) time.Duration {
	for ctx.Err() == nil {
		p := w.plan.Load()
		if w.full(p.Workers) {
			return 0
		}
		skip, probeAt := w.breakers.skip(time.Now())
		job, err := w.queue.Claim(ctx, model.ClaimOptions{Node: w.node, Lease: leaseTime, PerHost: p.PerHost, Skip: skip})
		w.note(ctx, err)
		switch {
		case errors.Is(err, model.ErrNotFound):
			return w.nap(ctx, probeAt)
		case err != nil:
			return errorNap
		}
		crash.Point("sync.claimed")
		w.start(ctx, job)
	}
	return 0
}

// note logs an error of the queue when it appears, not at every try.
func (w *workers) note(ctx context.Context, err error) {
	failed := err != nil && !errors.Is(err, model.ErrNotFound)
	switch {
	case ctx.Err() != nil:
		return
	case failed && !w.failing:
		w.log.Error("cannot claim a job; goes on trying", zap.Error(err))
	case !failed && w.failing:
		w.log.Info("jobs can be claimed again")
	}
	w.failing = failed
}

// nap is how long nothing can become due without a sign.
func (w *workers) nap(ctx context.Context, probeAt time.Time) time.Duration {
	now, nap := time.Now(), idlePoll
	at, err := w.queue.NextRunAt(ctx)
	switch {
	case err != nil:
		nap = errorNap
	case !at.IsZero() && !at.After(now):
		nap = blockedNap
	case !at.IsZero():
		nap = min(nap, at.Sub(now))
	}
	if !probeAt.IsZero() {
		nap = min(nap, max(probeAt.Sub(now), time.Millisecond))
	}
	return nap
}

// wait sleeps until a job may be due.
func (w *workers) wait(ctx context.Context, nap time.Duration) {
	var timeout <-chan time.Time
	wake := w.queue.Wake()
	if nap > 0 {
		timer := time.NewTimer(nap)
		defer timer.Stop()
		timeout = timer.C
	} else {
		wake = nil // no worker is free
	}
	select {
	case <-ctx.Done():
	case <-timeout:
	case <-wake:
	case <-w.freed:
	}
}

func (w *workers) start(ctx context.Context, job model.Claimed) {
	w.running.Add(1)
	host := hostOf(job.Repo)
	probe := job.Fetch && w.breakers.claimed(host)
	w.all.Go(func() {
		p := &pulse{}
		stop := w.watch(p)
		tried, failure := w.work(ctx, job, p)
		stop()
		reached := failure == nil || !noConnection(failure) || p.answered.Load()
		w.breakers.ended(host, job.RepoID, probe, tried, reached, time.Now())
		w.running.Add(-1)
		w.nudge()
	})
}

// nudge makes the claiming loop look again.
func (w *workers) nudge() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// hostOf is the SSH server of a repo, "host:port"; "" if its URL is none.
func hostOf(repo model.Repo) string {
	a, err := model.ParseAddress(repo.URL)
	if err != nil {
		return ""
	}
	return a.HostPort()
}
