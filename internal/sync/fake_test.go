package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	stdsync "sync"
	"testing"
	"time"

	"issuetrail/internal/model"
)

// fakeStore is a store in memory: queue, planner, ledger and relinker, as far as this
// package asks. Jobs run only in tests that enqueue them.
type fakeStore struct {
	mu       stdsync.Mutex
	repos    map[int64]*fakeRepo
	waiting  map[int64]*model.Job
	running  map[int64]*model.Job
	wake     chan struct{}
	lastID   int64
	requests []model.Request
	ticks    map[int64][]time.Time
	plans    int
	renewals []model.Progress
	released int
	relinks  []string // fingerprints
	err      error    // of every method of the planner
	addErr   error
	claimErr error
	addPanic bool
	moves    []bool // what ConfirmMove was told
	moveErr  error
}

type fakeRepo struct {
	model.RepoStatus
	digest  [32]byte
	rules   string
	fails   int
	indexed bool
	refs    []model.Ref
	commits map[model.Hash]model.BatchCommit
	pending []model.BatchCommit
	results []model.SyncResult
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		repos: map[int64]*fakeRepo{}, waiting: map[int64]*model.Job{}, running: map[int64]*model.Job{},
		wake: make(chan struct{}, 1), ticks: map[int64][]time.Time{},
	}
}

func (s *fakeStore) addRepo(id int64, url, schedule string) *fakeRepo {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &fakeRepo{commits: map[model.Hash]model.BatchCommit{}}
	r.ID, r.URL, r.Schedule, r.Name = id, url, schedule, fmt.Sprintf("acme/%d", id)
	s.repos[id] = r
	return r
}

func (s *fakeStore) RepoStatuses(_ context.Context, limit int, cursor string) ([]model.RepoStatus, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []model.RepoStatus
	for _, r := range s.repos {
		all = append(all, r.RepoStatus)
	}
	slices.SortFunc(all, func(a, b model.RepoStatus) int { return cmp.Compare(a.ID, b.ID) })
	from := 0
	if cursor != "" {
		fmt.Sscan(cursor, &from)
	}
	page := all[from:min(len(all), from+min(limit, 3))] // small pages
	if from+len(page) == len(all) {
		return page, "", s.err
	}
	return page, fmt.Sprint(from + len(page)), s.err
}

func (s *fakeStore) PlanTick(_ context.Context, id int64, next time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans++
	s.repos[id].NextSyncAt = next
	return s.err
}

func (s *fakeStore) EnqueueTick(ctx context.Context, id int64, expect, next time.Time) (bool, error) {
	s.mu.Lock()
	r := s.repos[id]
	won := r.NextSyncAt.Equal(expect) && s.err == nil
	if won {
		r.NextSyncAt = next
		s.ticks[id] = append(s.ticks[id], time.Now())
	}
	s.mu.Unlock()
	if !won {
		return false, s.err
	}
	return true, s.Enqueue(ctx, model.Request{RepoID: id, Priority: model.PrioritySchedule, Fetch: true})
}

func (s *fakeStore) Enqueue(_ context.Context, r model.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if r.RunAt.IsZero() {
		r.RunAt = time.Now()
	}
	if j := s.waiting[r.RepoID]; j != nil {
		j.Priority, j.Fetch = min(j.Priority, r.Priority), j.Fetch || r.Fetch
		if r.RunAt.Before(j.RunAt) {
			j.RunAt = r.RunAt
		}
	} else {
		s.lastID++
		s.waiting[r.RepoID] = &model.Job{ID: s.lastID, RepoID: r.RepoID, Priority: r.Priority, Fetch: r.Fetch, RunAt: r.RunAt}
	}
	s.ring()
	return s.err
}

func (s *fakeStore) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *fakeStore) Wake() <-chan struct{} { return s.wake }

func (s *fakeStore) Claim(_ context.Context, o model.ClaimOptions) (model.Claimed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimErr != nil {
		return model.Claimed{}, s.claimErr
	}
	var best *model.Job
	for id, j := range s.waiting {
		hosts := 0
		for other := range s.running {
			if hostOf(s.repos[other].Repo) == hostOf(s.repos[id].Repo) {
				hosts++
			}
		}
		if s.running[id] != nil || j.RunAt.After(time.Now()) || hosts >= o.PerHost || slices.Contains(o.Skip, hostOf(s.repos[id].Repo)) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(j.Priority, best.Priority), j.RunAt.Compare(best.RunAt), cmp.Compare(j.ID, best.ID)) < 0 {
			best = j
		}
	}
	if best == nil {
		return model.Claimed{}, model.ErrNotFound
	}
	delete(s.waiting, best.RepoID)
	best.Attempt++
	best.Node = o.Node
	s.running[best.RepoID] = best
	r := s.repos[best.RepoID]
	r.pending = nil
	return model.Claimed{Job: *best, Repo: r.Repo, Digest: r.digest, Rules: r.rules, Failures: r.fails, Indexed: r.indexed}, nil
}

// fence must be called with mu held.
func (s *fakeStore) fence(j model.Job) error {
	if now := s.running[j.RepoID]; now == nil || now.ID != j.ID || now.Attempt != j.Attempt {
		return fmt.Errorf("job %d: %w", j.ID, model.ErrFenced)
	}
	return nil
}

func (s *fakeStore) Renew(_ context.Context, j model.Job, lease time.Duration, p *model.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence(j); err != nil {
		return err
	}
	if lease == 0 {
		s.released++
		s.waiting[j.RepoID] = s.running[j.RepoID]
		delete(s.running, j.RepoID)
		return nil
	}
	if p == nil {
		p = &model.Progress{}
	}
	s.renewals = append(s.renewals, *p)
	return nil
}

func (s *fakeStore) Fail(_ context.Context, j model.Job, f *model.Failure, retryAt time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence(j); err != nil {
		return err
	}
	r := s.repos[j.RepoID]
	r.fails++
	r.LastFailure, r.FailedAt, r.State = f, time.Now(), model.StateFailing
	if f.Attention() {
		r.State = model.StateAttention
	}
	delete(s.running, j.RepoID)
	if !retryAt.IsZero() {
		s.waiting[j.RepoID] = &model.Job{ID: j.ID, RepoID: j.RepoID, Priority: j.Priority, Fetch: j.Fetch, Attempt: j.Attempt, RunAt: retryAt}
	}
	s.ring()
	return nil
}

func (s *fakeStore) Finish(_ context.Context, j model.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(j)
}

func (s *fakeStore) end(j model.Job) error {
	if err := s.fence(j); err != nil {
		return err
	}
	delete(s.running, j.RepoID)
	r := s.repos[j.RepoID]
	r.fails, r.LastFailure, r.State = 0, nil, model.StateIdle
	r.LastSyncedAt = time.Now()
	s.ring()
	return nil
}

func (s *fakeStore) NextRunAt(context.Context) (at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, j := range s.waiting {
		if s.running[id] == nil && (at.IsZero() || j.RunAt.Before(at)) {
			at = j.RunAt
		}
	}
	return at, nil
}

func (s *fakeStore) Refs(_ context.Context, id int64) ([]model.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.repos[id].refs), nil
}

func (s *fakeStore) Known(_ context.Context, id int64, hashes []model.Hash) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]bool, len(hashes))
	for i, h := range hashes {
		_, out[i] = s.repos[id].commits[h]
	}
	return out, nil
}

func (s *fakeStore) Add(_ context.Context, j model.Job, batch []model.BatchCommit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addPanic {
		panic("no more ink")
	}
	if err := cmp.Or(s.fence(j), s.addErr); err != nil {
		return err
	}
	for _, c := range batch {
		c.Raw, c.Parents = slices.Clone(c.Raw), slices.Clone(c.Parents)
		s.repos[j.RepoID].pending = append(s.repos[j.RepoID].pending, c)
	}
	return nil
}

func (s *fakeStore) Record(_ context.Context, j model.Job, res model.SyncResult) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.end(j); err != nil {
		return err
	}
	r := s.repos[j.RepoID]
	for _, c := range r.pending {
		r.commits[c.Hash] = c
	}
	refs := map[string]model.Ref{}
	for _, ref := range r.refs {
		refs[ref.Name] = ref
	}
	for _, u := range res.Updates {
		if refs[u.Name] = (model.Ref{Name: u.Name, Tip: u.New, Peeled: u.Peeled}); u.New.IsZero() {
			delete(refs, u.Name)
		}
	}
	r.refs = nil
	for _, ref := range refs {
		r.refs = append(r.refs, ref)
	}
	r.pending, r.refs, r.results = nil, sorted(r.refs), append(r.results, res)
	r.digest, r.rules, r.indexed = res.Digest, res.Rules, true
	return nil
}

func (s *fakeStore) Relink(_ context.Context, j model.Job, rules string, keys func(model.RawCommit) []model.IssueKey,
	branch func(name string) []model.IssueKey, dry bool, changed func(model.LinkChange),
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[j.RepoID]
	for h, c := range r.commits {
		for _, k := range keys(c.RawCommit) {
			if !slices.Contains(c.Keys, k) {
				changed(model.LinkChange{Key: k, Commit: h, Added: true})
			}
		}
	}
	if !dry {
		s.relinks = append(s.relinks, rules)
		r.rules = rules
	}
	return nil
}

func (s *fakeStore) ConfirmMove(_ context.Context, j model.Job, confirmed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moves = append(s.moves, confirmed)
	r := s.repos[j.RepoID]
	if err := cmp.Or(s.fence(j), s.moveErr); err != nil {
		return err
	}
	if confirmed {
		r.URL = r.MovedTo
	}
	r.MovedTo = ""
	return nil
}

// eventually waits for a condition, inside a synctest bubble in fake time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Minute)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// look runs f with the store at rest.
func look[T any](s *fakeStore, f func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}
