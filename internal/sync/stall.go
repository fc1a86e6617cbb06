package sync

import (
	"context"
	"sync/atomic"
	"time"

	"issuetrail/internal/model"
)

// When a job counts as stalled, and what follows.
const (
	stallTick  = time.Second
	stallAfter = 3        // ticks in a row with less than slowBytes
	slowBytes  = 64 << 10 // received in a tick: a job below waits, it does not work
	overbook   = 4        // times the workers may run at once, stalled jobs included
)

// A pulse tells whether a job works or waits for its server. Servers that hang or trickle
// would else take all workers, and everybody else's syncs would wait for them.
type pulse struct {
	waiting  atomic.Bool  // for the server: inside a call of the session, and not in emit
	bytes    atomic.Int64 // received
	answered atomic.Bool  // the server listed refs: whatever came after, it can be reached
}

func (p *pulse) wait() (over func()) {
	p.waiting.Store(true)
	return func() { p.waiting.Store(false) }
}

// watch takes the job out of the count of busy workers while it is stalled, until stop is called.
func (w *workers) watch(p *pulse) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(stallTick)
		defer ticker.Stop()
		slow, before := 0, int64(0)
		for {
			select {
			case <-quit:
				if slow >= stallAfter {
					w.stalled.Add(-1)
				}
				return
			case <-ticker.C:
			}
			was := slow
			now := p.bytes.Load()
			if slow++; !p.waiting.Load() || now-before >= slowBytes {
				slow = 0
			}
			before = now
			switch {
			case slow == stallAfter:
				w.stalled.Add(1)
				w.nudge()
			case slow == 0 && was >= stallAfter:
				w.stalled.Add(-1)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// full says whether no further job may start: all workers work, or too many wait.
func (w *workers) full(workers int) bool {
	running := int(w.running.Load())
	return running-int(w.stalled.Load()) >= workers || running >= overbook*workers
}

// A watched history feels the pulse of what it opens.
type watched struct {
	History
	pulse *pulse
}

func (h watched) Open(ctx context.Context, a model.Address) (Session, error) {
	defer h.pulse.wait()()
	s, err := h.History.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	return watchedSession{s, h.pulse}, nil
}

type watchedSession struct {
	Session
	pulse *pulse
}

func (s watchedSession) Refs(ctx context.Context, same [32]byte) (model.RefList, error) {
	defer s.pulse.wait()()
	list, err := s.Session.Refs(ctx, same)
	if err == nil {
		s.pulse.answered.Store(true)
	}
	return list, err
}

func (s watchedSession) Fetch(ctx context.Context, wants, haves []model.Hash, progress func(model.Progress),
	emit func(model.RawCommit) error,
) (map[model.Hash]model.Hash, error) {
	defer s.pulse.wait()()
	return s.Session.Fetch(ctx, wants, haves,
		func(at model.Progress) {
			s.pulse.bytes.Store(at.Bytes)
			progress(at)
		},
		func(c model.RawCommit) error {
			s.pulse.waiting.Store(false)
			defer s.pulse.waiting.Store(true)
			return emit(c)
		})
}
