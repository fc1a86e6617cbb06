package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command prepares a program in its own process group. When ctx ends the whole group
// is killed, and nothing else.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 5 * time.Second
	return c
}

// run runs c to its end; the error holds what it wrote to standard error.
func run(c *exec.Cmd) error {
	var stderr bytes.Buffer
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w: %.2000s", strings.Join(c.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// output is run with what c wrote to standard output, without the last line break.
func output(c *exec.Cmd) (string, error) {
	var stdout bytes.Buffer
	c.Stdout = &stdout
	err := run(c)
	return strings.TrimRight(stdout.String(), "\n"), err
}

// status reads a field of /proc/PID/status, such as VmHWM, in bytes.
func status(pid int, field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, field)
}

// groupRSS sums the resident memory of a process group, in bytes. Pages that two
// processes share count twice.
func groupRSS(pgid int) int64 {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var sum int64
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if g, err := syscall.Getpgid(pid); err != nil || g != pgid {
			continue
		}
		rss, _ := status(pid, "VmRSS") // gone meanwhile: zero
		sum += rss
	}
	return sum
}

// peakRSS runs c and gives the peak of its process group, sampled every 10 ms.
func peakRSS(c *exec.Cmd) (int64, error) {
	var peak int64
	if err := c.Start(); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return peak, err
		case <-tick.C:
			peak = max(peak, groupRSS(c.Process.Pid))
		}
	}
}

// poll asks done every d until it says yes, fails, or ctx ends.
func poll(ctx context.Context, d time.Duration, done func() (bool, error)) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// lines runs c and gives each line of its standard output to f.
func lines(c *exec.Cmd, f func(line string)) error { return scan(c, '\n', f) }

// records is lines for output with NUL between records.
func records(c *exec.Cmd, f func(record string)) error { return scan(c, 0, f) }

func scan(c *exec.Cmd, end byte, f func(string)) error {
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	r := bufio.NewReaderSize(out, 1<<18)
	for {
		s, err := r.ReadString(end)
		if s = strings.TrimSuffix(s, string(end)); s != "" {
			f(s)
		}
		if err != nil {
			break // the end, or what Wait tells
		}
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %.2000s", strings.Join(c.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
