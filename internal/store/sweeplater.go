package store

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.uber.org/zap"
)

// sweepLater removes in the background what jobs of the repo that ended added in vain. The
// segments of a running attempt are left alone; what others hold can only be removed, so that
// this needs no fence.
func (s *Store) sweepLater(repoID int64) {
	if s.sweeps.add(repoID) {
		s.later.run(s.sweepAll)
	}
}

func (s *Store) sweepAll(ctx context.Context) {
	for id, more := s.sweeps.next(); more; id, more = s.sweeps.next() {
		err := s.dropSegments(ctx, nil, `SELECT s.id FROM segment s WHERE s.repo_id = $1 AND s.done = 0 AND NOT EXISTS
			(SELECT 1 FROM job j WHERE j.id = s.job_id AND j.attempt = s.attempt AND j.state = 1) ORDER BY s.id`, id)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errClosed) {
			s.log.Warn("commits of a sync that failed are left; the next sync removes them", zap.Int64("repository_id", id), zap.Error(err))
		}
	}
}

// sweeps are the repos that wait to be swept, one after another.
type sweeps struct {
	mu      sync.Mutex
	repos   []int64
	running bool
}

// add says whether somebody must begin to sweep.
func (w *sweeps) add(repoID int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.repos, repoID) {
		w.repos = append(w.repos, repoID)
	}
	begin := !w.running
	w.running = true
	return begin
}

func (w *sweeps) next() (repoID int64, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.repos) == 0 {
		w.running = false
		return 0, false
	}
	repoID = w.repos[0]
	w.repos = w.repos[1:]
	return repoID, true
}

// idle says that nothing waits to be swept.
func (w *sweeps) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.running
}
