package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// What the door must bear on two cores.
const (
	acceptedRate  = 1000 // a second
	acceptedMS    = 50   // p99
	besideIndexMS = 250  // p99 at besideRate while a first index runs
	besideRate    = 100
	handful       = 10 // syncs that 1,000 deliveries of one push may cost
	loadClients   = 32
)

// deliveries measures the front door under load, with the syncs that the deliveries
// cause running on the same cores.
func (b *bench) deliveries(ctx context.Context) error {
	d, repos, err := b.crowd(ctx, "deliveries")
	if err != nil {
		return err
	}
	defer d.stop()
	hooks, err := hooksOf(ctx, repos)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *daemon, []hook) error{b.acceptMany, b.acceptSteady, b.acceptAndKill} {
		if err := step(ctx, d, hooks); err != nil {
			return err
		}
	}
	if err := b.onePush(ctx, d, repos[0]); err != nil {
		return err
	}
	return b.besideFirstIndex(ctx, d, hooks)
}

// load runs one load to its end.
func (b *bench) load(ctx context.Context, d *daemon, p loadPlan) (*loadResult, error) {
	p.Base = d.base
	if p.For == 0 {
		p.For = b.loadFor
	}
	l, err := startLoad(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.wait()
}

// acceptMany sends as fast as the answers come.
func (b *bench) acceptMany(ctx context.Context, d *daemon, hooks []hook) error {
	r, err := b.load(ctx, d, loadPlan{Hooks: hooks, Prefix: "many", Clients: loadClients})
	if err != nil {
		return err
	}
	b.report.atLeast("deliveries accepted, as fast as they come", float64(len(r.Accepted))/r.Took.Seconds(), "/s", acceptedRate)
	b.report.atMost("  p99", r.Latency.percentile(99), "ms", nil, acceptedMS)
	b.report.atMost("  p50", r.Latency.percentile(50), "ms", nil, 0)
	b.all202(r, "as fast as they come")
	if err := b.drain(ctx, d, "  until all their syncs are done"); err != nil {
		return err
	}
	return b.noneLost(ctx, d, r, "as fast as they come")
}

// acceptSteady sends at the wanted rate; what is sent late counts from when it was due.
func (b *bench) acceptSteady(ctx context.Context, d *daemon, hooks []hook) error {
	r, err := b.load(ctx, d, loadPlan{Hooks: hooks, Prefix: "steady", Clients: 2 * loadClients, Rate: acceptedRate})
	if err != nil {
		return err
	}
	b.report.atMost(fmt.Sprintf("deliveries at %d/s, p99", acceptedRate), r.Latency.percentile(99), "ms", nil, acceptedMS)
	b.report.atMost("  p50", r.Latency.percentile(50), "ms", nil, 0)
	b.all202(r, "steady")
	if err := b.drain(ctx, d, "  until all their syncs are done"); err != nil {
		return err
	}
	return b.noneLost(ctx, d, r, "steady")
}

// acceptAndKill kills the daemon in the middle of a load: what was answered 202 must be
// there after the start.
func (b *bench) acceptAndKill(ctx context.Context, d *daemon, hooks []hook) error {
	l, err := startLoad(ctx, loadPlan{Base: d.base, Hooks: hooks, Prefix: "kill", Clients: loadClients, For: b.loadFor})
	if err != nil {
		return err
	}
	defer l.kill()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(b.loadFor / 4):
	}
	d.kill()
	r, err := l.stop()
	if err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	if err := b.noneLost(ctx, d, r, "killed"); err != nil {
		return err
	}
	if err := d.syncAll(ctx); err != nil { // else the start spreads its syncs over minutes
		return err
	}
	return d.awaitQuiet(ctx)
}

func (b *bench) drain(ctx context.Context, d *daemon, work string) error {
	start := time.Now()
	err := d.awaitQuiet(ctx)
	b.report.atMost(work, time.Since(start).Seconds()*1000, "ms", nil, 0)
	return err
}

func (b *bench) all202(r *loadResult, which string) {
	if r.Sent != r.Statuses[fmt.Sprint(http.StatusAccepted)] {
		b.report.fault("deliveries %s: of %d sent the answers are %v %s", which, r.Sent, r.Statuses, r.LastErr)
	}
}

// noneLost compares what was answered 202 with the delivery log.
func (b *bench) noneLost(ctx context.Context, d *daemon, r *loadResult, which string) error {
	stored := map[string]bool{}
	start := time.Now()
	err := each(ctx, d.client, "/api/v1/deliveries", url.Values{}, func(v struct{ ID, Status string }) {
		stored[v.ID] = v.Status == "accepted"
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(b.log, "  read %d deliveries by API in %.1f s\n", len(stored), time.Since(start).Seconds())
	lost := 0
	for _, id := range r.Accepted {
		if !stored[id] {
			lost++
		}
	}
	b.report.atMost(fmt.Sprintf("  lost of %d answered 202, %s", len(r.Accepted), which), float64(lost), "", nil, 0)
	if lost > 0 {
		b.report.fault("deliveries %s: %d of %d are lost", which, lost, len(r.Accepted))
	}
	return nil
}
