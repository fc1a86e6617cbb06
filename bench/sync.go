package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// What must be reached with a held connection.
const (
	noopMany   = 1.0 / 5  // of git ls-remote, 20,000 branches
	noopFew    = 1.0 / 20 // 100 branches
	oneOfFetch = 1.0 / 5
)

// syncSamples is how many syncs a round has.
const syncSamples = 8

// timedSync has the daemon sync and gives how long the job took, as the daemon's own
// clock tells. Nothing is asked of it while the job runs, unless that takes long.
func (d *daemon) timedSync(ctx context.Context, id string) (time.Duration, error) {
	for range 5 {
		before, err := d.metrics(ctx, syncSeconds, syncCount)
		if err != nil {
			return 0, err
		}
		if err := d.sync(ctx, id); err != nil {
			return 0, err
		}
		after := before
		time.Sleep(30 * time.Millisecond)
		err = poll(ctx, 30*time.Millisecond, func() (bool, error) {
			after, err = d.metrics(ctx, syncSeconds, syncCount)
			return after != nil && after[1] > before[1], err
		})
		if err != nil {
			return 0, err
		}
		if after[1] == before[1]+1 { // else a scheduled sync came between
			_, err := d.awaitSynced(ctx, id, 2*time.Millisecond)
			return time.Duration((after[0] - before[0]) * float64(time.Second)), err
		}
	}
	return 0, fmt.Errorf("other syncs run all the time")
}

func (d *daemon) sync(ctx context.Context, id string) error {
	return d.do(ctx, http.MethodPost, "/api/v1/repositories/"+id+"/sync", nil, nil)
}

// seenSync is the time from the call that asks for a sync until the API tells of its end.
func (d *daemon) seenSync(ctx context.Context, id string) (time.Duration, error) {
	before, err := d.repo(ctx, id)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := d.sync(ctx, id); err != nil {
		return 0, err
	}
	err = poll(ctx, 2*time.Millisecond, func() (bool, error) {
		r, ok, err := d.synced(ctx, id)
		return ok && r.LastSyncedAt.After(before.LastSyncedAt), err
	})
	return time.Since(start), err
}

// noop measures a sync that finds nothing new, beside git ls-remote.
func (b *bench) noop(ctx context.Context) error {
	big, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	dir, err := b.generated(ctx, shape{Commits: b.commits / 10, Branches: 100, Tags: 20})
	if err != nil {
		return err
	}
	small, err := b.serve(ctx, dir, "small")
	if err != nil {
		return err
	}
	d, err := b.newDaemon(ctx, "noop", projects)
	if err != nil {
		return err
	}
	defer d.stop()
	if err := b.compareNoop(ctx, d, big, fmt.Sprintf("%d branches", b.branches), noopMany); err != nil {
		return err
	}
	return b.compareNoop(ctx, d, small, "100 branches", noopFew)
}

func (b *bench) compareNoop(ctx context.Context, d *daemon, s *served, on string, limit float64) error {
	r, err := d.addIndexed(ctx, s)
	if err != nil {
		return err
	}
	if _, err := d.timedSync(ctx, r.ID); err != nil { // the connection is held from here on
		return err
	}
	ssh, end, err := b.sshd.hold(ctx)
	if err != nil {
		return err
	}
	defer end()
	held := git{ssh: ssh, tmp: b.tmp}
	var job, seen, list, heldList samples
	for range b.rounds * syncSamples {
		err := errors.Join(
			job.time(func() (time.Duration, error) { return d.timedSync(ctx, r.ID) }),
			seen.time(func() (time.Duration, error) { return d.seenSync(ctx, r.ID) }),
			list.time(func() (time.Duration, error) { return timed(b.git.in(ctx, "", "ls-remote", s.url)) }),
			heldList.time(func() (time.Duration, error) { return timed(held.in(ctx, "", "ls-remote", s.url)) }),
		)
		if err != nil {
			return err
		}
	}
	b.report.compare("sync with nothing new, "+on, job, "ls-remote", list, limit)
	b.report.compare("  the same", job, "ls-remote, held connection", heldList, 0)
	b.report.compare("  the same, asked for and seen by API", seen, "ls-remote", list, 0)
	return nil
}

// oneCommit measures a sync of one new commit, beside git fetch in a mirror without trees.
func (b *bench) oneCommit(ctx context.Context) error {
	s, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	d, err := b.newDaemon(ctx, "one", projects)
	if err != nil {
		return err
	}
	defer d.stop()
	r, err := d.addIndexed(ctx, s)
	if err != nil {
		return err
	}
	mirror := filepath.Join(b.tmp, "mirror.git")
	defer os.RemoveAll(mirror)
	if err := run(b.git.in(ctx, "", "clone", "-q", "--mirror", "--filter=tree:0", s.url, mirror)); err != nil {
		return err
	}
	if _, err := d.timedSync(ctx, r.ID); err != nil {
		return err
	}
	ssh, end, err := b.sshd.hold(ctx)
	if err != nil {
		return err
	}
	defer end()
	held := git{ssh: ssh, tmp: b.tmp}
	var job, seen, fetch, heldFetch samples
	for i := range 2 * b.rounds * syncSamples {
		p, err := s.push(ctx, "main", fmt.Sprintf("%s-%d", benchProject, 100_000+i))
		if err != nil {
			return err
		}
		if i%2 == 0 {
			err = errors.Join(
				job.time(func() (time.Duration, error) { return d.timedLink(ctx, r.ID, p) }),
				fetch.time(func() (time.Duration, error) { return timed(b.git.in(ctx, mirror, "fetch", "-q", "origin")) }),
			)
		} else {
			err = errors.Join(
				seen.time(func() (time.Duration, error) { return d.seenLink(ctx, r.ID, p) }),
				heldFetch.time(func() (time.Duration, error) { return timed(held.in(ctx, mirror, "fetch", "-q", "origin")) }),
			)
		}
		if err != nil {
			return err
		}
	}
	b.report.compare("+1 commit, job start to visible", job, "fetch in a tree:0 mirror", fetch, oneOfFetch)
	b.report.compare("  the same", job, "fetch, held connection", heldFetch, 0)
	b.report.compare("  the same, asked for and seen by API", seen, "fetch in a tree:0 mirror", fetch, 0)
	return nil
}

// timedLink is timedSync for a repository that a commit was pushed to; its link must be
// readable as soon as the job is done.
func (d *daemon) timedLink(ctx context.Context, id string, p pushed) (time.Duration, error) {
	took, err := d.timedSync(ctx, id)
	if err != nil {
		return 0, err
	}
	ok, err := d.linked(ctx, p)
	if err == nil && !ok {
		err = fmt.Errorf("%s is not readable after the sync", p.Key)
	}
	return took, err
}

// seenLink is the time from the call that asks for a sync until a pushed commit is
// readable under its issue.
func (d *daemon) seenLink(ctx context.Context, id string, p pushed) (time.Duration, error) {
	start := time.Now()
	if err := d.sync(ctx, id); err != nil {
		return 0, err
	}
	err := d.awaitLinked(ctx, p)
	return time.Since(start), err
}

// awaitLinked polls until a commit is readable under its issue.
func (d *daemon) awaitLinked(ctx context.Context, p pushed) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("%s is not linked within 30 s", p.Key))
	defer cancel()
	return poll(ctx, 2*time.Millisecond, func() (bool, error) { return d.linked(ctx, p) })
}
