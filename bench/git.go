package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A git runs the git program without the user's or the machine's configuration.
type git struct {
	ssh string // GIT_SSH_COMMAND; "" where nothing is fetched
	tmp string // home folder, empty
}

// in prepares git in a folder; an empty folder means the current one.
func (g git) in(ctx context.Context, dir string, args ...string) *exec.Cmd {
	all := []string{"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.detachedHead=false"}
	if dir != "" {
		all = append([]string{"-C", dir}, all...)
	}
	c := command(ctx, "git", append(all, args...)...)
	c.Env = append(cleanEnv(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"HOME="+g.tmp, "LC_ALL=C", "GIT_SSH_COMMAND="+g.ssh)
	return c
}

// cleanEnv is our environment without what would steer git or the daemon.
func cleanEnv() []string {
	var out []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") && !strings.HasPrefix(e, "ISSUETRAIL_") {
			out = append(out, e)
		}
	}
	return out
}

// timed runs c and gives how long it took.
func timed(c *exec.Cmd) (time.Duration, error) {
	start := time.Now()
	err := run(c)
	return time.Since(start), err
}
