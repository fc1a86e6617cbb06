package main

import (
	"context"
	"math/rand/v2"
	"slices"
	stdsync "sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// How many servers are asked at once.
const (
	probesAtOnce    = 4
	probesPerServer = 2
	probeTimeout    = 2 * time.Minute
	hearAgain       = 5 * time.Second // how often a sweep looks what other nodes have found out
	checkBatch      = 500             // results that are written at once
)

// A sweep asks the servers of some repositories about a staged key.
type sweep struct {
	*keyWatch
	signer ssh.Signer
	print  string // fingerprint
	begun  time.Time

	guard  stdsync.Mutex
	known  map[int64]model.KeyCheck
	heard  time.Time
	copies []model.KeyCheck // for repositories whose server was not asked, since it said enough
	failed error            // of the database
}

// A lane is one server in a sweep.
type lane struct {
	queue    chan target
	verdicts map[string]model.KeyCheck // by user; "" = for all of them. The sweep's guard holds it
	strikes  int                       // failures to reach it, in a row
}

// run asks in no order, so that two nodes seldom ask the same. The error is that of the database.
func (s *sweep) run(ctx context.Context, list []target) error {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	servers := map[string][]target{}
	for _, t := range list {
		servers[t.to.HostPort()] = append(servers[t.to.HostPort()], t)
	}
	s.heard = s.now()
	slots := make(chan struct{}, probesAtOnce)
	var all stdsync.WaitGroup
	for _, targets := range servers {
		l := &lane{queue: make(chan target, len(targets)), verdicts: map[string]model.KeyCheck{}}
		for _, t := range targets {
			l.queue <- t
		}
		close(l.queue)
		for range min(probesPerServer, len(targets)) {
			all.Go(func() {
				for t := range l.queue {
					select {
					case <-ctx.Done():
						return
					case slots <- struct{}{}:
					}
					s.ask(ctx, l, t)
					<-slots
				}
			})
		}
	}
	all.Wait()
	for batch := range slices.Chunk(s.copies, checkBatch) {
		s.note(ctx, batch)
	}
	return s.failed
}

// ask asks one server about one repository, unless the answer is known by now.
func (s *sweep) ask(ctx context.Context, l *lane, t target) {
	if ctx.Err() != nil || s.answered(ctx, l, t) {
		return
	}
	probe, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	res, err := s.servers.Probe(probe, t.to, s.signer)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		s.rememberStaged(t.to, res)
	}
	check := model.KeyCheck{RepoID: t.ID, Fingerprint: s.print, OK: err == nil, CheckedAt: s.now().UTC().Truncate(time.Microsecond)}
	if err != nil {
		f := model.AsFailure(err)
		check.Code, check.Detail = f.Code, f.Detail
		if f.Code == model.CodeInternal {
			s.log.Error("try the staged key", zap.String("repository", t.Name), zap.Error(err))
			check.Detail = "a fault of issuetrail; its log says more"
		}
	}
	s.judge(l, t.to.User, check)
	s.note(ctx, []model.KeyCheck{check})
}

// judge keeps what holds for more than one repository: a refused login for the account, a host key
// that is not trusted for the server, and a server that cannot be reached twice in a row. Repeated refusals
// would get this machine locked out.
func (s *sweep) judge(l *lane, user string, c model.KeyCheck) {
	s.guard.Lock()
	defer s.guard.Unlock()
	switch c.Code {
	case model.CodeAuthFailed:
		l.verdicts[user] = c
	case model.CodeHostKeyUnknown, model.CodeHostKeyChanged:
		l.verdicts[""] = c
	case model.CodeUnreachable, model.CodeTimeout:
		if l.strikes++; l.strikes > 1 {
			l.verdicts[""] = c
		}
		return
	}
	l.strikes = 0
}

// answered says whether the server's answer is known: by what it said of another repository, or since
// another node has asked it.
func (s *sweep) answered(ctx context.Context, l *lane, t target) bool {
	s.guard.Lock()
	defer s.guard.Unlock()
	if s.now().Sub(s.heard) >= hearAgain {
		s.heard = s.now()
		if known, err := s.keyWatch.known(ctx, s.print); err == nil {
			s.known = known
		}
	}
	if c, ok := s.known[t.ID]; ok && !c.CheckedAt.Before(s.begun) {
		return true
	}
	for _, user := range []string{"", t.to.User} {
		if c, ok := l.verdicts[user]; ok {
			c.RepoID = t.ID
			s.copies = append(s.copies, c)
			return true
		}
	}
	return false
}

func (s *sweep) note(ctx context.Context, checks []model.KeyCheck) {
	if err := s.store.PutKeyChecks(ctx, checks); err != nil && ctx.Err() == nil {
		s.guard.Lock()
		defer s.guard.Unlock()
		s.failed = err
	}
}
