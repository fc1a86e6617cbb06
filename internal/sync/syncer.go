package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"issuetrail/internal/crash"
	"issuetrail/internal/model"
)

// A syncer takes jobs through the steps of a sync.
type syncer struct {
	history  History
	ledger   Ledger
	relinker Relinker
	mover    Mover
	plan     *atomic.Pointer[plan]
	log      *zap.Logger
}

// What a sync came to.
const (
	resultChanged   = "changed"
	resultUnchanged = "unchanged"
	resultRelinked  = "relinked"
)

// An outcome is what a sync that worked did.
type outcome struct {
	result  string
	commits int64 // new to the store, or sent again
	links   int64
}

// A trip is one sync on its way.
type trip struct {
	*syncer
	job      model.Claimed
	plan     *plan
	rules    *linkRules
	progress func(model.Progress)
	session  Session
}

// sync does what the job asks. The plan of the moment it begins holds until its end.
//
//  1. the rules changed: make the links anew, from the store; a delivery saw the repo
//     elsewhere: look there
//  2. git ls-remote: nothing new, done
//  3. what changed against the stored refs
//  4. git fetch: commits stream into the store
//  5. record refs and branch links; the job is done
func (s *syncer) sync(ctx context.Context, job model.Claimed, progress func(model.Progress)) (outcome, error) {
	t := &trip{syncer: s, job: job, plan: s.plan.Load(), progress: progress}
	t.rules = t.plan.rulesOf(job.Repo)
	relinked, err := t.relink(ctx)
	if err != nil {
		return outcome{}, fmt.Errorf("relink %s: %w", job.Repo.URL, err)
	}
	if !job.Fetch {
		out := outcome{result: resultUnchanged}
		if relinked {
			out.result = resultRelinked
		}
		return out, s.ledger.Finish(ctx, job.Job)
	}
	if err := t.settleMove(ctx); err != nil {
		return outcome{}, err
	}
	defer t.close()
	if err := t.open(ctx); err != nil {
		return outcome{}, err
	}
	crash.Point("sync.opened")
	return t.pull(ctx)
}

// open opens a session, in place of the one before.
func (t *trip) open(ctx context.Context) error {
	t.close()
	address, err := model.ParseAddress(t.job.Repo.URL)
	if err != nil {
		return err
	}
	session, err := t.history.Open(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address.HostPort(), err)
	}
	t.session = session
	return nil
}

func (t *trip) close() {
	if t.session != nil {
		_ = t.session.Close() // it was only read from
		t.session = nil
	}
}

// relink makes the links anew if they were made by other rules, or if a person asked. A first sync
// that was cut short left links, too; the rules are noted before it makes any.
func (t *trip) relink(ctx context.Context) (bool, error) {
	asked := !t.job.Fetch && t.job.Priority <= model.PriorityManual
	if t.job.Rules == t.rules.fingerprint && !asked {
		return false, nil
	}
	err := t.relinker.Relink(ctx, t.job.Job, t.rules.fingerprint, t.rules.commit, t.rules.branch, false, func(model.LinkChange) {})
	crash.Point("sync.relinked")
	return true, err
}

// pull does steps 2 to 5. A fetch that the server refuses is tried once more: from the
// list on if a ref moved meanwhile, else without haves.
func (t *trip) pull(ctx context.Context) (outcome, error) {
	var same [32]byte
	if t.job.Indexed && t.job.Digest != same {
		same = t.plan.filter.Mask(t.job.Digest)
	}
	list, err := t.session.Refs(ctx, same)
	if err != nil {
		return outcome{}, fmt.Errorf("list the refs of %s: %w", t.job.Repo.URL, err)
	}
	crash.Point("sync.listed")
	if same != [32]byte{} && list.Digest == same {
		return outcome{result: resultUnchanged}, t.ledger.Finish(ctx, t.job.Job)
	}
	stored, err := t.ledger.Refs(ctx, t.job.RepoID)
	if err != nil {
		return outcome{}, err
	}
	stored = sorted(stored)
	out, err := t.fetchAndRecord(ctx, stored, list, false)
	var refused *refusedError
	if !errors.As(err, &refused) {
		return out, err
	}
	again, listErr := t.relist(ctx)
	if listErr != nil {
		return out, err // the first error tells more
	}
	return t.fetchAndRecord(ctx, stored, again, again.Digest == list.Digest)
}

// relist lists the refs in a new session: one session is good for one fetch.
func (t *trip) relist(ctx context.Context) (model.RefList, error) {
	if err := t.open(ctx); err != nil {
		return model.RefList{}, err
	}
	return t.session.Refs(ctx, [32]byte{})
}

// fetchAndRecord does steps 3 to 5 for a list of refs.
func (t *trip) fetchAndRecord(ctx context.Context, stored []model.Ref, list model.RefList, fresh bool) (outcome, error) {
	updates := diffRefs(stored, sorted(t.plan.filter.Apply(list.Refs)))
	wants, haves, err := t.negotiate(ctx, stored, updates, list.Default)
	if err != nil {
		return outcome{}, err
	}
	if fresh {
		haves = nil
	}
	out := outcome{result: resultChanged}
	if len(wants) > 0 {
		tags, p, err := t.stream(ctx, wants, haves)
		if err != nil {
			return outcome{}, err
		}
		peel(updates, tags)
		out.commits, out.links = p.commits.Load(), p.links
	}
	crash.Point("sync.fetched")
	branches := branchLinks(t.job.RepoID, updates, t.rules.branch)
	out.links += int64(len(branches))
	err = t.ledger.Record(ctx, t.job.Job, model.SyncResult{
		Updates:  updates,
		Branches: branches,
		Default:  list.Default,
		Digest:   t.plan.filter.Mask(list.Digest),
		Rules:    t.rules.fingerprint,
	})
	crash.Point("sync.recorded")
	if err != nil {
		return outcome{}, fmt.Errorf("record the sync of %s: %w", t.job.Repo.URL, err)
	}
	return out, nil
}

// negotiate gives the tips to ask for, whose commits the store lacks, and what to offer.
func (t *trip) negotiate(ctx context.Context, stored []model.Ref, updates []model.RefUpdate, defaultRef string) (wants, haves []model.Hash, err error) {
	var ask []model.Hash
	var commits []model.Hash
	seen := map[model.Hash]bool{}
	for _, u := range updates {
		if !u.New.IsZero() && !seen[u.New] {
			seen[u.New] = true
			ask, commits = append(ask, u.New), append(commits, commitOf(u))
		}
	}
	if len(ask) == 0 {
		return nil, nil, nil
	}
	haves = offers(stored, updates, defaultRef)
	known, err := t.ledger.Known(ctx, t.job.RepoID, slices.Concat(commits, haves))
	if err != nil {
		return nil, nil, err
	}
	for i, tip := range ask {
		if !known[i] {
			wants = append(wants, tip)
		}
	}
	var sure []model.Hash // a tag may point at what is no commit
	for i, h := range haves {
		if known[len(commits)+i] {
			sure = append(sure, h)
		}
	}
	return wants, sure, nil
}

// A refusedError is a fetch that the server refused before it sent any commit.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// stream fetches commits into the store.
func (t *trip) stream(ctx context.Context, wants, haves []model.Hash) (map[model.Hash]model.Hash, *pipe, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newPipe(ctx, t.ledger, t.job.Job, t.rules, cancel)
	tags, err := t.fetch(ctx, p, wants, haves)
	err = p.close(ctx, err)
	switch {
	case err == nil:
		return tags, p, nil
	case p.commits.Load() == 0 && p.err == nil && model.AsFailure(err).Code == model.CodeProtocol:
		err = &refusedError{err}
	}
	return nil, nil, fmt.Errorf("fetch %s: %w", t.job.Repo.URL, err)
}

// fetch guards the pipe: whatever happens in the session, a panic too, it must be closed.
func (t *trip) fetch(ctx context.Context, p *pipe, wants, haves []model.Hash) (tags map[model.Hash]model.Hash, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	progress := func(at model.Progress) {
		at.Stage, at.Commits = "history", p.commits.Load()
		t.progress(at)
	}
	return t.session.Fetch(ctx, wants, haves, progress, func(c model.RawCommit) error { return p.emit(ctx, c) })
}
