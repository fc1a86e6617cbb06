package main

import (
	"context"
	stdsync "sync"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
	"issuetrail/internal/sync"
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

// listenTo is a stand-in until the listener is there.
func (a *app) listenTo(ctx context.Context, s stream) { <-ctx.Done() }

func moverOf(s any) sync.Mover { m, _ := s.(sync.Mover); return m }
