package main

import (
	"context"
	stdsync "sync"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
)

// place is what a trial is remembered by.
func place(a model.Address) string { return scheme(a) + "://" + a.HostPort() }

func scheme(a model.Address) string {
	if a.HTTPS() {
		return model.SchemeHTTPS
	}
	return "ssh"
}

// tryServers logs in once at each server that was not tried since asked, at one of its repositories: the
// one that was read last, for it is likely to be there.
func (w *keyWatch) tryServers(ctx context.Context, all []target, asked time.Time) {
	best := map[string]target{}
	for _, t := range all {
		at := place(t.to)
		if b, ok := best[at]; !ok || t.LastSyncedAt.After(b.LastSyncedAt) {
			best[at] = t
		}
	}
	slots := make(chan struct{}, probesAtOnce)
	var wait stdsync.WaitGroup
	for at, t := range best {
		if w.triedSince(at, asked) {
			continue
		}
		wait.Go(func() {
			select {
			case <-ctx.Done():
				return
			case slots <- struct{}{}:
			}
			defer func() { <-slots }()
			probe, stop := context.WithTimeout(ctx, probeTimeout)
			defer stop()
			res, err := w.servers.Test(probe, t.to)
			if ctx.Err() == nil {
				w.remember(t.to, res, w.advise(t.to, err))
			}
		})
	}
	wait.Wait()
}

func (w *keyWatch) triedSince(at string, asked time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.trials[at]
	return t != nil && !t.At.Before(asked)
}

// maxTrials bounds the servers whose trials are remembered: a connection may be tested to any.
const maxTrials = 10_000

// remember keeps how a login at a server went.
func (w *keyWatch) remember(a model.Address, res mirror.TestResult, err error) {
	trial := &wire.ServerTrial{OK: err == nil, Key: res.Key, Algorithm: res.Algorithm, HostKey: res.HostKey, At: wire.At(w.now())}
	if err != nil {
		f := model.AsFailure(err)
		trial.Code, trial.Detail, trial.Hint = f.Code, f.Detail, f.Hint
		if f.Code == model.CodeInternal {
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep(place(a), trial)
}

// rememberStaged is remember for the staged key: how it does says nothing of the key that logs in, but
// what the server can do is better known so than not at all.
func (w *keyWatch) rememberStaged(a model.Address, res mirror.TestResult) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.trials[place(a)]; t == nil || t.Key == res.Key {
		w.keep(place(a), &wire.ServerTrial{OK: true, Key: res.Key, Algorithm: res.Algorithm, HostKey: res.HostKey, At: wire.At(w.now())})
	}
}

func (w *keyWatch) keep(at string, t *wire.ServerTrial) {
	if _, known := w.trials[at]; !known && len(w.trials) >= maxTrials {
		clear(w.trials)
	}
	w.trials[at] = t
}
