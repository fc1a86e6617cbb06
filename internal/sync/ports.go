// Package sync decides when each repo is synced and in what order a sync goes:
// schedule, claim, fetch → link → record. Webhooks, schedules and people all do the
// same: they see to it that a job is queued. Only cmd/daemon imports this package, so
// its standard name confuses nobody.
package sync

import (
	"context"
	"time"

	"issuetrail/internal/model"
)

// A Queue hands out jobs; *store.Store is one. Every method may fail with an error that
// passes, such as a busy database.
type Queue interface {
	// Claim takes the next job that is due; model.ErrNotFound when there is none.
	Claim(ctx context.Context, o model.ClaimOptions) (model.Claimed, error)
	// Renew moves the end of the lease; a lease of zero gives the job back, for
	// whoever claims next. model.ErrFenced when it is no longer ours.
	Renew(ctx context.Context, j model.Job, lease time.Duration, p *model.Progress) error
	// Fail ends the job and tells why; it runs again at retryAt, or, if that is zero,
	// when the schedule says.
	Fail(ctx context.Context, j model.Job, f *model.Failure, retryAt time.Time) error
	// Wake yields when a job may have become due.
	Wake() <-chan struct{}
	// NextRunAt is when the next job becomes due or its lease ends; zero = none.
	NextRunAt(ctx context.Context) (time.Time, error)
}

// A Planner knows the repos and when each is due; *store.Store is one.
type Planner interface {
	// RepoStatuses lists repos; an empty next cursor ends the list.
	RepoStatuses(ctx context.Context, limit int, cursor string) ([]model.RepoStatus, string, error)
	// PlanTick sets when the repo is due next.
	PlanTick(ctx context.Context, repoID int64, next time.Time) error
	// EnqueueTick queues a sync and plans the next, unless another node did.
	EnqueueTick(ctx context.Context, repoID int64, expect, next time.Time) (won bool, err error)
	// Enqueue queues a sync, or merges it into the one that waits.
	Enqueue(ctx context.Context, r model.Request) error
}

// A Ledger keeps refs and commits; *store.Store is one. What takes a job is
// fenced: model.ErrFenced when the job is no longer ours.
type Ledger interface {
	// Refs are the refs recorded last, sorted by name.
	Refs(ctx context.Context, repoID int64) ([]model.Ref, error)
	// Known says of each hash whether its commit is recorded.
	Known(ctx context.Context, repoID int64, hashes []model.Hash) ([]bool, error)
	// Add stores new commits; they count once Record was called. It keeps nothing of
	// the batch.
	Add(ctx context.Context, j model.Job, batch []model.BatchCommit) error
	// Record stores what the sync found and ends the job.
	Record(ctx context.Context, j model.Job, r model.SyncResult) error
	// Finish ends a job that found nothing new.
	Finish(ctx context.Context, j model.Job) error
}

// A Relinker makes the links of a repo anew from its stored history; *store.Store is one.
type Relinker interface {
	Relink(ctx context.Context, j model.Job, rules string, keys func(model.RawCommit) []model.IssueKey,
		branch func(name string) []model.IssueKey, dry bool, changed func(model.LinkChange)) error
}

// A Mover gives a repo its new address; *store.Store is one.
type Mover interface {
	// ConfirmMove ends the suspicion that the repo of a running job has moved. Confirmed,
	// Repo.MovedTo becomes its address, and the old one stays as an alias; else it is dropped.
	// model.ErrFenced when the job is no longer ours; model.ErrExists when the address is
	// another repo's, and then the suspicion is dropped, too.
	ConfirmMove(ctx context.Context, j model.Job, confirmed bool) error
}

// History opens repositories on their servers; cmd/daemon makes one of *mirror.Pool.
// All errors, here and of a Session, are such as model.AsFailure understands.
type History interface {
	Open(ctx context.Context, a model.Address) (Session, error)
}

// A Session talks to one repository; cmd/daemon makes one of *mirror.Session.
type Session interface {
	// Refs lists heads and tags. Where the digest of the list equals same, Refs of the
	// answer may be left nil.
	Refs(ctx context.Context, same [32]byte) (model.RefList, error)
	// Fetch streams the commits that wants reach and haves do not; others may come too. What
	// emit is given is valid only until it returns. tags maps tag objects to their commits.
	Fetch(ctx context.Context, wants, haves []model.Hash, progress func(model.Progress),
		emit func(model.RawCommit) error) (tags map[model.Hash]model.Hash, err error)
	Close() error
}
