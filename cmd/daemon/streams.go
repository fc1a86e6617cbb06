package main

import (
	"context"
	stdsync "sync"

	"go.uber.org/zap"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
	"issuetrail/internal/webhook"
)

// A stream is an entry of hosts whose events are read over SSH.
type stream struct{ name, kind, address string }

// streams lists them.
func (d *directory) streams() map[stream]bool {
	list := map[stream]bool{}
	for _, e := range d.entries {
		if e.StreamEvents != "" && hosts.StreamCommand(e.Kind) != "" {
			list[stream{e.Name, e.Kind, e.StreamEvents}] = true
		}
	}
	return list
}

// target is the SSH server of the stream. Its path has no meaning.
func (s stream) target() (model.Address, error) { return model.ParseAddress(s.address + "/events") }

// listen reads the events of all entries that ask for it, until ctx is done; after a reload it
// stops what is no longer wanted and starts what is new.
func (a *app) listen(ctx context.Context) {
	var all stdsync.WaitGroup
	defer all.Wait()
	running := map[stream]context.CancelFunc{}
	for {
		wanted := a.directory.Load().streams()
		for s, stop := range running {
			if !wanted[s] {
				stop()
				delete(running, s)
			}
		}
		for s := range wanted {
			if running[s] == nil {
				one, stop := context.WithCancel(ctx)
				running[s] = stop
				all.Go(func() { a.listenTo(one, s) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-a.redirected:
		}
	}
}

// relisten has listen look at the config again.
func (a *app) relisten() {
	select {
	case a.redirected <- struct{}{}:
	default:
	}
}

// advised gives a failure of an SSH connection its host's advice.
func (a *app) advised(to model.Address, err error) error {
	if err == nil {
		return nil
	}
	return a.directory.Load().advise(to, err)
}

// listenTo reads the events of one entry until ctx is done. The listener of an entry is kept, for
// its counts, also when a reload ends and begins it again.
func (a *app) listenTo(ctx context.Context, s stream) {
	to, err := s.target()
	host, ok := hosts.ByKind(s.kind)
	if err != nil || !ok {
		return // the config is checked for both
	}
	log := a.log.Named("webhook")
	log.Info("reads the events of a host", zap.String("host", s.name), zap.String("address", to.HostPort()))
	l, _ := a.listeners.LoadOrStore(s, &webhook.Listener{
		Open: func(ctx context.Context, line func([]byte) error) error {
			return a.advised(to, a.pool.Stream(ctx, to, hosts.StreamCommand(s.kind), line))
		},
		Host: host, Name: s.name, Inbox: a.store, Log: log,
	})
	l.(*webhook.Listener).Run(ctx)
}

// deliveryCounts are those of both doors: webhooks, and events over SSH.
func (a *app) deliveryCounts() []webhook.Count {
	type label struct {
		host    string
		outcome webhook.Outcome
	}
	sum := map[label]uint64{}
	add := func(counts []webhook.Count) {
		for _, c := range counts {
			sum[label{c.Host, c.Outcome}] += c.N
		}
	}
	add(a.webhook.Stats().Counts)
	a.listeners.Range(func(_, l any) bool {
		add(l.(*webhook.Listener).Counts())
		return true
	})
	list := make([]webhook.Count, 0, len(sum))
	for l, n := range sum {
		list = append(list, webhook.Count{Host: l.host, Outcome: l.outcome, N: n})
	}
	return list
}
