package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

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
