package sync

import (
	"context"
	"fmt"
	stdsync "sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// Parts are what a Runner works with. *store.Store is all of them but History and Log.
type Parts struct {
	Node     string // unique among the daemons that share the database
	Queue    Queue
	Planner  Planner
	Ledger   Ledger
	Relinker Relinker
	Mover    Mover
	History  History
	Log      *zap.Logger // nil = none
}

// A Runner keeps all repos in sync.
type Runner struct {
	plan      atomic.Pointer[plan]
	relinker  Relinker
	scheduler *scheduler
	workers   *workers
	stats     counters
}

// New makes a Runner. The error is that of Options.Check.
func New(p Parts, o Options) (*Runner, error) {
	compiled, err := compile(o)
	if err != nil {
		return nil, err
	}
	if p.Log == nil {
		p.Log = zap.NewNop()
	}
	r := &Runner{relinker: p.Relinker}
	r.plan.Store(compiled)
	r.scheduler = newScheduler(p.Planner, &r.plan, p.Log)
	r.workers = &workers{
		node: p.Node, queue: p.Queue, plan: &r.plan, log: p.Log,
		syncer:   &syncer{history: p.History, ledger: p.Ledger, relinker: p.Relinker, mover: p.Mover, plan: &r.plan, log: p.Log},
		breakers: newBreakers(), stats: &r.stats, freed: make(chan struct{}, 1),
	}
	return r, nil
}

// Run schedules and syncs until ctx is done. Then it stops what runs and gives it back to
// the queue, and returns within 15 seconds. The error says that a sync did not stop.
func (r *Runner) Run(ctx context.Context) error {
	var scheduling stdsync.WaitGroup
	scheduling.Go(func() { r.scheduler.run(ctx) })
	stopped := r.workers.run(ctx)
	scheduling.Wait()
	if !stopped {
		return fmt.Errorf("%d syncs did not stop within %s", r.workers.running.Load(), drainTime)
	}
	return nil
}

// SetOptions puts other options in force: syncs that begin from now on follow them, a change of
// schedules is planned at once, and repos whose link rules or followed branches changed
// are queued. The error is that of Options.Check, and the old options stay.
func (r *Runner) SetOptions(o Options) error {
	compiled, err := compile(o)
	if err != nil {
		return err
	}
	r.plan.Store(compiled)
	r.workers.nudge()
	r.Poke()
	return nil
}

// Poke makes the scheduler look at all repos at once: one was added, or its settings changed.
func (r *Runner) Poke() {
	select {
	case r.scheduler.poke <- struct{}{}:
	default:
	}
}

// LastTick is when the scheduler last went round. Alive it does so every five seconds or
// more often; the zero time = not yet.
func (r *Runner) LastTick() time.Time {
	if ns := r.scheduler.lastTick.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// Stats gives the counts so far.
func (r *Runner) Stats() Stats {
	s := r.stats.snapshot()
	s.Running = int(r.workers.running.Load())
	s.OpenHosts = r.workers.breakers.open()
	return s
}

// RelinkDryRun tells each link of a repo that relinking by the rules now in force would
// add or take away, and changes nothing.
func (r *Runner) RelinkDryRun(ctx context.Context, repo model.Repo, changed func(model.LinkChange)) error {
	rules := r.plan.Load().rulesOf(repo)
	err := r.relinker.Relink(ctx, model.Job{RepoID: repo.ID}, rules.fingerprint, rules.commit, rules.branch, true, changed)
	if err != nil {
		return fmt.Errorf("relink %s: %w", repo.URL, err)
	}
	return nil
}

// Explain says which issue keys a text names by the rules of a repo, or, with the zero
// Repo, by those of the config alone.
func (r *Runner) Explain(repo model.Repo, text string, kind issuekey.Kind) []issuekey.Candidate {
	return r.plan.Load().rulesOf(repo).keys.Explain([]byte(text), kind)
}

// PullRequestKeys gives the issue keys that a pull request of a repo names, sorted, each
// once: those of its title, read as a message, and of its source branch. It follows the
// rules now in force and works from New on, before Run and after.
func (r *Runner) PullRequestKeys(repo model.Repo, pr model.PullRequest) []model.IssueKey {
	return r.plan.Load().rulesOf(repo).pullRequest(pr)
}

// NextRuns gives the next n times at which the schedule queues a repo.
func (r *Runner) NextRuns(repo model.Repo, n int) []time.Time {
	return r.plan.Load().scheduleOf(repo).Upcoming(time.Now(), n)
}
