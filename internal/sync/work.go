package sync

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	stdsync "sync"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/crash"
	"issuetrail/internal/model"
)

// Times of one job.
const (
	renewProgress = time.Second     // the lease is renewed that often while there is news
	renewQuiet    = 6 * time.Second // and that often without
	settleTime    = 10 * time.Second
)

// errFinished ends the context of a job that is over.
var errFinished = errors.New("the sync is over")

// work runs one job to its end. It says whether the server was tried, with the failure if
// that is how it ended. A job that was lost or given back counts as not tried.
func (w *workers) work(ctx context.Context, job model.Claimed, p *pulse) (tried bool, failure *model.Failure) {
	began := time.Now()
	jobCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(errFinished)
	if o := w.plan.Load(); job.Indexed && job.Fetch {
		var stop context.CancelFunc
		jobCtx, stop = context.WithTimeoutCause(jobCtx, o.Timeout, &model.Failure{
			Code:   model.CodeTimeout,
			Detail: fmt.Sprintf("the sync took longer than %s", o.Timeout),
			Hint:   "raise sync.timeout if the repository is that large",
		})
		defer stop()
	}
	l := &lease{queue: w.queue, job: job.Job, lost: cancel}
	stopLease := l.hold(jobCtx)
	out, err := w.safely(jobCtx, job, p, l.progress)
	stopLease()
	crash.Point("sync.worked")
	result, failure := w.settle(ctx, jobCtx, job, out, err)
	w.stats.count(result, out, time.Since(began))
	return job.Fetch && result != resultLost && result != resultReleased, failure
}

// How a sync ended that neither worked nor failed.
const (
	resultLost     = "lost"     // another node has the job
	resultReleased = "released" // given back, the daemon stops
)

// settle tells the queue how a job ended; one that worked told the store itself.
func (w *workers) settle(ctx, jobCtx context.Context, job model.Claimed, out outcome, err error) (string, *model.Failure) {
	cause := context.Cause(jobCtx)
	calm, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer done()
	log := w.log.With(zap.Int64("repository_id", job.RepoID), zap.String("repository", job.Repo.Name))
	switch {
	case err == nil:
		return out.result, nil
	case errors.Is(err, model.ErrFenced) || errors.Is(cause, model.ErrFenced):
		log.Warn("lost the job to another node, or the repository was removed")
		return resultLost, nil
	case ctx.Err() != nil:
		if err := w.queue.Renew(calm, job.Job, 0, nil); err != nil && !errors.Is(err, model.ErrFenced) {
			log.Warn("could not give the job back; its lease will end", zap.Error(err))
		}
		return resultReleased, nil
	}
	failure := model.AsFailure(err)
	if f := (*model.Failure)(nil); errors.As(cause, &f) {
		failure = f // the whole sync ran out of time: the error is but an echo
	}
	w.fail(calm, job, failure, log)
	return failure.Code, failure
}

func (w *workers) fail(ctx context.Context, job model.Claimed, failure *model.Failure, log *zap.Logger) {
	var retryAt time.Time
	switch {
	case failure.Code == model.CodeDiskFull:
		retryAt = time.Now().Add(backoff(0)) // however long it was full: with room again, all goes on within a minute
	case !failure.Attention():
		retryAt = time.Now().Add(backoff(job.Failures))
	}
	log.Warn("sync failed", zap.String("code", failure.Code), zap.String("detail", failure.Detail),
		zap.Int("failures", job.Failures+1), retryField(retryAt), zap.NamedError("cause", failure.Err))
	err := w.queue.Fail(ctx, job.Job, failure, retryAt)
	if err != nil && !errors.Is(err, model.ErrFenced) {
		log.Error("could not note the failure; the job runs again when its lease ends", zap.Error(err))
	}
}

// safely runs the sync; a panic becomes a failure of this repo alone.
func (w *workers) safely(ctx context.Context, job model.Claimed, p *pulse, progress func(model.Progress)) (out outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = outcome{}, panicked(r)
		}
	}()
	s := *w.syncer
	s.history = watched{s.history, p}
	return s.sync(ctx, job, progress)
}

// panicked makes a failure of a recovered panic; the stack goes to the log alone.
func panicked(r any) error {
	return &model.Failure{
		Code:   model.CodeInternal,
		Detail: fmt.Sprintf("a fault of issuetrail: %.200v", r),
		Hint:   "the log holds the details; please report them",
		Err:    fmt.Errorf("panic: %v\n%s", r, debug.Stack()),
	}
}

// A lease keeps a running job ours.
type lease struct {
	queue Queue
	job   model.Job
	lost  context.CancelCauseFunc // with model.ErrFenced

	mu    stdsync.Mutex
	now   model.Progress
	dirty bool
}

// progress notes how far the sync is; it is told with the next renewal.
func (l *lease) progress(p model.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty = l.dirty || p != l.now
	l.now = p
}

// take gives the news since it was called last, or nil.
func (l *lease) take() *model.Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dirty {
		return nil
	}
	l.dirty = false
	p := l.now
	return &p
}

// hold renews the lease until stop is called, which waits for a renewal under way.
func (l *lease) hold(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(renewProgress)
		defer ticker.Stop()
		renewed := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			l.renew(ctx, &renewed)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// renew renews if there is news or it is time to. A database that fails for
// longer than the lease lost us the job as well.
func (l *lease) renew(ctx context.Context, renewed *time.Time) {
	news := l.take()
	if news == nil && time.Since(*renewed) < renewQuiet {
		return
	}
	began := time.Now()
	err := l.queue.Renew(ctx, l.job, leaseTime, news)
	switch {
	case err == nil:
		*renewed = began
	case errors.Is(err, model.ErrFenced), time.Since(*renewed) > leaseTime:
		l.lost(fmt.Errorf("renew the lease: %w", model.ErrFenced))
	}
}

// retryField says when a failed sync runs again, as far as that is planned.
func retryField(at time.Time) zap.Field {
	if at.IsZero() {
		return zap.String("retry_at", "by schedule")
	}
	return zap.Time("retry_at", at)
}
