package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// What is asked of a restart and of memory.
const (
	restarts  = 5
	restartMS = 2000
	idleMB    = 80
)

// crash kills the daemon while it syncs all its repositories, and times the start.
func (b *bench) crash(ctx context.Context) error {
	d, _, err := b.crowd(ctx, "crash")
	if err != nil {
		return err
	}
	defer d.stop()
	var took samples
	for range restarts {
		if err := d.syncAll(ctx); err != nil {
			return err
		}
		time.Sleep(150 * time.Millisecond) // into the middle of the syncs
		d.kill()
		start := time.Now()
		if err := d.start(); err != nil {
			return err
		}
		took.add(time.Since(start))
	}
	b.report.atMost("SIGKILL → ready, with all repositories", took.median(), "ms", took, restartMS)
	return nil
}

// memory measures a git clone's processes, and the daemon at rest; the daemon's peak comes
// with each first index.
func (b *bench) memory(ctx context.Context) error {
	s, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	if err := b.gitPeak(ctx, s, "generated"); err != nil {
		return err
	}
	return b.idleMemory(ctx)
}

// gitPeak notes the most memory that the client side of a mirror clone takes.
func (b *bench) gitPeak(ctx context.Context, s *served, on string) error {
	dir := filepath.Join(b.tmp, "clone.git")
	defer os.RemoveAll(dir)
	peak, err := peakRSS(b.git.in(ctx, "", "clone", "-q", "--mirror", s.url, dir))
	b.report.atMost("clone --mirror of git, "+on+": peak RSS of its processes", float64(peak)/1e6, "MB", nil, 0)
	return err
}

// idleMemory reads the resident memory of a daemon that indexed many repositories and
// then rested, its schedules running.
func (b *bench) idleMemory(ctx context.Context) error {
	d, _, err := b.crowd(ctx, "idle")
	if err != nil {
		return err
	}
	defer d.stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(b.idle):
	}
	rss, err := d.resident()
	b.report.atMost("idle with all small repositories: RSS", rss, "MB", nil, idleMB)
	return err
}
