package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/crash"
	"issuetrail/internal/model"
)

// Bounds of the look at an address that a repo may have moved to.
const (
	moveTime    = 2 * time.Minute // all of it: a first sync has no limit of its own
	moveTips    = 8               // asked for by the probe
	moveCommits = 20_000          // looked at by the probe; whatever is related ends sooner
	moveBatch   = 256             // commits whose parents are looked up at once
)

// settleMove looks at the address where a delivery saw the repo, if there is one, and goes
// over to it if the same history is there. A fork has the same history, too: that it is no
// fork follows from the host's id of the repository, by which the store came to suspect.
//
// No fault of that address fails the job. What may pass leaves the suspicion for the next
// sync; what will not, drops it.
func (t *trip) settleMove(ctx context.Context) error {
	repo := &t.job.Repo
	if repo.MovedTo == "" {
		return nil
	}
	same, err := t.sameRepository(ctx)
	log := t.log.With(zap.Int64("repository_id", repo.ID), zap.String("repository", repo.Name), zap.String("address", repo.MovedTo))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !foreign(err):
		log.Warn("a delivery saw the repository elsewhere, and the look there failed; the next sync looks again", zap.Error(err))
		return nil
	case err != nil:
		log.Info("a delivery saw the repository elsewhere, but it is not there", zap.Error(err))
	}
	err = t.mover.ConfirmMove(ctx, t.job.Job, same)
	switch {
	case same && errors.Is(err, model.ErrExists):
		log.Warn("the repository has moved to an address that another one has here; it stays where it is")
	case err != nil:
		return fmt.Errorf("note whether %s has moved: %w", repo.URL, err)
	case same:
		log.Info("the repository has moved", zap.String("from", repo.URL))
		repo.URL = repo.MovedTo
	}
	repo.MovedTo = ""
	crash.Point("sync.moved")
	return nil
}

// foreign says whether an error means that the repo is not at an address, now and later.
// Whatever concerns the server, the key or the host key concerns the old address, too.
func foreign(err error) bool {
	switch model.AsFailure(err).Code {
	case model.CodeNotFound, model.CodeAuthFailed, model.CodeURLInvalid, model.CodeUnsupported, model.CodeLimitExceeded:
		return true
	}
	return false
}

// sameRepository says whether MovedTo holds the history that is stored: a stored tip stands
// among its refs, or one of its tips is a stored commit, or a new commit there has a
// stored one as its parent. What has no history, here or there, proves nothing.
func (t *trip) sameRepository(ctx context.Context) (same bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, moveTime, &model.Failure{
		Code: model.CodeTimeout, Detail: fmt.Sprintf("the new address did not answer within %s", moveTime),
	})
	defer cancel()
	there, err := t.candidate()
	if err != nil {
		return false, err
	}
	stored, err := t.ledger.Refs(ctx, t.job.RepoID)
	if err != nil || len(stored) == 0 {
		return false, err
	}
	session, err := t.history.Open(ctx, there)
	if err != nil {
		return false, err
	}
	defer session.Close()
	list, err := session.Refs(ctx, [32]byte{})
	if err != nil || len(list.Refs) == 0 {
		return false, err
	}
	if sharesTip(stored, list.Refs) {
		return true, nil
	}
	tips, commits := movedTips(sorted(stored), list)
	known, err := t.ledger.Known(ctx, t.job.RepoID, commits)
	if err != nil || slices.Contains(known, true) {
		return err == nil, err
	}
	return t.descends(ctx, session, tips, sorted(stored))
}

// candidate is the address that is suspected. It is on the repo's own server: no delivery
// makes us dial another.
func (t *trip) candidate() (model.Address, error) {
	here, err := model.ParseAddress(t.job.Repo.URL)
	if err != nil {
		return model.Address{}, err
	}
	there, err := model.ParseAddress(t.job.Repo.MovedTo)
	if err == nil && (there.Scheme != here.Scheme || there.HostPort() != here.HostPort() || there == here) {
		err = &model.Failure{Code: model.CodeURLInvalid, Detail: fmt.Sprintf("%s is no new address on %s", there.URL(), here.HostPort())}
	}
	return there, err
}

// sharesTip says whether a ref here and one there lead to the same commit, or to the same
// object at least: a server of version 0 may not tell the commit of a tag.
func sharesTip(stored, listed []model.Ref) bool {
	ours := make(map[model.Hash]bool, 2*len(stored))
	for _, r := range stored {
		ours[r.Tip], ours[r.Commit()] = true, true
	}
	return slices.ContainsFunc(listed, func(r model.Ref) bool { return ours[r.Tip] || ours[r.Commit()] })
}

// movedTips gives some tips to probe, the likeliest first, and the commits of all tips:
// the default branch, then what is stored under the same name, then the rest. An
// annotated tag is asked for by its own name.
func movedTips(stored []model.Ref, list model.RefList) (tips, commits []model.Hash) {
	rank := func(r model.Ref) int {
		_, known := slices.BinarySearchFunc(stored, r.Name, func(s model.Ref, n string) int { return strings.Compare(s.Name, n) })
		_, branch := r.Branch()
		switch {
		case known && r.Name == list.Default:
			return 0
		case known && branch:
			return 1
		case branch:
			return 2
		}
		return 3
	}
	refs := slices.Clone(list.Refs)
	slices.SortStableFunc(refs, func(a, b model.Ref) int { return rank(a) - rank(b) })
	for _, r := range refs {
		commits = append(commits, r.Commit())
		if len(tips) < moveTips {
			tips = append(tips, r.Tip)
		}
	}
	return tips, commits
}

// errSeen ends a probe that knows enough.
var errSeen = errors.New("seen enough")

// descends fetches from the tips down to what is stored, and says whether it got there.
func (t *trip) descends(ctx context.Context, session Session, tips []model.Hash, stored []model.Ref) (bool, error) {
	var haves []model.Hash
	for _, r := range stored {
		if len(haves) < maxHaves && !slices.Contains(haves, r.Commit()) {
			haves = append(haves, r.Commit())
		}
	}
	found, n := false, 0
	var parents []model.Hash
	look := func() error {
		known, err := t.ledger.Known(ctx, t.job.RepoID, parents)
		parents = parents[:0]
		if err == nil && slices.Contains(known, true) {
			found, err = true, errSeen
		}
		return err
	}
	_, err := session.Fetch(ctx, tips, haves, func(model.Progress) {}, func(c model.RawCommit) error {
		parents, _, _ = c.Scan(parents)
		if n++; n > moveCommits {
			return errSeen
		}
		if n%moveBatch != 0 {
			return nil
		}
		return look()
	})
	if err == nil {
		err = look()
	}
	if errors.Is(err, errSeen) {
		err = nil
	}
	return found, err
}
