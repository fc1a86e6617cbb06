package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// links is a set of "KEY commit-hash" and "KEY branch:name".
type links map[string]bool

// digest names a set, so that two runs can be held together.
func (l links) digest() string {
	var all []string
	for s := range l {
		all = append(all, s)
	}
	slices.Sort(all)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(all, "\n"))))[:16]
}

// equalGenerated compares the generated repository, as it is after the pushes of
// the other parts.
func (b *bench) equalGenerated(ctx context.Context) error {
	s, err := b.bigRepo(ctx)
	if err != nil {
		return err
	}
	return b.compareLinks(ctx, "generated", s, projects)
}

// compareLinks has a new daemon index a repository and holds all commits and links that
// its API tells of against git's own.
func (b *bench) compareLinks(ctx context.Context, on string, s *served, projects []string) error {
	d, err := b.newDaemon(ctx, "equal", projects)
	if err != nil {
		return err
	}
	defer d.stop()
	r, err := d.addIndexed(ctx, s)
	if err != nil {
		return err
	}
	want, err := linksOfGit(ctx, s, append([]string{benchProject}, projects...))
	if err != nil {
		return err
	}
	start := time.Now()
	got, err := d.allLinks(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.log, "  read %d links by API in %.1f s, sha256 %s; git has %d, sha256 %s\n",
		len(got), time.Since(start).Seconds(), got.digest(), len(want), want.digest())
	count, err := output(s.git.in(ctx, s.dir, "rev-list", "--count", "--branches", "--tags"))
	if err != nil {
		return err
	}
	commits, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	if commits != r.Commits {
		b.report.fault("%s: git has %d commits, issuetrail %d", on, commits, r.Commits)
	}
	b.difference(on+": a link that git has and issuetrail has not", want, got)
	b.difference(on+": a link that issuetrail has and git has not", got, want)
	b.report.add(figure{Work: on + ": commits", Value: float64(r.Commits), Against: "rev-list --count", Other: samples{float64(commits)}, Ratio: float64(r.Commits) / float64(commits), Target: "equal", Pass: new(commits == r.Commits)})
	b.report.add(figure{Work: on + ": links", Value: float64(len(got)), Against: "search over git log", Other: samples{float64(len(want))}, Ratio: float64(len(got)) / float64(len(want)), Target: "equal", Pass: new(got.digest() == want.digest())})
	return nil
}

// difference reports what a has and b has not, the first few by name.
func (b *bench) difference(what string, has, hasNot links) {
	n := 0
	for l := range has {
		if hasNot[l] {
			continue
		}
		if n++; n <= 10 {
			b.report.fault("%s: %s", what, l)
		}
	}
	if n > 10 {
		b.report.fault("%s: %d in all", what, n)
	}
}

// linksOfGit searches the messages of all commits that branches and tags reach, and the
// names of the branches.
func linksOfGit(ctx context.Context, s *served, projects []string) (links, error) {
	known := map[string]bool{}
	for _, p := range projects {
		known[p] = true
	}
	out := links{}
	err := records(s.git.in(ctx, s.dir, "log", "-z", "--branches", "--tags", "--format=%H%n%B"), func(record string) {
		hash, message, _ := strings.Cut(record, "\n")
		for _, key := range keysIn(message, known) {
			out[key+" "+hash] = true
		}
	})
	if err != nil {
		return nil, err
	}
	return out, lines(s.git.in(ctx, s.dir, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"), func(name string) {
		for _, key := range keysIn(name, known) {
			out[key+" branch:"+name] = true
		}
	})
}

// allLinks reads every issue through the API.
func (d *daemon) allLinks(ctx context.Context) (links, error) {
	var keys []string
	err := each(ctx, d.client, "/api/v1/issues", url.Values{}, func(i summary) { keys = append(keys, i.Key) })
	if err != nil {
		return nil, err
	}
	out := links{}
	var mu sync.Mutex
	var all sync.WaitGroup
	failed := make(chan error, 4)
	for worker := range cap(failed) {
		all.Go(func() {
			for i := worker; i < len(keys); i += cap(failed) {
				found, err := d.linksOf(ctx, keys[i])
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				for _, l := range found {
					out[l] = true
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	close(failed)
	return out, <-failed
}

// linksOf reads one issue, page by page.
func (d *daemon) linksOf(ctx context.Context, key string) ([]string, error) {
	var out []string
	for cursor := ""; ; {
		i, err := d.issue(ctx, key, cursor)
		if err != nil {
			return nil, err
		}
		for _, c := range i.Commits {
			out = append(out, key+" "+c.Hash)
		}
		for _, br := range i.Branches {
			out = append(out, key+" branch:"+br.Name)
		}
		if i.Next == "" {
			return out, nil
		}
		cursor = i.Next
	}
}
