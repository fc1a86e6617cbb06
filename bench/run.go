package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func newBench(ctx context.Context, o options) (*bench, error) {
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return nil, err
	}
	work, err := filepath.Abs(o.work)
	if err != nil {
		return nil, err
	}
	o.work = work
	b := &bench{options: o, log: os.Stderr}
	if b.tmp, err = os.MkdirTemp(work, "run-"); err != nil {
		return nil, err
	}
	ssh := filepath.Join(b.tmp, "ssh")
	if err := os.Mkdir(ssh, 0o700); err != nil {
		return nil, err
	}
	if b.sshd, err = startSSHD(ssh); err != nil {
		b.close()
		return nil, err
	}
	b.git = git{ssh: b.sshd.sshCommand(), tmp: b.tmp}
	if b.bin == "" {
		b.bin = filepath.Join(b.tmp, "issuetrail")
		err = run(command(ctx, "go", "build", "-trimpath", "-o", b.bin, "./cmd/daemon"))
	}
	if err == nil {
		err = b.describe(ctx)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// describe notes what the figures were measured on.
func (b *bench) describe(ctx context.Context) error {
	git, err := output(b.git.in(ctx, "", "version"))
	if err != nil {
		return err
	}
	sync, err := syncTime(b.tmp)
	b.report.Machine = map[string]string{
		"cpus": fmt.Sprint(runtime.NumCPU()), "git": git, "go": runtime.Version(), "started": time.Now().UTC().Format(time.RFC3339),
		"fsync": fmt.Sprintf("%.1f ms", sync), "parts": b.only,
	}
	fmt.Fprintf(b.log, "%d CPUs, %s, %s, fsync of 4 kB %.1f ms, load %s\n", runtime.NumCPU(), git, runtime.Version(), sync, loadAverage())
	return err
}

// syncTime is the median of a few appends of 4 kB with fsync, in ms: the floor of every
// durable answer.
func syncTime(dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "fsync")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var s samples
	for range 50 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		s.add(time.Since(start))
	}
	return s.median(), os.Remove(f.Name())
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// close stops sshd and removes the files of the run.
func (b *bench) close() {
	if b.sshd != nil {
		b.sshd.tb.cleanup()
	}
	_ = os.RemoveAll(b.tmp)
}
