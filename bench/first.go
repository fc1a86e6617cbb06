package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// What the issue of the history stage asks of a first index.
const (
	firstOfGenerated = 1.0 / 5
	firstOfReal      = 1.0 / 8
	firstOfTreeless  = 1.1
	firstMB          = 200
)

// logFormat makes git log say what an index needs of each commit.
const logFormat = "--format=%H %P %an %ae %at %ct%n%B"

// bigRepo is the generated repository, served.
func (b *bench) bigRepo(ctx context.Context) (*served, error) {
	if b.big != nil {
		return b.big, nil
	}
	dir, err := b.generated(ctx, shape{Commits: b.commits, Branches: b.branches, Tags: b.branches / 50})
	if err == nil {
		b.big, err = b.serve(ctx, dir, "big")
	}
	return b.big, err
}

func (b *bench) firstIndex(ctx context.Context) error {
	s, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	return b.compareFirst(ctx, "generated", s, projects, firstOfGenerated)
}

// compareFirst measures first indexes beside mirror clones, in turn, with another one
// first in each round.
func (b *bench) compareFirst(ctx context.Context, on string, s *served, projects []string, limit float64) error {
	var ours, plain, treeless, peaks samples
	sides := []func() error{
		func() error {
			took, peak, err := b.index(ctx, s, projects)
			ours.add(took)
			peaks = append(peaks, peak)
			return err
		},
		func() error {
			took, err := b.cloneAndLog(ctx, s)
			plain.add(took)
			return err
		},
		func() error {
			took, err := b.cloneAndLog(ctx, s, "--filter=tree:0")
			treeless.add(took)
			return err
		},
	}
	for round := range b.rounds {
		for i := range sides {
			if err := sides[(round+i)%len(sides)](); err != nil {
				return err
			}
		}
		fmt.Fprintf(b.log, "  round %d: %.1f s, clone %.1f s, tree:0 %.1f s\n", round+1, ours[round]/1000, plain[round]/1000, treeless[round]/1000)
	}
	b.report.compare("first index, "+on, ours, "clone --mirror, log", plain, limit)
	b.report.compare("first index, "+on, ours, "clone --mirror --filter=tree:0, log", treeless, firstOfTreeless)
	b.report.atMost("first index, "+on+": peak RSS", peaks.percentile(100), "MB", peaks, firstMB)
	return nil
}

// index has a new daemon index a repository, and gives the time from the call that adds
// it until its links are readable, and the daemon's peak memory in MB.
func (b *bench) index(ctx context.Context, s *served, projects []string) (time.Duration, float64, error) {
	d, err := b.newDaemon(ctx, "first", projects)
	if err != nil {
		return 0, 0, err
	}
	defer d.stop()
	start := time.Now()
	if _, err := d.addIndexed(ctx, s); err != nil {
		return 0, 0, err
	}
	took := time.Since(start)
	peak, err := d.peak()
	return took, peak, err
}

// addIndexed adds a repository and waits until its links are readable.
func (d *daemon) addIndexed(ctx context.Context, s *served) (repository, error) {
	r, err := d.addRepo(ctx, s.url)
	if err != nil {
		return r, err
	}
	r, err = d.awaitSynced(ctx, r.ID, 20*time.Millisecond)
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, d.lastLog())
	}
	var page struct{ Items []summary }
	if err := d.do(ctx, http.MethodGet, "/api/v1/issues?limit=1", nil, &page); err != nil {
		return r, err
	}
	if r.LinkedCommits == 0 || len(page.Items) == 0 {
		return r, fmt.Errorf("%s is idle with %d linked commits and %d issues", r.Name, r.LinkedCommits, len(page.Items))
	}
	i, err := d.issue(ctx, page.Items[0].Key, "")
	if err == nil && len(i.Commits) == 0 && len(i.Branches) == 0 {
		err = fmt.Errorf("issue %s is listed and empty", i.Key)
	}
	return r, err
}

// cloneAndLog mirrors a repository with git and reads all commits, as a script without
// issuetrail would.
func (b *bench) cloneAndLog(ctx context.Context, s *served, args ...string) (time.Duration, error) {
	dir := filepath.Join(b.tmp, "clone.git")
	defer os.RemoveAll(dir)
	clone, err := timed(b.git.in(ctx, "", append(append([]string{"clone", "-q", "--mirror"}, args...), s.url, dir)...))
	if err != nil {
		return 0, err
	}
	log, err := timed(b.git.in(ctx, dir, "log", "--all", logFormat)) // to nowhere
	return clone + log, err
}
