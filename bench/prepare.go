package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// generatorVersion is part of the name of a cached repository: raise it when the
// generator writes another one.
const generatorVersion = 3

// generated gives a repository of the wanted shape, made once and kept in the cache.
func (b *bench) generated(ctx context.Context, s shape) (string, error) {
	name := fmt.Sprintf("generated-v%d-%d-%d.git", generatorVersion, s.Commits, s.Branches)
	return b.cached(ctx, name, func(dir string) error {
		fmt.Fprintf(b.log, "generating %d commits, %d branches: some minutes, once\n", s.Commits, s.Branches)
		if err := run(b.git.in(ctx, "", "init", "-q", "--bare", "-b", "main", dir)); err != nil {
			return err
		}
		if err := b.fastImport(ctx, dir, s); err != nil {
			return err
		}
		return b.pack(ctx, dir, "-f") // fast-import makes poor deltas
	})
}

func (b *bench) fastImport(ctx context.Context, dir string, s shape) error {
	c := b.git.in(ctx, dir, "fast-import", "--quiet", "--done", "--active-branches=64")
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() {
		err := writeHistory(in, s, 7)
		in.Close()
		written <- err
	}()
	if err := run(c); err != nil {
		return err
	}
	return <-written
}

// pack brings a repository into the form that a well kept server has: one pack with a
// bitmap, packed refs, a commit graph.
func (b *bench) pack(ctx context.Context, dir string, args ...string) error {
	for _, args := range [][]string{
		{"pack-refs", "--all"},
		append([]string{"repack", "-q", "-adb"}, args...),
		{"commit-graph", "write", "--reachable", "--no-progress"},
	} {
		if err := run(b.git.in(ctx, dir, args...)); err != nil {
			return err
		}
	}
	return nil
}

// cached makes a folder of the cache unless it is there. What is made appears under
// its name when it is complete; a second run waits for the first.
func (b *bench) cached(ctx context.Context, name string, build func(dir string) error) (string, error) {
	dir := filepath.Join(b.work, name)
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	part := dir + ".part" // of a run that was killed
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	start := time.Now()
	if err := build(part); err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	fmt.Fprintf(b.log, "made %s in %.0f s\n", name, time.Since(start).Seconds())
	return dir, os.Rename(part, dir)
}

// lock waits until no other process holds the file. A process that dies holds nothing.
func lock(ctx context.Context, file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = poll(ctx, 200*time.Millisecond, func() (bool, error) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return f.Close, nil
}
