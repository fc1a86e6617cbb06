package main

import (
	"context"
	"errors"
	"math/rand/v2"
	stdsync "sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
)

// How often servers are asked about a staged key.
const (
	lookForStaged = 30 * time.Second // whether another node staged one
	lookAtStaged  = time.Minute      // whether something is due
	askAgain      = 10 * time.Minute // a repository that did not accept it
	acceptedFor   = time.Hour        // how long an acceptance counts
	renewAccepted = 30 * time.Minute // of this age it is asked for again, once all others have accepted
)

// A keyWatch tries a staged key at the servers in the background, and has it become the active one when all
// accept it. What they say is in the database: a restart goes on where it was, and another node asks again
// only what it has not heard of yet. It also remembers how logins at servers went, for the status.
type keyWatch struct {
	keys interface {
		Staged(ctx context.Context) (ssh.Signer, error) // model.ErrNotFound
		Infos(ctx context.Context) ([]model.KeyInfo, error)
		ActivateKey(ctx context.Context, fingerprint string) (model.KeyInfo, error)
	}
	store interface {
		RepoStatuses(ctx context.Context, limit int, cursor string) ([]model.RepoStatus, string, error)
		KeyChecks(ctx context.Context, fingerprint string) ([]model.KeyCheck, error)
		PutKeyChecks(ctx context.Context, checks []model.KeyCheck) error
	}
	servers interface {
		Test(ctx context.Context, a model.Address) (mirror.TestResult, error)
		Probe(ctx context.Context, a model.Address, signer ssh.Signer) (mirror.TestResult, error)
	}
	facts  func(a model.Address) ([]wire.ServerKey, []string) // the trusted keys of a server, and how ours may sign there
	advise advice
	log    *zap.Logger
	now    func() time.Time
	wake   chan struct{} // has something in it when the round that runs is out of date

	mu       stdsync.Mutex
	asked    time.Time                    // a person wants all tried that was tried before this; zero = nobody does
	trials   map[string]*wire.ServerTrial // by scheme and server
	standIns map[string]standIn           // by scheme, server, account and, where it is of one repository, path
}

// A target is a repository whose server is asked.
type target struct {
	model.RepoStatus
	to model.Address
}

// keyWatch makes the watch of the daemon's keys.
func (a *app) keyWatch() *keyWatch {
	w := &keyWatch{
		store: a.store, servers: a.pool, facts: a.serverFacts, advise: a.advised, log: a.log.Named("key"), now: time.Now,
		wake: make(chan struct{}, 1), trials: map[string]*wire.ServerTrial{},
	}
	w.keys = keys{a.ring, a.retry, func() {}}
	return w
}

// run asks until ctx is done.
func (w *keyWatch) run(ctx context.Context) {
	for ctx.Err() == nil {
		round, stop := context.WithCancel(ctx)
		done := make(chan time.Duration, 1)
		go func() { done <- w.round(round) }()
		var pause time.Duration
		select {
		case pause = <-done:
			stop()
		case <-w.wake:
			stop()
			<-done
			continue
		}
		// Nodes that were started together do not stay in step.
		timer := time.NewTimer(pause + rand.N(pause/4))
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// rouse begins another round now.
func (w *keyWatch) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// CheckNow has everything tried soon, by this node.
func (w *keyWatch) CheckNow(ctx context.Context) (time.Time, error) {
	infos, err := w.keys.Infos(ctx)
	if err == nil && len(infos) == 0 {
		err = &model.Failure{Code: model.CodeKeyMissing, Detail: "there is no SSH key yet", Hint: "issuetrail key generate"}
	}
	if err != nil {
		return time.Time{}, err
	}
	at := w.now().UTC().Truncate(time.Microsecond)
	w.mu.Lock()
	w.asked = at
	w.mu.Unlock()
	w.rouse()
	return at, nil
}

func (w *keyWatch) wanted() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// round does what is due, and says when to look again.
func (w *keyWatch) round(ctx context.Context) time.Duration {
	asked := w.wanted()
	pause, err := w.tryAll(ctx, asked)
	if ctx.Err() != nil {
		return pause
	}
	if err != nil {
		w.log.Warn("try the keys at the servers", zap.Error(err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked.Equal(asked) {
		w.asked = time.Time{}
	}
	return pause
}

func (w *keyWatch) tryAll(ctx context.Context, asked time.Time) (time.Duration, error) {
	signer, err := w.keys.Staged(ctx)
	none := errors.Is(err, model.ErrNotFound)
	if none && asked.IsZero() {
		return lookForStaged, nil
	}
	targets, listErr := w.targets(ctx)
	if listErr != nil {
		return lookForStaged, listErr
	}
	if !asked.IsZero() {
		w.tryServers(ctx, targets, asked)
	}
	switch {
	case none:
		return lookForStaged, nil
	case err != nil:
		return lookAtStaged, err
	}
	return lookAtStaged, w.tryStaged(ctx, signer, targets, asked)
}

// targets are the repositories that are not suspended.
func (w *keyWatch) targets(ctx context.Context) (list []target, err error) {
	for cursor := ""; ; {
		repos, next, err := w.store.RepoStatuses(ctx, 1000, cursor)
		if err != nil {
			return nil, err
		}
		for _, r := range repos {
			if to, err := model.ParseAddress(r.URL); err == nil && !r.Suspended {
				list = append(list, target{r, to})
			}
		}
		if cursor = next; cursor == "" {
			return list, nil
		}
	}
}

// tryStaged asks the servers that are due about the staged key, and activates it when all accept.
func (w *keyWatch) tryStaged(ctx context.Context, signer ssh.Signer, all []target, asked time.Time) error {
	print := ssh.FingerprintSHA256(signer.PublicKey())
	known, err := w.known(ctx, print)
	if err != nil {
		return err
	}
	s := &sweep{keyWatch: w, signer: signer, print: print, begun: w.now(), known: known}
	if err := s.run(ctx, due(overSSH(all), known, w.now(), asked)); err != nil {
		return err
	}
	return w.activateIfAccepted(ctx, print)
}

// known gives what servers said to a key, by repository.
func (w *keyWatch) known(ctx context.Context, print string) (map[int64]model.KeyCheck, error) {
	list, err := w.store.KeyChecks(ctx, print)
	checks := make(map[int64]model.KeyCheck, len(list))
	for _, c := range list {
		checks[c.RepoID] = c
	}
	return checks, err
}

// due are those whose servers are to be asked now. While some do not accept the key, those that do are
// left alone.
func due(all []target, known map[int64]model.KeyCheck, now, asked time.Time) (list []target) {
	accepted := true
	for _, t := range all {
		c, tried := known[t.ID]
		accepted = accepted && c.OK
		if !tried || c.CheckedAt.Before(asked) || !c.OK && now.Sub(c.CheckedAt) >= askAgain {
			list = append(list, t)
		}
	}
	if !accepted || len(list) > 0 {
		return list
	}
	for _, t := range all {
		if now.Sub(known[t.ID].CheckedAt) >= renewAccepted {
			list = append(list, t)
		}
	}
	return list
}

// activateIfAccepted looks at what is known now, by all nodes, of the repositories that are there now.
func (w *keyWatch) activateIfAccepted(ctx context.Context, print string) error {
	all, err := w.targets(ctx)
	if err != nil {
		return err
	}
	known, err := w.known(ctx, print)
	if err != nil {
		return err
	}
	all = overSSH(all)
	for _, t := range all {
		if c := known[t.ID]; !c.OK || w.now().Sub(c.CheckedAt) >= acceptedFor {
			return nil
		}
	}
	if len(all) == 0 {
		return nil
	}
	_, err = w.keys.ActivateKey(ctx, print)
	if errors.Is(err, model.ErrNotFound) {
		return nil // another node was quicker, or somebody dropped it
	}
	if err == nil {
		w.log.Info("the staged SSH key is the active one: all repositories accept it", zap.String("fingerprint", print), zap.Int("repositories", len(all)))
	}
	return err
}

// overSSH leaves out the repositories that are reached without the key.
func overSSH(all []target) (list []target) {
	for _, t := range all {
		if !t.to.HTTPS() {
			list = append(list, t)
		}
	}
	return list
}
