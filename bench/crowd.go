package main

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

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

// syncAll queues a sync of every repository, now.
func (d *daemon) syncAll(ctx context.Context) error {
	return d.do(ctx, http.MethodPost, "/api/v1/repositories/sync", nil, nil)
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

// crowdRepos are the small repositories, made once for all parts.
func (b *bench) crowdRepos(ctx context.Context) ([]*served, error) {
	if b.small == nil {
		var err error
		if b.small, err = b.tiny(ctx, b.repos); err != nil {
			return nil, err
		}
	}
	return b.small, nil
}
