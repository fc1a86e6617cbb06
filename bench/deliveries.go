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

// crowd starts a daemon with many small repositories, each indexed.
func (b *bench) crowd(ctx context.Context, name string) (*daemon, []*served, error) {
	repos, err := b.crowdRepos(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err := b.newDaemon(ctx, name, projects)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range repos {
		if _, err := d.addRepo(ctx, s.url); err != nil {
			d.stop()
			return nil, nil, err
		}
	}
	if err := d.awaitQuiet(ctx); err != nil {
		d.stop()
		return nil, nil, err
	}
	return d, repos, nil
}

// awaitQuiet waits until every repository is idle.
func (d *daemon) awaitQuiet(ctx context.Context) error {
	return poll(ctx, 100*time.Millisecond, func() (bool, error) {
		quiet := true
		err := each(ctx, d.client, "/api/v1/repositories", url.Values{}, func(r repository) {
			quiet = quiet && r.State == "idle" && !r.LastSyncedAt.IsZero()
		})
		return quiet, err
	})
}

// hooksOf makes one delivery for each repository.
func hooksOf(ctx context.Context, repos []*served) ([]hook, error) {
	var out []hook
	for _, s := range repos {
		tip, err := output(s.git.in(ctx, s.dir, "rev-parse", "refs/heads/main"))
		if err != nil {
			return nil, err
		}
		out = append(out, newHook(s, pushed{Key: benchProject + "-1", Hash: tip, Old: tip, Ref: "refs/heads/main"}))
	}
	return out, nil
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
	err := each(ctx, d.client, "/api/v1/deliveries", url.Values{}, func(v struct{ ID, Status string }) {
		stored[v.ID] = v.Status == "accepted"
	})
	if err != nil {
		return err
	}
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

// onePush sends 1,000 deliveries of one push and counts the syncs they cost.
func (b *bench) onePush(ctx context.Context, d *daemon, s *served) error {
	p, err := s.push(ctx, "main", benchProject+"-300000")
	if err != nil {
		return err
	}
	before, err := d.metrics(ctx, syncCount, commitCount)
	if err != nil {
		return err
	}
	r, err := b.load(ctx, d, loadPlan{Hooks: []hook{newHook(s, p)}, Prefix: "flood", Clients: loadClients, Total: 1000, For: time.Minute})
	if err != nil {
		return err
	}
	b.all202(r, "of one push")
	if err := d.awaitQuiet(ctx); err != nil {
		return err
	}
	if err := d.awaitLinked(ctx, p); err != nil {
		return err
	}
	after, err := d.metrics(ctx, syncCount, commitCount)
	if err == nil {
		b.report.atMost("1,000 deliveries of one push: syncs", after[0]-before[0], "", nil, handful)
		b.report.atMost("  commits they received", after[1]-before[1], "", nil, 0)
	}
	return err
}

// besideFirstIndex sends deliveries at a modest rate while the large repository is
// indexed, as many times as there are rounds.
func (b *bench) besideFirstIndex(ctx context.Context, d *daemon, hooks []hook) error {
	big, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	var took, index samples
	for round := range b.rounds {
		r, indexed, err := b.besideOne(ctx, d, big, loadPlan{
			Base: d.base, Hooks: hooks, Prefix: fmt.Sprintf("beside%d", round), Clients: 2 * loadClients, Rate: besideRate, For: 10 * time.Minute,
		})
		if err != nil {
			return err
		}
		b.all202(r, "beside a first index")
		took = append(took, r.Latency...)
		index.add(indexed)
	}
	b.report.atMost(fmt.Sprintf("deliveries at %d/s beside a first index, p99", besideRate), took.percentile(99), "ms", took, besideIndexMS)
	b.report.atMost("  the first index meanwhile", index.median(), "ms", index, 0)
	return nil
}

// besideOne runs a load for as long as one first index takes, and forgets the repository.
func (b *bench) besideOne(ctx context.Context, d *daemon, big *served, p loadPlan) (*loadResult, time.Duration, error) {
	l, err := startLoad(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	defer l.kill()
	start := time.Now()
	repo, err := d.addIndexed(ctx, big)
	if err != nil {
		return nil, 0, err
	}
	took := time.Since(start)
	r, err := l.stop()
	if err != nil {
		return nil, 0, err
	}
	if err := d.do(ctx, http.MethodDelete, "/api/v1/repositories/"+repo.ID, nil, nil); err != nil {
		return nil, 0, err
	}
	return r, took, d.awaitQuiet(ctx)
}
