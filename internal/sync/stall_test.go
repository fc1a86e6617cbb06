package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"issuetrail/internal/model"
)

// TestHungHosts: two servers that hang hold no other up, though each has as many jobs as it may and
// together they have all workers. When data comes again the workers are busy again.
func TestHungHosts(t *testing.T) {
	o := appOptions
	o.Workers, o.PerHost = 8, 4
	host := func(id int) string {
		switch {
		case id <= 20:
			return "hung1"
		case id <= 40:
			return "hung2"
		}
		return ownHost(id - 40)
	}
	inYard(t, o, 70, host, func(y *yard) {
		y.settle()
		y.settle()
		y.history.onFetch = func(ctx context.Context, n int) error {
			if n <= 8 {
				<-time.After(10 * time.Minute)
			} else if n > 9 {
				<-time.After(time.Minute)
			}
			return nil
		}
		for id := 1; id <= 40; id++ {
			y.enqueue(id, model.PriorityWebhook)
		}
		synctest.Wait()
		if n := y.runner.Stats().Running; n != 8 {
			t.Fatalf("%d run", n)
		}
		y.enqueue(41, model.PriorityWebhook)
		<-time.After((stallAfter + 1) * stallTick)
		if y.syncs(resultChanged) != 1 {
			t.Fatalf("a healthy host waits for hung ones: %+v", y.runner.Stats())
		}
		y.history.fast.Store(true) // the hung ones, and those that come now
		<-time.After(2 * stallTick)
		for id := 42; id <= 70; id++ {
			y.enqueue(id, model.PriorityWebhook)
		}
		synctest.Wait()
		if n := y.runner.Stats().Running; n != 8 {
			t.Errorf("%d run beside the slow ones that go on", n)
		}
		y.history.fast.Store(false)
		<-time.After(time.Minute / 2)
		if n := y.runner.Stats().Running; n != 32 {
			t.Errorf("%d run, most of them stalled", n)
		}
		<-time.After(30 * time.Minute)
		if n, stalled := y.runner.Stats().Running, y.runner.workers.stalled.Load(); n != 0 || stalled != 0 {
			t.Errorf("%d run and %d are stalled at the end", n, stalled)
		}
	})
}

// TestHungRepo: a repository that never gets through keeps nobody away from its host.
func TestHungRepo(t *testing.T) {
	inYard(t, appOptions, 3, oneHost, func(y *yard) {
		y.settle()
		var bad atomic.Bool
		bad.Store(true)
		y.history.onFetch = func(context.Context, int) error {
			if bad.Load() {
				return &model.Failure{Code: model.CodeTimeout, Detail: "nothing for 60 s"}
			}
			return nil
		}
		y.enqueue(1, model.PriorityWebhook)
		y.enqueue(2, model.PriorityWebhook)
		<-time.After(2 * time.Hour)
		if y.syncs(model.CodeTimeout) < 10 || y.runner.Stats().OpenHosts != 0 {
			t.Fatalf("%+v", y.runner.Stats())
		}
		bad.Store(false)
		y.enqueue(3, model.PriorityWebhook)
		synctest.Wait()
		if y.syncs(resultChanged) != 1 {
			t.Errorf("%+v", y.runner.Stats())
		}
	})
}

// TestPulse: who waits for the server is told from who is busy with what it sent.
func TestPulse(t *testing.T) {
	h := newFakeHistory()
	h.commit("main", "one")
	p := &pulse{}
	s, err := watched{h, p}.Open(t.Context(), model.Address{Host: "h"})
	if err != nil || p.waiting.Load() || p.answered.Load() {
		t.Fatal(err, p)
	}
	if _, err := s.Refs(t.Context(), [32]byte{}); err != nil || !p.answered.Load() {
		t.Fatal(err)
	}
	h.onFetch = func(context.Context, int) error {
		if !p.waiting.Load() {
			t.Error("it does not wait")
		}
		return nil
	}
	full := errors.New("full")
	_, err = s.Fetch(t.Context(), []model.Hash{h.refs["refs/heads/main"].Tip}, nil, func(model.Progress) {}, func(model.RawCommit) error {
		if p.waiting.Load() {
			t.Error("it waits while it stores")
		}
		return full
	})
	if !errors.Is(err, full) || p.waiting.Load() {
		t.Error(err, p)
	}
}
