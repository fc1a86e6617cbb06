package sync

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/model"
)

// Times of the scheduler.
const (
	relist        = 30 * time.Second // repos are read anew that often: other nodes add some
	maxNap        = 5 * time.Second  // so soon a jump of the clock is noticed
	catchUpSpread = 5 * time.Minute  // at most, of all repos at start
	catchUpStep   = time.Second      // between two repos, if that takes less
	justSynced    = 15 * time.Minute // a repo synced later than that needs no catch-up, nor one whose interval is shorter
	attentionPace = time.Minute      // between tries while a person must act, where the schedule is faster
	listPage      = 500
)

// A scheduler queues each repo when its schedule says so. Any number of nodes may run
// one: a tick is a compare-and-set of the repo's next_sync_at, and one wins. However many
// ticks were missed, by a jump of the clock or a suspended machine, one sync follows.
type scheduler struct {
	planner  Planner
	plan     *atomic.Pointer[plan]
	log      *zap.Logger
	poke     chan struct{}
	lastTick atomic.Int64 // Unix nanoseconds

	repos    map[int64]*entry
	listedAt time.Time
	followed *plan // by which repos were listed last; nil before the first time
	failing  bool  // the error of the last round was logged
}

// An entry is what the scheduler holds of a repo.
type entry struct {
	schedule Schedule
	next     time.Time
	rules    string    // fingerprint when listed last
	notUntil time.Time // no tick before, a person must act
}

func newScheduler(p Planner, current *atomic.Pointer[plan], log *zap.Logger) *scheduler {
	return &scheduler{planner: p, plan: current, log: log, poke: make(chan struct{}, 1), repos: map[int64]*entry{}}
}

// run schedules until ctx is done.
func (s *scheduler) run(ctx context.Context) {
	for ctx.Err() == nil {
		nap, err := s.round(ctx, time.Now())
		s.beat()
		s.note(ctx, err)
		timer := time.NewTimer(nap)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.poke:
			s.listedAt = time.Time{}
		}
		timer.Stop()
	}
}

// beat shows the watchdog that the scheduler lives; writes to the store may take a while.
func (s *scheduler) beat() { s.lastTick.Store(time.Now().UnixNano()) }

// note logs an error when it appears, not at every round.
func (s *scheduler) note(ctx context.Context, err error) {
	switch {
	case err != nil && !s.failing && ctx.Err() == nil:
		s.log.Error("the scheduler cannot read or write; it goes on trying", zap.Error(err))
	case err == nil && s.failing:
		s.log.Info("the scheduler works again")
	}
	s.failing = err != nil
}

// round lists repos if it is time to, fires what is due and says how long to nap.
func (s *scheduler) round(ctx context.Context, now time.Time) (time.Duration, error) {
	if now.Sub(s.listedAt) >= relist || now.Before(s.listedAt) {
		if err := s.list(ctx, now); err != nil {
			return time.Second, err
		}
		s.listedAt = now
	}
	nap := maxNap
	for id, e := range s.repos {
		if !e.next.After(now) {
			if err := s.fire(ctx, id, e, now); err != nil {
				return time.Second, err
			}
		}
		if !e.next.IsZero() {
			nap = min(nap, max(e.next.Sub(now), 0))
		}
	}
	return nap, nil
}

// fire queues a repo that is due. Where another node was faster, the next listing
// tells what it planned.
func (s *scheduler) fire(ctx context.Context, id int64, e *entry, now time.Time) error {
	if e.next.IsZero() {
		return nil
	}
	next := e.schedule.Next(now)
	if now.Before(e.notUntil) {
		if err := s.planner.PlanTick(ctx, id, next); err != nil {
			return err
		}
	} else if _, err := s.planner.EnqueueTick(ctx, id, e.next, next); err != nil {
		return err
	}
	e.next = next
	return nil
}

// list reads all repos, plans those that have no tick or a wrong one, and queues what a
// start or a change of the config calls for.
func (s *scheduler) list(ctx context.Context, now time.Time) error {
	current := s.plan.Load()
	all, err := s.readAll(ctx)
	if err != nil {
		return err
	}
	repos := make(map[int64]*entry, len(all))
	var queue []model.Request
	var late []int64 // what the start below catches up on
	for _, r := range all {
		if r.Suspended {
			continue
		}
		e := &entry{schedule: current.scheduleOf(r.Repo), next: r.NextSyncAt, rules: current.rulesOf(r.Repo).fingerprint}
		if r.State == model.StateAttention {
			e.notUntil = r.FailedAt.Add(attentionPace)
		}
		old := s.repos[r.ID]
		missed := s.followed == nil && !e.next.IsZero() && !e.next.After(now)
		if missed {
			late = append(late, r.ID)
		} else if err := s.replan(ctx, r.ID, e, old, now); err != nil {
			return err
		}
		if request, ok := s.owed(current, r, e, old, now); ok {
			request.Fetch = request.Fetch || missed
			queue = append(queue, request)
		}
		repos[r.ID] = e
	}
	if err := s.enqueue(ctx, queue, now); err != nil {
		return err
	}
	if err := s.skip(ctx, repos, late, now); err != nil {
		return err
	}
	s.repos, s.followed = repos, current
	return nil
}

// skip plans the next ticks of repos whose last was missed while the daemon was down: were those
// fired now, all repos would be synced at once. Their catch-up is queued already.
func (s *scheduler) skip(ctx context.Context, repos map[int64]*entry, late []int64, now time.Time) error {
	for _, id := range late {
		e := repos[id]
		e.next = e.schedule.Next(now)
		if err := s.planner.PlanTick(ctx, id, e.next); err != nil {
			return err
		}
		s.beat()
	}
	return nil
}

func (s *scheduler) readAll(ctx context.Context) ([]model.RepoStatus, error) {
	var all []model.RepoStatus
	for cursor := ""; ; {
		page, next, err := s.planner.RepoStatuses(ctx, listPage, cursor)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); next == "" {
			return all, nil
		}
		cursor = next
	}
}

// replan sets the next tick of a repo that has none, whose schedule changed, or whose
// tick lies so far ahead that its schedule was another, or the clock, when it was set.
func (s *scheduler) replan(ctx context.Context, id int64, e, old *entry, now time.Time) error {
	next := e.schedule.Next(now)
	changed := old != nil && old.schedule.String() != e.schedule.String()
	far := !next.IsZero() && e.next.After(e.schedule.Next(next))
	if !e.next.IsZero() && !changed && !far {
		return nil
	}
	e.next = next
	defer s.beat()
	return s.planner.PlanTick(ctx, id, next)
}

// owed says what a repo is owed besides its ticks: a catch-up after the start, new links
// after a change of the rules, a look at all refs after a change of the globs.
func (s *scheduler) owed(current *plan, r model.RepoStatus, e, old *entry, now time.Time) (model.Request, bool) {
	request := model.Request{RepoID: r.ID, Priority: model.PriorityBackfill}
	switch {
	case s.followed == nil:
		// A request without a fetch costs next to nothing if the rules are the same.
		queued := r.State == model.StateQueued || r.State == model.StateSyncing
		request.Fetch = !queued && !fresh(r, e.schedule, now)
		return request, true
	case s.followed.filter.mask != current.filter.mask:
		request.Fetch = true
		return request, true
	case old == nil:
		return request, true // it was queued when it was added, but the rules may have changed since
	}
	return request, old.rules != e.rules
}

// fresh says whether a repo was synced so lately that it needs no catch-up.
func fresh(r model.RepoStatus, schedule Schedule, now time.Time) bool {
	age := now.Sub(r.LastSyncedAt)
	if r.LastSyncedAt.IsZero() || age < 0 || age > justSynced {
		return false
	}
	next := schedule.Next(r.LastSyncedAt)
	return next.IsZero() || next.After(now)
}

// enqueue queues requests, spread evenly so that no server and no database feels it.
func (s *scheduler) enqueue(ctx context.Context, queue []model.Request, now time.Time) error {
	if len(queue) == 0 {
		return nil
	}
	step := min(catchUpStep, catchUpSpread/time.Duration(len(queue)))
	for i, r := range queue {
		r.RunAt = now.Add(step * time.Duration(i))
		if err := s.planner.Enqueue(ctx, r); err != nil {
			return err
		}
		s.beat()
	}
	return nil
}
