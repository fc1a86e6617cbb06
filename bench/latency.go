package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// linkMS is the limit of the 95th percentile from a webhook to a readable link.
const linkMS = 250

// latency measures the way of a push through the whole program: a commit in the large
// repository, its delivery, the link under the issue.
func (b *bench) latency(ctx context.Context) error {
	s, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	d, err := b.newDaemon(ctx, "latency", projects)
	if err != nil {
		return err
	}
	defer d.stop()
	if _, err := d.addIndexed(ctx, s); err != nil {
		return err
	}
	var took samples
	for i := range b.pushes {
		p, err := s.push(ctx, "main", fmt.Sprintf("%s-%d", benchProject, 200_000+i))
		if err != nil {
			return err
		}
		if err := took.time(func() (time.Duration, error) { return d.ringAndWait(ctx, s, p) }); err != nil {
			return err
		}
	}
	b.report.atMost("webhook → link readable, p95", took.percentile(95), "ms", took, linkMS)
	b.report.atMost("  p50", took.percentile(50), "ms", nil, 0)
	b.report.atMost("  p99", took.percentile(99), "ms", nil, 0)
	return nil
}

// ringAndWait sends the delivery of a push and waits for the link.
func (d *daemon) ringAndWait(ctx context.Context, s *served, p pushed) (time.Duration, error) {
	h := newHook(s, p)
	start := time.Now()
	a, err := h.send(ctx, d.http, d.base, "push-"+p.Hash)
	if err != nil {
		return 0, err
	}
	if a.Code != http.StatusAccepted || len(a.Repositories) == 0 {
		return 0, fmt.Errorf("delivery of %s: status %d, %+v", p.Key, a.Code, a)
	}
	err = d.awaitLinked(ctx, p)
	return time.Since(start), err
}
