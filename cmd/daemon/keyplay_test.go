package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/testssh"
)

// A rotation is a store with repositories, and git servers and a keyring that are played. Several watches,
// as of several nodes, may run on it.
type rotation struct {
	t      *testing.T
	store  *store.Store
	signer ssh.Signer
	clock  time.Time

	mu     sync.Mutex
	staged bool
	active string                           // fingerprint
	answer func(a model.Address) error      // of the servers to the staged key
	probes map[string]int                   // by URL
	busy   map[string]int                   // probes that run, by server; "" = all
	most   map[string]int                   // the most at once
	during func(ctx context.Context, n int) // a probe, the n-th one
	tests  int
}

func newRotation(t *testing.T, urls ...string) *rotation {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	_, signer := testssh.NewKey(t)
	s := &rotation{
		t: t, store: st, signer: signer, staged: true, active: "SHA256:old", clock: time.Now().UTC().Truncate(time.Second),
		answer: func(model.Address) error { return nil },
		probes: map[string]int{}, busy: map[string]int{}, most: map[string]int{},
	}
	for _, url := range urls {
		s.add(url)
	}
	return s
}

func (s *rotation) add(url string) model.Repo {
	s.t.Helper()
	r, err := s.store.AddRepo(s.t.Context(), model.RepoSpec{URL: url, Host: "git", Source: model.SourceAPI})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// watch is that of one node.
func (s *rotation) watch() *keyWatch {
	return &keyWatch{
		keys: playedKeys{s}, store: s.store, servers: playedServers{s},
		facts:  func(model.Address) ([]wire.ServerKey, []string) { return []wire.ServerKey{}, []string{} },
		advise: func(_ model.Address, err error) error { return err },
		log:    zaptest.NewLogger(s.t), wake: make(chan struct{}, 1), trials: map[string]*wire.ServerTrial{},
		now: func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.clock
		},
	}
}

func (s *rotation) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

// asked gives how many probes there were since the last call.
func (s *rotation) asked() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, times := range s.probes {
		n += times
	}
	clear(s.probes)
	return n
}

func (s *rotation) isActive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active == ssh.FingerprintSHA256(s.signer.PublicKey())
}

type playedKeys struct{ *rotation }

func (s playedKeys) Staged(context.Context) (ssh.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.staged {
		return nil, model.ErrNotFound
	}
	return s.signer, nil
}

func (s playedKeys) Infos(context.Context) ([]model.KeyInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []model.KeyInfo{{Role: model.KeyActive, Fingerprint: s.active}}
	if s.staged {
		list = append(list, model.KeyInfo{Role: model.KeyStaged, Fingerprint: ssh.FingerprintSHA256(s.signer.PublicKey())})
	}
	return list, nil
}

func (s playedKeys) ActivateKey(_ context.Context, print string) (model.KeyInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.staged || print != ssh.FingerprintSHA256(s.signer.PublicKey()) {
		return model.KeyInfo{}, model.ErrNotFound
	}
	s.staged, s.active = false, print
	return model.KeyInfo{Fingerprint: print}, nil
}

type playedServers struct{ *rotation }

func (s playedServers) Test(_ context.Context, a model.Address) (mirror.TestResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tests++
	return mirror.TestResult{Key: s.active, Algorithm: "rsa-sha2-256", HostKey: "SHA256:host"}, nil
}

func (s playedServers) Probe(ctx context.Context, a model.Address, _ ssh.Signer) (mirror.TestResult, error) {
	s.mu.Lock()
	s.probes[a.URL()]++
	n := 0
	for _, times := range s.probes {
		n += times
	}
	for _, at := range []string{"", a.HostPort()} {
		s.busy[at]++
		s.most[at] = max(s.most[at], s.busy[at])
	}
	answer, during := s.answer, s.during
	s.mu.Unlock()
	if during != nil {
		during(ctx, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[""]--
	s.busy[a.HostPort()]--
	if ctx.Err() != nil {
		return mirror.TestResult{}, ctx.Err()
	}
	return mirror.TestResult{Key: ssh.FingerprintSHA256(s.signer.PublicKey()), Algorithm: "rsa-sha2-512"}, answer(a)
}

func refuse(code string) error { return &model.Failure{Code: code, Detail: "no: " + code} }

// said is what the database has, by the last part of the repositories' names.
func (s *rotation) said(w *keyWatch) map[string]string {
	s.t.Helper()
	items, _, err := w.Checks(s.t.Context(), 1000, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return words(keyStatusReport{Checks: items})
}

func (s *rotation) round(w *keyWatch) {
	s.t.Helper()
	w.round(s.t.Context())
}

type brokenChecks struct {
	*store.Store
	err error
}

func (b brokenChecks) PutKeyChecks(context.Context, []model.KeyCheck) error { return b.err }
